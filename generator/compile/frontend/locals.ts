// Rewrites the declaration at the start of a statement, if it is one: address spaces, threadgroup memory, initialisers.

import { rewriteAlias } from './aliases.js';
import type { Body } from './bodies.js';
import { placeConstant } from './constant-data.js';
import { at, closingAngle, endOfStatement, next, splitList, written } from './navigate.js';
import { rewriteThreadgroupVariable } from './threadgroup.js';
import { reportError, type Unit } from './unit.js';
import { ADDRESS_SPACES, BUILTIN_TYPES, VECTOR_TYPES } from './words.js';

/** The parts of a local declaration: its specifiers, its type, and the first token of its declarator. */
export interface Local {
  readonly begin: number;
  readonly specifiers: ReadonlySet<string>;
  readonly type: number;
  readonly typeEnd: number;
  readonly declarator: number;
}

const SPECIFIERS = new Set(['static', 'constexpr', 'const', 'volatile', 'inline']);
const WITH_ARGUMENT = new Set(['alignas', '__attribute__']);
const TYPE_PREFIXES = new Set(['unsigned', 'signed', 'struct', 'typename', 'long']);
const NOT_TYPES = new Set([
  'return',
  'else',
  'case',
  'goto',
  'delete',
  'new',
  'throw',
  'do',
  'sizeof',
  'using',
  'auto',
]);

/** Checks `if (T* p = ...)`. */
export function checkCondition(unit: Unit, index: number, end: number): void {
  const local = readLocal(unit, index, end);
  if (local && ['*', '&'].includes(at(unit, local.declarator).source)) rewritePointer(unit, local);
}

export function rewriteLocal(unit: Unit, index: number, end: number, body: Body): void {
  if (['typedef', 'using'].includes(at(unit, index).source)) {
    rewriteAlias(unit, index, end);
    return;
  }
  const local = readLocal(unit, index, end);
  if (!local) return;
  const { specifiers, declarator } = local;
  const token = at(unit, declarator);
  if (specifiers.has('static') && !specifiers.has('constant') && token.kind === 'identifier') {
    const message = `static local variable '${token.source}' must be in the constant address space`;
    reportError(unit, at(unit, index), message);
  }
  if (token.source === '*' || token.source === '&') rewritePointer(unit, local);
  else if (token.kind === 'identifier') rewriteValue(unit, local, body);
  else if (token.source === '(') checkGroup(unit, local);
  if (addressSpaceOf(local) === undefined && !NOT_TYPES.has(at(unit, local.type).source))
    checkFurther(unit, local);
}

/** `float (*p)[2];` and `float (&r)[2] = x;` */
function checkGroup(unit: Unit, local: Local): void {
  const { begin, type, declarator } = local;
  const mark = at(unit, declarator + 1).source;
  const close = at(unit, declarator).match;
  const isType = BUILTIN_TYPES.has(at(unit, type).source) || unit.classes.has(at(unit, type).source);
  const isNamed = close === declarator + 3 && at(unit, declarator + 2).kind === 'identifier';
  if (!isType || !isNamed || !['*', '&'].includes(mark) || at(unit, close + 1).source !== '[') return;
  if (addressSpaceOf(local) === undefined) reportLocal(unit, mark, begin, close + 1);
}

/** `float x = 1, *p = &x;` */
function checkFurther(unit: Unit, { type, declarator }: Local): void {
  const word = at(unit, type).source;
  if (!BUILTIN_TYPES.has(word) && !unit.classes.has(word)) return;
  const [, ...others] = splitList(unit, declarator, endOfStatement(unit, declarator));
  for (const { begin } of others) {
    const mark = at(unit, begin).source;
    const isName = at(unit, begin + 1).kind === 'identifier';
    if ((mark === '*' || mark === '&') && isName) reportLocal(unit, mark, begin, begin + 2);
  }
}

function reportLocal(unit: Unit, mark: string, begin: number, end: number): void {
  const kind = mark === '*' ? 'pointer' : 'reference';
  const text = written(unit, begin, end);
  reportError(unit, at(unit, begin), `${kind} variable without an address space: '${text}'`);
}

export function readLocal(unit: Unit, begin: number, end: number): Local | undefined {
  const specifiers = new Set<string>();
  let position = begin;
  for (; position < end; position += 1) {
    const token = at(unit, position);
    if (token.removed) continue;
    if (
      !SPECIFIERS.has(token.source) &&
      !ADDRESS_SPACES.has(token.source) &&
      !WITH_ARGUMENT.has(token.source)
    )
      break;
    specifiers.add(token.source);
    if (WITH_ARGUMENT.has(token.source)) position = at(unit, position + 1).match;
  }
  if (position >= end || at(unit, position).kind !== 'identifier') return undefined;
  const type = position;
  let typeEnd = endOfType(unit, position);
  if (typeEnd < 0) return undefined;
  let declarator = next(unit, typeEnd - 1);
  while (
    ['const', 'volatile'].includes(at(unit, declarator).source) ||
    ADDRESS_SPACES.has(at(unit, declarator).source)
  ) {
    specifiers.add(at(unit, declarator).source);
    typeEnd = declarator + 1;
    declarator = next(unit, declarator);
  }
  return { begin, specifiers, type, typeEnd, declarator };
}

