// Conversions between half and bfloat: stock clang has none, so that `bfloat(x)`, `(T)x` and their like call a function of
// the library that goes through float. In templates any `T(x)` may turn out to be one.

import { at, closingAngle, isOpening, next, previous, sources, splitList } from './navigate.js';
import type { Token } from './tokens.js';
import type { Unit } from './unit.js';
import { ADDRESS_SPACES, BUILTIN_TYPES } from './words.js';

/** What may stand in front of a cast without being called. */
const NOT_CALLED = new Set(['return', 'case', 'else', 'do', 'and', 'or', 'not']);
const PREFIXES = new Set(['+', '-', '!', '~', '*', '&', '++', '--']);

export function respellConversions(unit: Unit): void {
  findTypeParameters(unit);
  if (!unit.tokens.some((token) => token.source.includes('bfloat'))) return;
  const types = convertedTypes(unit);
  unit.tokens.forEach((token, index) => {
    if (token.removed) return;
    if (token.source === '(') respellCast(unit, types, index);
    else if (token.source === 'typename') respellDependent(unit, index);
    else if (token.kind === 'identifier' && types.has(token.source)) respellCall(unit, types, index);
  });
}

function findTypeParameters(unit: Unit): void {
  unit.tokens.forEach((token, index) => {
    const name = at(unit, index + 1);
    if ((token.source !== 'typename' && token.source !== 'class') || name.kind !== 'identifier') return;
    if ([',', '>', '='].includes(at(unit, index + 2).source)) unit.typeParameters.add(name.source);
  });
}

/** half, bfloat, the type parameters of templates, and names for any of them. */
function convertedTypes(unit: Unit): Set<string> {
  const types = new Set(['half', 'bfloat', ...unit.typeParameters]);
  unit.tokens.forEach((token, index) => {
    if (token.source === 'using' && at(unit, index + 2).source === '=') {
      if (namesScalar(unit, types, index + 3)) types.add(at(unit, index + 1).source);
    } else if (token.source === 'typedef' && namesScalar(unit, types, index + 1)) {
      let end = index;
      while (at(unit, end).source !== ';' && at(unit, end).kind !== 'end') end += 1;
      types.add(at(unit, previous(unit, end)).source);
    }
  });
  unit.tokens.forEach((token, index) => {
    // A base class: its name may stand in the initialisers of a constructor.
    if (['public', 'private', 'protected'].includes(token.source)) types.delete(at(unit, index + 1).source);
  });
  return types;
}

function namesScalar(unit: Unit, types: ReadonlySet<string>, begin: number): boolean {
  let end = begin;
  while (at(unit, end).source !== ';' && at(unit, end).kind !== 'end') end += 1;
  const words = sources(unit, begin, end);
  if (words.some((word) => ['*', '&', '[', '('].includes(word))) return false;
  return words[0] === 'typename' || types.has(words[0] ?? '') || words[0] === 'conditional_t';
}

/** `T(x)` */
function respellCall(unit: Unit, types: ReadonlySet<string>, index: number): void {
  const before = at(unit, previous(unit, index)).source;
  if (['.', '->', '::', 'operator', '~', 'typename', 'class', 'explicit'].includes(before)) return;
  if (!takesOneValue(unit, types, index + 1)) return;
  const token = at(unit, index);
  token.text = `__msl_convert<${token.text}>`;
}

/** `typename A<T>::type(x)` */
function respellDependent(unit: Unit, index: number): void {
  let position = index + 1;
  while (at(unit, position).kind === 'identifier' || at(unit, position).source === '::') {
    position += 1;
    const close = at(unit, position).source === '<' ? closingAngle(unit, position) : -1;
    if (close > 0) position = close + 1;
  }
  if (!takesOneValue(unit, new Set(), position)) return;
  at(unit, index).prefix = `__msl_convert<${at(unit, index).prefix}`;
  at(unit, position - 1).suffix += '>';
}

/** Whether parentheses hold one expression, rather than types, several arguments, or none. */
function takesOneValue(unit: Unit, types: ReadonlySet<string>, index: number): boolean {
  const open = at(unit, index);
  const first = at(unit, index + 1);
  if (open.source !== '(' || open.match <= index + 1 || ['*', '&', '...'].includes(first.source))
    return false;
  if (splitList(unit, index + 1, open.match).length > 1) return false;
  const last = at(unit, open.match - 1);
  if (last.source === '...' || BUILTIN_TYPES.has(last.source) || unit.bitFields.has(last.source))
    return false;
  return !isType(unit, types, index + 1, open.match) && !ADDRESS_SPACES.has(first.source);
}

function isType(unit: Unit, types: ReadonlySet<string>, begin: number, end: number): boolean {
  return sources(unit, begin, end).every(
    (word) =>
      types.has(word) || BUILTIN_TYPES.has(word) || ADDRESS_SPACES.has(word) || '*&const'.includes(word),
  );
}

/** `(T)x` */
function respellCast(unit: Unit, types: ReadonlySet<string>, open: number): void {
  const close = open + 2;
  if (at(unit, open).match !== close || !types.has(at(unit, open + 1).source)) return;
  const before = at(unit, previous(unit, open));
  if (before.kind === 'identifier' && !NOT_CALLED.has(before.source)) return;
  if ([')', ']'].includes(before.source) || at(unit, open - 2).source === 'operator') return;
  if (!startsOperand(unit, close + 1)) return;
  const end = endOfOperand(unit, types, close + 1);
  if (unit.bitFields.has(at(unit, end - 1).source)) return;
  at(unit, open).text = '__msl_convert<';
  at(unit, close).text = '>(';
  at(unit, end - 1).suffix += ')';
}

function startsOperand(unit: Unit, index: number): boolean {
  const token = at(unit, index);
  if (['identifier', 'number', 'character'].includes(token.kind)) return token.source !== 'const';
  return token.source === '(' || PREFIXES.has(token.source);
}

/** Position after a unary expression. */
function endOfOperand(unit: Unit, types: ReadonlySet<string>, begin: number): number {
  let position = begin;
  while (PREFIXES.has(at(unit, position).source)) position += 1;
  const first = at(unit, position);
  if (first.source === '(' && first.match > position) {
    const past = first.match + 1;
    const isCast = isType(unit, types, position + 1, first.match) && startsOperand(unit, past);
    if (isCast) return endOfOperand(unit, types, past);
  }
  position = isOpening(first) ? first.match + 1 : position + 1;
  for (;;) {
    const token = at(unit, position);
    const close = token.source === '<' ? templateEnd(unit, position) : -1;
    if (close > 0) position = close + 1;
    else if ((token.source === '(' || token.source === '[') && token.match > position)
      position = token.match + 1;
    else if (['.', '->', '::'].includes(token.source)) position = next(unit, position) + 1;
    else if (['++', '--'].includes(token.source)) position += 1;
    else return position;
  }
}

function templateEnd(unit: Unit, open: number): number {
  if (at(unit, open - 1).kind !== 'identifier') return -1;
  const close = closingAngle(unit, open);
  return close > 0 && ['(', '::'].includes(at(unit, close + 1).source) ? close : -1;
}

/** Names of bit fields: no reference can refer to one. */
export function findBitFields(unit: Unit): void {
  unit.tokens.forEach((token, index) => {
    if (token.source !== ':' || ![';', ','].includes(at(unit, index + 2).source)) return;
    const name = at(unit, index - 1);
    const type: Token = at(unit, index - 2);
    if (name.kind === 'identifier' && type.kind === 'identifier' && type.source !== 'case')
      unit.bitFields.add(name.source);
  });
}
