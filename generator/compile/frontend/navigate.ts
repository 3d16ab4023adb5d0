// Ways to walk through tokens: neighbours, bracketed groups, template argument lists, comma-separated lists.

import type { Token } from './tokens.js';
import type { Unit } from './unit.js';

/** A half-open range of token positions. */
export interface Range {
  readonly begin: number;
  readonly end: number;
}

const NOTHING: Token = {
  kind: 'end',
  source: '',
  file: '',
  line: 0,
  before: '',
  text: '',
  prefix: '',
  suffix: '',
  removed: false,
  match: -1,
};

/** The token at a position; an empty one outside of the program. */
export function at(unit: Unit, index: number): Token {
  return unit.tokens[index] ?? NOTHING;
}

/** Position of the next token that is not removed. */
export function next(unit: Unit, index: number): number {
  let position = index + 1;
  while (unit.tokens[position]?.removed) position += 1;
  return position;
}

/** Position of the previous token that is not removed. */
export function previous(unit: Unit, index: number): number {
  let position = index - 1;
  while (unit.tokens[position]?.removed) position -= 1;
  return position;
}

export function isOpening(token: Token): boolean {
  return token.source === '(' || token.source === '[' || token.source === '{';
}

/** Position after the token, or after the whole group if it opens one. */
export function skip(unit: Unit, index: number): number {
  const token = at(unit, index);
  return isOpening(token) && token.match > index ? token.match + 1 : index + 1;
}

/** Position of the `>` that closes the `<` at `index`, or -1 if it is a comparison. */
export function closingAngle(unit: Unit, index: number): number {
  let depth = 0;
  for (let position = index; position < unit.tokens.length; position += 1) {
    const token = at(unit, position);
    switch (token.source) {
      case '(':
      case '[':
      case '{':
        if (token.match > position) position = token.match;
        break;
      case '<':
        // Behind anything but a name it compares: `enable_if_t<sizeof(T) < 8, bool>`.
        if (position === index || at(unit, previous(unit, position)).kind === 'identifier') depth += 1;
        break;
      case '>':
        depth -= 1;
        if (depth === 0) return position;
        break;
      case ';':
      case '}':
        return -1;
    }
  }
  return -1;
}

/** Position after a template argument list that opens at `index` behind a name; `index` itself if there is none. */
export function skipAngles(unit: Unit, index: number): number {
  if (at(unit, index).source !== '<' || at(unit, previous(unit, index)).kind !== 'identifier') return index;
  const close = closingAngle(unit, index);
  return close > 0 ? close + 1 : index;
}

/** Splits a range at its top-level commas. */
export function splitList(unit: Unit, begin: number, end: number): Range[] {
  if (begin >= end) return [];
  const parts: Range[] = [];
  let start = begin;
  let position = begin;
  while (position < end) {
    const afterAngles = skipAngles(unit, position);
    if (afterAngles > position && afterAngles <= end) {
      position = afterAngles;
      continue;
    }
    if (at(unit, position).source === ',') {
      parts.push({ begin: start, end: position });
      start = position + 1;
    }
    position = skip(unit, position);
  }
  parts.push({ begin: start, end });
  return parts;
}

/** Position of the `;` that ends the statement at `begin`. */
export function endOfStatement(unit: Unit, begin: number): number {
  let position = begin;
  while (at(unit, position).source !== ';' && at(unit, position).kind !== 'end')
    position = skip(unit, position);
  return position;
}

/** The tokens of a range that are not removed, as written. */
export function sources(unit: Unit, begin: number, end: number): string[] {
  const result: string[] = [];
  for (let position = begin; position < end; position += 1) {
    const token = at(unit, position);
    if (!token.removed) result.push(token.source);
  }
  return result;
}

/** A range as written, for messages. */
export function written(unit: Unit, begin: number, end: number): string {
  return sources(unit, begin, end)
    .join(' ')
    .replace(/ ?(::|<|\(|\[|(?<!\.)\.(?!\.)) ?/gu, '$1')
    .replace(/ (>|\)|\]|,|\*|&)/gu, '$1');
}

/** A range as it will be printed, on one line. */
export function rewritten(unit: Unit, begin: number, end: number): string {
  const parts: string[] = [];
  for (let position = begin; position < end; position += 1) {
    const token = at(unit, position);
    if (!token.removed) parts.push(token.prefix + token.text + token.suffix);
  }
  return parts.join(' ');
}

/** Drops the tokens of a range from the output. */
export function remove(unit: Unit, begin: number, end: number): void {
  for (let position = begin; position < end; position += 1) at(unit, position).removed = true;
}