/** Position after a type name: `unsigned int`, `A::B<C>`, `typename T::type`; -1 if this is no type. */
function endOfType(unit: Unit, begin: number): number {
  let position = begin;
  if (TYPE_PREFIXES.has(at(unit, position).source)) {
    for (;;) {
      const following = at(unit, position + 1);
      const word = at(unit, position).source;
      const continues = BUILTIN_TYPES.has(following.source) || word === 'struct' || word === 'typename';
      if (following.kind !== 'identifier' || !continues) break;
      position += 1;
    }
  }
  for (;;) {
    let after = next(unit, position);
    if (at(unit, after).source === '<') {
      const close = closingAngle(unit, after);
      if (close < 0) return -1;
      position = close;
      after = next(unit, position);
    }
    if (at(unit, after).source !== '::') return position + 1;
    position = next(unit, after);
    if (at(unit, position).source === 'template') position = next(unit, position);
  }
}

function addressSpaceOf(local: Local): string | undefined {
  return [...ADDRESS_SPACES.keys()].find((space) => local.specifiers.has(space));
}

function rewritePointer(unit: Unit, local: Local): void {
  const { begin, type, declarator } = local;
  const space = addressSpaceOf(local);
  const mark = at(unit, declarator).source;
  let name = next(unit, declarator);
  while (at(unit, name).source === '*') name = next(unit, name);
  const isName = at(unit, name).kind === 'identifier';
  if (space === undefined && isName && !NOT_TYPES.has(at(unit, type).source)) {
    if (['=', ';', '[', '{', ':'].includes(at(unit, next(unit, name)).source)) {
      reportLocal(unit, mark, begin, name + 1);
    }
  }
}

function rewriteValue(unit: Unit, local: Local, body: Body): void {
  const { begin, type, declarator, specifiers } = local;
  const space = addressSpaceOf(local);
  if (space === undefined || space === 'thread') {
    fillVectors(unit, local);
    checkBfloatLiteral(unit, local);
    return;
  }
  if (at(unit, type).source === 'auto' && at(unit, next(unit, declarator)).source === '(') return;
  if (specifiers.has('constant')) {
    if (!specifiers.has('static')) at(unit, begin).prefix = `static ${at(unit, begin).prefix}`;
    placeConstant(unit, local, endOfStatement(unit, declarator));
  } else if (specifiers.has('device')) {
    reportError(
      unit,
      at(unit, begin),
      `variable '${at(unit, declarator).source}' in device memory inside of a function`,
    );
  } else rewriteThreadgroupVariable(unit, local, body);
}

/** `float4 v = {a, b};` leaves the other components zero, which no constructor does. */
function fillVectors(unit: Unit, { type, declarator }: Local): void {
  const size = VECTOR_TYPES.get(at(unit, type).source);
  if (size === undefined) return;
  for (const { begin } of splitList(unit, declarator, endOfStatement(unit, declarator))) {
    fillVector(unit, at(unit, type).source, size, begin);
  }
}

function fillVector(unit: Unit, type: string, size: number, declarator: number): void {
  let open = next(unit, declarator);
  const assigned = at(unit, open).source === '=';
  if (assigned) open = next(unit, open);
  const brace = at(unit, open);
  if (brace.source !== '{') return;
  const count = splitList(unit, open + 1, brace.match).length;
  if (count === 0 || count >= size) return;
  brace.text = `${assigned ? '' : '= '}__msl_braced<${type}>(`;
  at(unit, brace.match).text = ')';
}

/** Metal has no implicit conversion from float to bfloat; the compiler lets exact literals pass. */
function checkBfloatLiteral(unit: Unit, { type, declarator }: Local): void {
  if (at(unit, type).source !== 'bfloat') return;
  const equals = next(unit, declarator);
  const value = at(unit, next(unit, equals));
  if (at(unit, equals).source !== '=' || at(unit, endOfStatement(unit, equals) - 1) !== value) return;
  if (
    value.kind === 'number' &&
    /[.eE]|[fFhH]$/u.test(value.source) &&
    !/^0[xX]|bf$|BF$/u.test(value.source)
  ) {
    reportError(unit, value, `'bfloat' cannot be initialised with the float literal '${value.source}'`);
  }
}
