// Respells single words and literals of Metal: address spaces, reserved names, casts, literal suffixes.

import { at, closingAngle, next, remove, sources } from './navigate.js';
import type { Token } from './tokens.js';
import type { Unit } from './unit.js';
import { ADDRESS_SPACES, RENAMED } from './words.js';

const BFLOAT_LITERAL = /^([\d.']+(?:[eE][+-]?\d+)?)(?:bf|BF)$/u;
const UNSUFFIXED_FLOAT =
  /^(?:\d[\d']*\.[\d']*|\.[\d']+)(?:[eE][+-]?\d+)?$|^\d+[eE][+-]?\d+$|^0[xX][0-9a-fA-F.]+[pP][+-]?\d+$/u;

export function respell(unit: Unit): void {
  unit.tokens.forEach((token, index) => {
    if (token.removed) return;
    if (token.kind === 'identifier') respellWord(unit, token, index);
    if (token.kind === 'number') respellNumber(token);
    if (token.kind === 'string') respellString(unit, token, index);
  });
}

/** A string that is an argument lies in constant memory. */
function respellString(unit: Unit, token: Token, index: number): void {
  const before = at(unit, index - 1);
  if (before.source !== '(' && before.source !== ',') return;
  let open = index - 1;
  while (open >= 0 && at(unit, open).source !== '(' && ![';', '{', '}'].includes(at(unit, open).source))
    open = at(unit, open).match >= 0 && at(unit, open).match < open ? at(unit, open).match - 1 : open - 1;
  const callee = at(unit, open - 1);
  if (at(unit, open).source !== '(' || callee.kind !== 'identifier' || WITH_STRINGS.has(callee.source))
    return;
  let last = index;
  while (at(unit, last + 1).kind === 'string') last += 1;
  token.prefix = '__msl_string(';
  at(unit, last).suffix = ')';
}

const WITH_STRINGS = new Set(
  'static_assert _Static_assert __attribute__ __asm__ asm _Pragma annotate'.split(' '),
);

function respellNumber(token: Token): void {
  const bfloat = BFLOAT_LITERAL.exec(token.source);
  if (bfloat) token.text = `bfloat(${asFloat(bfloat[1] ?? '')}f)`;
  // Inside templates the compiler forgets that unsuffixed literals are float, so say so.
  else if (UNSUFFIXED_FLOAT.test(token.source)) token.text += 'f';
  // In the dialect `long long` has 128 bits.
  else token.text = token.text.replace(/(?:ll|LL)(?=[uU]?$)/u, 'l');
}

function asFloat(digits: string): string {
  return /[.eE]/u.test(digits) ? digits : `${digits}.`;
}

function respellWord(unit: Unit, token: Token, index: number): void {
  const word = token.source;
  const space = ADDRESS_SPACES.get(word);
  const renamed = RENAMED.get(word);
  if (word === 'thread') token.text = pointsSomewhere(unit, index) ? '__generic' : '';
  else if (space !== undefined) token.text = space;
  else if (renamed !== undefined) token.text = isAccessSpecifier(unit, index) ? word : renamed;
  else if (word === 'kernel' || word === 'restrict') token.removed = true;
  else if (word === 'long' && at(unit, index + 1).source === 'long') token.removed = true;
  else if (word === 'const_cast') respellConstCast(unit, index);
  else if (word === 'static_cast') respellStaticCast(unit, index);
  else if (word === 'decltype') respellDecltype(unit, index);
  else if (word === 'coherent') dropCoherent(unit, index);
  else if (word === 'is_function_constant_defined') respellIsDefined(unit, index);
  if (at(unit, index - 1).source === '+=' && at(unit, index + 1).source === ';') wrapAddend(token);
}

/** Whether the word says what a pointer points to; behind a type, `__generic` lets templates deduce what it points to. */
function pointsSomewhere(unit: Unit, index: number): boolean {
  let position = index + 1;
  for (;;) {
    const token = at(unit, position);
    if (token.source === '<') {
      const close = closingAngle(unit, position);
      if (close < 0) return false;
      position = close + 1;
    } else if (['device', 'constant', 'threadgroup'].includes(token.source)) return false;
    else if (token.kind === 'identifier' || token.source === '::') position += 1;
    else return token.source === '*';
  }
}

function isAccessSpecifier(unit: Unit, index: number): boolean {
  if (at(unit, index).source !== 'private') return false;
  if (at(unit, index + 1).source === ':') return true;
  // A base class: `struct A : private B`.
  return [':', ','].includes(at(unit, index - 1).source) && at(unit, index + 1).kind === 'identifier';
}

/** An integral constant is a class: it must turn into its value before a compound assignment accepts it. */
function wrapAddend(token: Token): void {
  token.prefix = '__msl_addend(';
  token.suffix = ')';
}

/** The dialect has no const_cast between address spaces; a C cast does the same. */
function respellConstCast(unit: Unit, index: number): void {
  const open = index + 1;
  const close = at(unit, open).source === '<' ? closingAngle(unit, open) : -1;
  if (close < 0) return;
  const argument = at(unit, close + 1);
  if (argument.source !== '(' || argument.match < close) return;
  at(unit, index).text = '(';
  at(unit, open).text = '(';
  at(unit, close).text = ')';
  at(unit, argument.match).suffix += ')';
}

/** Casts between half and bfloat go through float, which stock clang does not do by itself. */
function respellStaticCast(unit: Unit, index: number): void {
  const open = index + 1;
  const close = at(unit, open).source === '<' ? closingAngle(unit, open) : -1;
  if (close < 0) return;
  const type = sources(unit, open + 1, close);
  if (type.some((word) => word === '*' || word === '&' || word === '&&')) return;
  const argument = at(unit, close + 1);
  if (argument.source !== '(' || argument.match <= close + 2) return;
  if (!unit.bitFields.has(at(unit, argument.match - 1).source)) at(unit, index).text = '__msl_cast';
}

/**
 * The type of a variable is qualified with its address space here; Metal's is not. In `constant<decltype(v), v>` a
 * constant `v` would give a type that cannot be deduced from the value again.
 */
function respellDecltype(unit: Unit, index: number): void {
  const open = at(unit, index + 1);
  const name = at(unit, index + 2);
  if (open.source !== '(' || open.match !== index + 3 || name.kind !== 'identifier') return;
  const isOfNextArgument = at(unit, index + 4).source === ',' && at(unit, index + 5).source === name.source;
  at(unit, index).prefix = isOfNextArgument ? '::metal::__bare<' : '::metal::remove_addrspace_t<';
  at(unit, open.match).suffix = '>';
}

/** Memory is coherent everywhere the engine and CUDA run it. */
function dropCoherent(unit: Unit, index: number): void {
  const open = at(unit, index + 1);
  if (open.source === '(' && open.match > index) remove(unit, index, open.match + 1);
}

/** Each function constant has a function that tells whether it was given. */
function respellIsDefined(unit: Unit, index: number): void {
  const open = next(unit, index);
  const close = at(unit, open).match;
  if (at(unit, open).source !== '(' || close < open + 2) return;
  const name = at(unit, close - 1);
  at(unit, index).removed = true;
  at(unit, open).removed = true;
  name.text = `__msl_is_defined_${name.source}`;
  name.suffix = '(';
}
