// Turns rendered kernels into laid-out ones. Kernels of a set share most of their passages, and clang-format costs more than
// all other stages together, so each passage is laid out once, and many of them in one call.

import { loadClangFormat, type TextFormatter } from './clang-format.js';
import { formatPassages, splitPassages, type Passage } from './passages.js';

/** Beyond that, a call's own cost no longer matters. */
const CALL_LENGTH = 16_384;

/** Lays out texts that have much in common; keeps what they mean, and changes nothing the second time. */
export type MslFormatter = (texts: readonly string[]) => string[];

/** A formatter that remembers passages. */
export async function createMslFormatter(): Promise<MslFormatter> {
  const format = await loadClangFormat();
  const known = new Map<string, string>();
  return (texts) => {
    const all = texts.map((text) => splitPassages(text).map(separateComment));
    const codes = all.flat().map(({ code }) => code);
    const unknown = new Map(codes.map((code) => [keyOf(code), code]));
    for (const key of unknown.keys()) if (known.has(key) || key === EMPTY) unknown.delete(key);
    for (const call of callsFor([...unknown.values()])) layOut(call, format, known);
    return all.map((passages) =>
      passages.map(({ comment, code }) => `${comment}${known.get(keyOf(code)) ?? ''}`).join('\n'),
    );
  };
}

function layOut(passages: readonly Passage[], format: TextFormatter, known: Map<string, string>): void {
  formatPassages(passages, format).forEach((text, at) => {
    const passage = passages[at];
    if (passage !== undefined) known.set(keyOf(passage), text);
  });
}

/** Of all passages that are laid out alike; of those without code, nothing. */
function keyOf({ depthBefore, depthAfter, text }: Passage): string {
  return text.trim() === '' ? EMPTY : `${depthBefore} ${depthAfter} ${text}`;
}

const EMPTY = '';

interface Parts {
  /** What stands above a definition, a third of all text: it stays as the template wrote it. */
  readonly comment: string;
  readonly code: Passage;
}

function separateComment(passage: Passage): Parts {
  const comment = passage.depthBefore === 0 ? (/^(?:\/\/.*\n)*/.exec(passage.text)?.[0] ?? '') : '';
  return {
    comment: comment.replaceAll(/[ \t]+$/gm, ''),
    code: { ...passage, text: passage.text.slice(comment.length) },
  };
}

function callsFor(passages: readonly Passage[]): Passage[][] {
  const calls: Passage[][] = [];
  let length = Infinity;
  for (const passage of passages) {
    if (length > CALL_LENGTH) {
      calls.push([]);
      length = 0;
    }
    calls.at(-1)?.push(passage);
    length += passage.text.length;
  }
  return calls;
}
