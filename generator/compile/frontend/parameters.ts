// Rewrites and checks the parameters of a function.

import { at, skipAngles, splitList, written, type Range } from './navigate.js';
import type { Token } from './tokens.js';
import { reportError, type Unit } from './unit.js';
import { ADDRESS_SPACES } from './words.js';

export function rewriteParameters(unit: Unit, open: number): void {
  for (const range of splitList(unit, open + 1, at(unit, open).match)) rewriteParameter(unit, range);
}

function rewriteParameter(unit: Unit, range: Range): void {
  const tokens = declaratorTokens(unit, range);
  const words = tokens.map((token) => token.source);
  const indirect = words.includes('*') || words.includes('&');
  // `thread T x[4]` is a pointer.
  if (!indirect && at(unit, range.end - 1).source === ']') {
    for (const token of tokens) if (token.source === 'thread') token.text = '__generic';
  }
  if (!indirect || words.includes('&&') || words.some((word) => ADDRESS_SPACES.has(word))) return;
  const text = written(unit, range.begin, range.end);
  const kind = words.includes('*') ? 'pointer' : 'reference';
  reportError(unit, at(unit, range.begin), `${kind} parameter without an address space: '${text}'`);
}

/** The tokens of a parameter outside of brackets, template arguments, function types and its default. */
function declaratorTokens(unit: Unit, range: Range): Token[] {
  const tokens: Token[] = [];
  let position = range.begin;
  while (position < range.end) {
    const token = at(unit, position);
    const angles = skipAngles(unit, position);
    if (token.source === '=') break;
    if (token.removed) position += 1;
    else if (angles > position) position = angles;
    else if (token.source === '[' && token.match > position) position = token.match + 1;
    else if (token.source === '(' && token.match > position) {
      const isReference = ['*', '&'].includes(at(unit, position + 1).source);
      const isFunction = at(unit, token.match + 1).source === '(';
      if (isReference && isFunction) rewriteParameters(unit, token.match + 1);
      else if (isReference) tokens.push(at(unit, position + 1), at(unit, position + 2));
      position = token.match + 1;
    } else {
      tokens.push(token);
      position += 1;
    }
  }
  return tokens;
}
