// Finds pointers and references that do not say which address space they point into: Metal requires it everywhere.

import { at, closingAngle, skip, skipAngles, sources, written } from './navigate.js';
import { reportError, type Unit } from './unit.js';
import { ADDRESS_SPACES, BUILTIN_TYPES } from './words.js';

/** Whether a type between two positions has `*` or `&`, outside of brackets and template arguments, but no address space. */
export function lacksAddressSpace(unit: Unit, begin: number, end: number): boolean {
  let indirect = false;
  for (let position = begin; position < end;) {
    const token = at(unit, position);
    if (!token.removed) {
      if (ADDRESS_SPACES.has(token.source)) return false;
      if (token.source === '*' || token.source === '&') indirect = true;
    }
    position = Math.max(skip(unit, position), skipAngles(unit, position));
  }
  return indirect;
}

/** Checks `(float*)x` and `reinterpret_cast<float*>(x)`. */
export function checkCasts(unit: Unit): void {
  unit.tokens.forEach((token, index) => {
    if (token.removed) return;
    if (token.source === '(' && token.match > index) checkCast(unit, index);
    else if (token.source === 'reinterpret_cast' || token.source === 'static_cast') {
      const close = at(unit, index + 1).source === '<' ? closingAngle(unit, index + 1) : -1;
      if (close > 0) reportCast(unit, index + 2, close);
    }
  });
}

function checkCast(unit: Unit, open: number): void {
  const close = at(unit, open).match;
  const before = at(unit, open - 1);
  const after = at(unit, close + 1);
  if (at(unit, close - 1).source !== '*') return;
  const isCall =
    before.kind === 'identifier' ? before.source !== 'return' : [')', ']', '>'].includes(before.source);
  const isOperand =
    after.kind === 'identifier' || after.kind === 'number' || ['(', '&', '*'].includes(after.source);
  if (isCall || !isOperand) return;
  const isType = (word: string): boolean => BUILTIN_TYPES.has(word) || unit.classes.has(word);
  const words = sources(unit, open + 1, close);
  if (words.every((word) => word === '*' || word === 'const' || word === 'volatile' || isType(word))) {
    reportCast(unit, open + 1, close);
  }
}

function reportCast(unit: Unit, begin: number, end: number): void {
  if (!lacksAddressSpace(unit, begin, end)) return;
  reportError(
    unit,
    at(unit, begin),
    `cast to a pointer or reference without an address space: '${written(unit, begin, end)}'`,
  );
}
