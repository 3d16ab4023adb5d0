// Finds words that Metal does not have, that its version does not have yet, or that are not supported here.

import { at, previous } from './navigate.js';
import type { Token } from './tokens.js';
import { reportError, reportRefusal, type Unit } from './unit.js';

const NOT_METAL = new Set(
  'throw try catch dynamic_cast typeid virtual new goto asm __asm __asm__ thread_local register alloca __builtin_alloca'.split(
    ' ',
  ),
);

const NOT_CALLED = new Set(['return', 'case', 'else', 'do', 'if', 'while', 'decltype']);

const TEXTURES =
  /^(?:texture(?:1d|2d|3d|cube)(?:_array|_ms|_ms_array)?|texture_buffer|depth(?:2d|cube)(?:_array|_ms|_ms_array)?)$/u;

/** Kinds of tensors that come from outside of the program. */
const BOUND_TENSORS = /^tensor_(?:handle|offset)$/u;

const UNSUPPORTED_ATTRIBUTES = new Set(['vertex', 'fragment', 'object', 'mesh', 'intersection']);
const FUNCTION_KINDS = new Set(['vertex', 'fragment']);

/** Names that came with a later version of the language, and that version. */
const SINCE: readonly (readonly [RegExp, number])[] = [
  [/^(?:packed_)?bfloat[234]?$|^simdgroup_bfloat8x8$|^BFLT_|^MAXBFLOAT$|^HUGE_VALBF$/u, 3.1],
  [/^os_log$/u, 3.2],
  [/^atomic_thread_fence$|^coherent$/u, 3.2],
  [/^tensor_(?:handle|inline|offset|ops)$|^cooperative_tensor$/u, 4.0],
];

export function findForbiddenWords(unit: Unit): void {
  const version = Number(unit.version);
  unit.tokens.forEach((token, index) => {
    if (token.kind === 'number') checkNumber(unit, token);
    if (token.source === '...') checkEllipsis(unit, token, index);
    if (token.kind !== 'identifier' || token.removed) return;
    checkLanguage(unit, token, index);
    checkSupport(unit, token, index);
    for (const [pattern, since] of SINCE) {
      if (version >= since || !pattern.test(token.source)) continue;
      const help = `'${token.source}' needs Metal ${since.toFixed(1)}; this program is compiled as Metal ${unit.version}`;
      reportError(unit, token, help);
    }
  });
  for (const [index, list] of unit.attributes) {
    for (const { name } of list) {
      if (UNSUPPORTED_ATTRIBUTES.has(name))
        reportRefusal(unit, at(unit, index), `not supported: ${name} functions`);
    }
  }
}

function checkLanguage(unit: Unit, token: Token, index: number): void {
  const word = token.source;
  const isMember = ['.', '->', '::'].includes(at(unit, index - 1).source);
  if (word === 'double' || /^(?:packed_)?double[234]$/u.test(word)) {
    reportError(unit, token, `'${word}' is not supported in Metal`);
  } else if (NOT_METAL.has(word) && !isMember)
    reportError(unit, token, `'${word}' is not supported in Metal`);
  else if (word === 'delete' && at(unit, index - 1).source !== '=') {
    reportError(unit, token, `'delete' is not supported in Metal`);
  }
}

function checkNumber(unit: Unit, token: Token): void {
  const isHexadecimal = /^0[xX]/u.test(token.source);
  if (/[.eE].*[lL]$/u.test(token.source) && !isHexadecimal) {
    reportError(unit, token, `'long double' is not supported in Metal: '${token.source}'`);
  } else if (Number(unit.version) < 3.1 && /bf$/iu.test(token.source) && !isHexadecimal) {
    reportError(
      unit,
      token,
      `'${token.source}' needs Metal 3.1; this program is compiled as Metal ${unit.version}`,
    );
  }
}

/** `f(int n, ...)` of C. */
function checkEllipsis(unit: Unit, token: Token, index: number): void {
  const close = at(unit, index + 1);
  if (at(unit, index - 1).source !== ',' || close.source !== ')') return;
  // Behind the parenthesis of an expression it folds a pack.
  const before = at(unit, previous(unit, close.match));
  const isList =
    before.kind === 'identifier' ? !NOT_CALLED.has(before.source) : [']', '>'].includes(before.source);
  if (!isList) return;
  reportError(unit, token, 'variadic functions are not supported in Metal');
}

function checkSupport(unit: Unit, token: Token, index: number): void {
  const word = token.source;
  const following = at(unit, index + 1);
  if (BOUND_TENSORS.test(word) && Number(unit.version) >= 4)
    reportRefusal(unit, token, `not supported: ${word} (tensors that are arguments of kernels)`);
  else if (TEXTURES.test(word) && following.source === '<')
    reportRefusal(unit, token, `not supported: ${word}`);
  else if (word === 'sampler' && following.kind === 'identifier')
    reportRefusal(unit, token, 'not supported: sampler');
  else if (FUNCTION_KINDS.has(word) && following.kind === 'identifier' && startsDeclaration(unit, index)) {
    reportRefusal(unit, token, `not supported: ${word} functions`);
  }
}

function startsDeclaration(unit: Unit, index: number): boolean {
  return [';', '}', '>', '{', ''].includes(at(unit, index - 1).source);
}
