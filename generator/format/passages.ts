// Cuts Metal at its blank lines into passages that can be laid out alone, and puts them back together. clang-format looks no
// further than from one blank line to the next; all that a passage needs to know of its surroundings is how deep it stands.

import { scanCode } from '../emit/scan.js';

export interface Passage {
  readonly text: string;
  /** Open blocks where it starts, and where it ends. */
  readonly depthBefore: number;
  readonly depthAfter: number;
}

interface Bracket {
  readonly text: string;
  readonly offset: number;
  /** A block of statements that any other block of the same depth could stand for. */
  readonly isBlock: boolean;
}

const BLANK_LINES = /(?:[ \t]*\n)+/y;
const CONDITIONAL = /[ \t]*#[ \t]*(if|endif)/y;

export function splitPassages(text: string): Passage[] {
  const passages: Passage[] = [];
  const open: Bracket[] = [];
  let closed: Bracket | undefined;
  let conditionals = conditionalStep(text, 0);
  let start = 0;
  let depthBefore = 0;
  const cut = (end: number, next: number): void => {
    const passage = text.slice(start, end);
    const depthAfter = open.length;
    if (passage.trim() !== '') passages.push({ text: passage, depthBefore, depthAfter });
    start = next;
    depthBefore = depthAfter;
  };
  for (const { text: token, offset } of scanCode(text)) {
    if (token === '\n') {
      conditionals += conditionalStep(text, offset + 1);
      BLANK_LINES.lastIndex = offset + 1;
      const isFree = conditionals === 0 && open.every((bracket) => bracket.isBlock);
      if (isFree && BLANK_LINES.test(text) && staysBlank(text, offset, BLANK_LINES.lastIndex)) {
        cut(offset + 1, BLANK_LINES.lastIndex);
      }
    } else if ('([{'.includes(token)) {
      open.push({ text: token, offset, isBlock: token === '{' && opensBlock(text, offset, closed) });
    } else {
      closed = open.pop();
    }
  }
  cut(text.length, text.length);
  return passages;
}

/** Stands between the passages of a call; no template prints it. */
const SEPARATOR = '//%%';

/** Lays out passages, each with blocks around it as deep as it stands in, and takes them off again. */
export function formatPassages(passages: readonly Passage[], format: (text: string) => string): string[] {
  const wrapped = passages.map(({ text, depthBefore, depthAfter }) => {
    const opening = Array.from({ length: depthBefore }, (_, depth) =>
      depth === 0 ? 'void f() {\n' : 'if (x) {\n',
    );
    return `${opening.join('')}${text}${'}\n'.repeat(depthAfter)}`;
  });
  const formatted = format(wrapped.join(`\n${SEPARATOR}\n\n`)).split(`\n${SEPARATOR}\n`);
  return passages.map(({ depthBefore, depthAfter }, at) => {
    const lines = (formatted[at] ?? '').trim().split('\n');
    return `${lines.slice(depthBefore, lines.length - depthAfter).join('\n')}\n`;
  });
}

/** Blank lines just inside a block are dropped, so nothing may be cut there. */
function staysBlank(text: string, lineEnd: number, next: number): boolean {
  const lastLine = text.slice(text.lastIndexOf('\n', lineEnd - 1) + 1, lineEnd);
  return !/\{\s*(\/\/.*)?$/.test(lastLine) && !/^\s*\}/.test(text.slice(next, next + 80));
}

/** Bodies of functions, loops and branches do; those of lambdas, switches, types and initialisers have rules of their own. */
function opensBlock(text: string, offset: number, closed: Bracket | undefined): boolean {
  const before = text.slice(0, offset).trimEnd();
  if (before.endsWith('else')) return true;
  if (!before.endsWith(')') || closed?.text !== '(') return false;
  return !/(\bswitch|\])\s*$/.test(text.slice(Math.max(0, closed.offset - 20), closed.offset));
}

function conditionalStep(text: string, lineStart: number): number {
  CONDITIONAL.lastIndex = lineStart;
  const word = CONDITIONAL.exec(text)?.[1];
  if (word === undefined) return 0;
  return word === 'if' ? 1 : -1;
}
