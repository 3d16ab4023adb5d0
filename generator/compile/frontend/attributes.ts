// Takes Metal's `[[...]]` attributes out of the program and records what they say.

import { at, type Range } from './navigate.js';
import type { Unit } from './unit.js';

/** `name(argument)` of an attribute list. */
export interface Attribute {
  readonly name: string;
  /** Text between the parentheses, strings included. */
  readonly argument: string;
}

/** Attributes that stock clang knows stay where they are. */
export const KEPT_ATTRIBUTES: ReadonlySet<string> = new Set([
  'maybe_unused',
  'nodiscard',
  'clang',
  'gnu',
  'unlikely',
  'likely',
  'fallthrough',
]);

/** Records every attribute list under the position of its first `[` and removes those that only Metal knows. */
export function extractAttributes(unit: Unit): void {
  for (let index = 0; index < unit.tokens.length - 1; index += 1) {
    const open = at(unit, index);
    const inner = at(unit, index + 1);
    if (open.source !== '[' || inner.source !== '[' || inner.match < 0 || inner.match !== open.match - 1)
      continue;
    // `a[b[0] ]` closes with a space between; `[[` of an attribute never does.
    if (at(unit, open.match).before !== '') continue;
    const list = parseAttributes(unit, { begin: index + 2, end: inner.match });
    unit.attributes.set(index, list);
    const first = at(unit, index + 2).source;
    if (!KEPT_ATTRIBUTES.has(first)) {
      for (let position = index; position <= open.match; position += 1) at(unit, position).removed = true;
    }
    index = open.match;
  }
}

function parseAttributes(unit: Unit, range: Range): Attribute[] {
  const list: Attribute[] = [];
  let position = range.begin;
  while (position < range.end) {
    let name = '';
    while (
      position < range.end &&
      (at(unit, position).kind === 'identifier' || at(unit, position).source === '::')
    ) {
      name += at(unit, position).source;
      position += 1;
    }
    let argument = '';
    const open = at(unit, position);
    if (open.source === '(' && open.match > position) {
      argument = plainText(unit, position + 1, open.match);
      position = open.match + 1;
    }
    if (name !== '') list.push({ name: name.replace(/^metal::/u, ''), argument });
    while (position < range.end && at(unit, position).source !== ',') position += 1;
    position += 1;
  }
  return list;
}

function plainText(unit: Unit, begin: number, end: number): string {
  const parts: string[] = [];
  for (let position = begin; position < end; position += 1) parts.push(at(unit, position).source);
  return parts.join(' ');
}

/** All attributes whose list starts within a range. */
export function attributesWithin(unit: Unit, begin: number, end: number): Attribute[] {
  const found: Attribute[] = [];
  for (let position = begin; position < end; position += 1) {
    const list = unit.attributes.get(position);
    if (list) found.push(...list);
  }
  return found;
}

/** The strings of an attribute argument, joined as C joins them. */
export function stringValue(argument: string): string {
  return [...argument.matchAll(/"((?:[^"\\]|\\.)*)"/gu)].map((match) => match[1] ?? '').join('');
}
