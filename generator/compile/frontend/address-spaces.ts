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
    if (token.removed && token.source !== 'const_cast') return;
    if (token.source === '(' && token.match > index) checkCast(unit, index);
    else if (token.source === '*' || token.source === '&') checkArgument(unit, index);
    else if (['reinterpret_cast', 'static_cast', 'const_cast'].includes(token.source)) {
      const close = at(unit, index + 1).source === '<' ? closingAngle(unit, index + 1) : -1;
      if (close > 0) reportCast(unit, index + 2, close);
    }
  });
}

function checkCast(unit: Unit, open: number): void {
  const close = at(unit, open).match;
  const before = at(unit, open - 1);
  const after = at(unit, close + 1);
  if (!['*', '&'].includes(at(unit, close - 1).source)) return;
  const isCall =
    before.kind === 'identifier'
      ? before.source !== 'return'
      : [']', '>'].includes(before.source) || (before.source === ')' && !isCastBefore(unit, open - 1));
  const isOperand =
    after.kind === 'identifier' || after.kind === 'number' || ['(', '&', '*'].includes(after.source);
  if (isCall || !isOperand) return;
  const words = sources(unit, open + 1, close);
  const marks = new Set(['*', '&', 'const', 'volatile']);
  if (words.every((word) => marks.has(word) || namesType(unit, word))) reportCast(unit, open + 1, close);
}

function namesType(unit: Unit, word: string): boolean {
  return BUILTIN_TYPES.has(word) || unit.classes.has(word) || unit.typeParameters.has(word);
}

/** Whether the parenthesis that closes at `close` holds a type alone: `(ulong)(void*)p`. */
function isCastBefore(unit: Unit, close: number): boolean {
  const open = at(unit, close).match;
  const words = sources(unit, open + 1, close);
  return (
    at(unit, open - 1).kind !== 'identifier' &&
    words.length > 0 &&
    words.every((word) => namesType(unit, word))
  );
}

/** Checks `array<float*, 2>` and `sizeof(float*)`. */
function checkArgument(unit: Unit, mark: number): void {
  const word = at(unit, mark - 1).source;
  const after = at(unit, mark + 1).source;
  if (!BUILTIN_TYPES.has(word) && !unit.classes.has(word)) return;
  let begin = mark - 1;
  while (['const', 'volatile'].includes(at(unit, begin - 1).source)) begin -= 1;
  const before = at(unit, begin - 1);
  const isArgument = [',', '>'].includes(after) && ['<', ',', '='].includes(before.source);
  const isSize =
    after === ')' && before.source === '(' && ['sizeof', 'alignof'].includes(at(unit, begin - 2).source);
  if (!isSize && !(isArgument && isWithinAngles(unit, begin))) return;
  const text = written(unit, begin, mark + 1);
  reportError(unit, at(unit, begin), `pointer or reference type without an address space: '${text}'`);
}

/** Whether the position lies between the `<` and `>` of template arguments. */
function isWithinAngles(unit: Unit, position: number): boolean {
  for (let open = position - 1; open > 0; open -= 1) {
    const token = at(unit, open);
    if (token.source === '<') return closingAngle(unit, open) > position;
    if ([';', '{', '}', '('].includes(token.source)) return false;
    if (token.source === ')' && token.match >= 0) open = token.match;
  }
  return false;
}

function reportCast(unit: Unit, begin: number, end: number): void {
  if (!lacksAddressSpace(unit, begin, end)) return;
  reportError(
    unit,
    at(unit, begin),
    `cast to a pointer or reference without an address space: '${written(unit, begin, end)}'`,
  );
}
