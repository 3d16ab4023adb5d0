// A fault: one place of a generated kernel, changed as a person might get it wrong, and what must come of it.

import type { Check } from '../../generator/native/types.js';

/** How validation finds a fault: by numbers that are wrong, or by what a check reports. */
export type Finding = 'values' | Check;

export interface Fault {
  /** What went wrong, in a few words. */
  readonly name: string;
  readonly kernel: string;
  /** The helper function that has the mistake; the kernel's own if there is none. */
  readonly inside?: string;
  /** Distinctive text, of which any run of white space stands for any other. */
  readonly find: string;
  readonly replace: string;
  /** All of these must be found, whatever else may be. */
  readonly finds: readonly Finding[];
  /** The only case that it is tried on; without one, a choice that knows no fault. */
  readonly case?: string;
  /** Every number is right all the same: nothing but a check can tell. */
  readonly silent?: true;
}

/** A kernel's source with the fault in it. The text must stand there once, or the fault is not the one that is meant. */
export function plantFault(text: string, fault: Fault): string {
  const { start, end } = findFunction(text, fault.inside ?? fault.kernel);
  const own = text.slice(start, end);
  const pattern = new RegExp(fault.find.trim().split(/\s+/u).map(escapePattern).join('\\s+'), 'gu');
  const places = [...own.matchAll(pattern)];
  const [place] = places;
  if (place === undefined || places.length > 1) {
    throw new Error(
      `'${fault.name}': its text is ${places.length} times in ${fault.inside ?? fault.kernel}: ${fault.find}`,
    );
  }
  const at = start + place.index;
  return text.slice(0, at) + fault.replace + text.slice(at + place[0].length);
}

function findFunction(text: string, name: string): { readonly start: number; readonly end: number } {
  const starts = [
    ...text.matchAll(new RegExp(`^(?:inline|kernel|\\[\\[.*\\]\\] kernel)\\s[^;{}]*?\\b${name}\\(`, 'gmu')),
  ];
  const [start] = starts;
  if (start === undefined || starts.length > 1) {
    throw new Error(`the function ${name} is defined ${starts.length} times`);
  }
  const end = text.indexOf('\n}\n', start.index);
  return { start: start.index, end: end < 0 ? text.length : end };
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/gu, '\\$&');
}
