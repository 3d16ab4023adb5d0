// References to components of vectors: Metal has none that may write, while the library's classes would allow them.

import { at, endOfStatement, next, previous } from './navigate.js';
import type { Unit } from './unit.js';
import { VECTOR_TYPES } from './words.js';

const COMPONENT = /^[xyzwrgba]$/u;
const HEADS = new Set(['for', 'if', 'while', 'switch']);
const NOT_DECLARING = new Set(['return', 'else', 'case', 'do']);

/** Whether the initialiser at `first` is a component of a variable that is a vector for certain. */
export function namesComponent(unit: Unit, first: number): boolean {
  const end = endOfStatement(unit, first);
  const mark = at(unit, next(unit, first));
  const isMember = mark.source === '.' && COMPONENT.test(at(unit, end - 1).source) && end === first + 3;
  const isElement = mark.source === '[' && mark.match === end - 1;
  return at(unit, first).kind === 'identifier' && (isMember || isElement) && isVector(unit, first);
}

/** Looks for the declaration backwards, through the blocks around, as far as the function's parameters. */
function isVector(unit: Unit, use: number): boolean {
  const name = at(unit, use).source;
  let position = use - 1;
  let stop = -1;
  while (position > stop) {
    const token = at(unit, position);
    if (token.source === '{') {
      const close = at(unit, previous(unit, position));
      if (close.source === ')' && !HEADS.has(at(unit, close.match - 1).source)) stop = close.match;
      position = previous(unit, position) - (close.source === ')' ? 1 : 0);
      continue;
    }
    if (token.match >= 0 && token.match < position && ['}', ')', ']'].includes(token.source)) {
      position = token.match - 1;
      continue;
    }
    if (token.source === name) {
      const found = declares(unit, position);
      if (found !== undefined) return found;
    }
    position -= 1;
  }
  return false;
}

/** Whether this mention declares a vector; undefined if it declares nothing. */
function declares(unit: Unit, mention: number): boolean | undefined {
  let before = previous(unit, mention);
  const word = at(unit, before);
  if (word.source === '&') before = previous(unit, before);
  else if (NOT_DECLARING.has(word.source)) return undefined;
  else if (word.kind !== 'identifier') return ['*', ',', '>'].includes(word.source) ? false : undefined;
  return VECTOR_TYPES.has(at(unit, before).source) && at(unit, next(unit, mention)).source !== '[';
}
