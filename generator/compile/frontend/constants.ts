// Function constants. On the host they are data in the library, written before a dispatch, so that one compile serves all
// values; what the program computes from them becomes a function. For PTX their values are baked in.

import type { Declaration } from './declarations.js';
import { evaluateInteger } from './integers.js';
import { at, isOpening, previous, remove, sources } from './navigate.js';
import { reportError, type FunctionConstant, type Unit } from './unit.js';

export function constantSymbol(index: number): string {
  return `__msl_constant_${index}`;
}

/** `constant T name [[function_constant(i)]];` */
export function declareConstant(unit: Unit, declaration: Declaration, argument: string): void {
  const { specifiers, shape } = declaration;
  const nameToken = at(unit, variableName(unit, shape.equals < 0 ? shape.stop : shape.equals));
  const name = nameToken.source;
  const index = evaluateInteger(argument, (other) => unit.integers.get(other));
  if (index === undefined || index < 0 || index > 65535) {
    reportError(unit, nameToken, `function_constant(${argument}) is no integer constant from 0 to 65535`);
    return;
  }
  const words = sources(unit, specifiers, variableName(unit, shape.equals < 0 ? shape.stop : shape.equals))
    .filter((word) => !['constant', 'const', 'static', 'constexpr'].includes(word))
    .join(' ');
  const type = unit.aliases.get(words) ?? words;
  const constant = { index, name, type };
  if (unit.classes.has(type)) {
    reportError(unit, nameToken, `function constant '${name}' must be a scalar or a vector, not '${type}'`);
  }
  const twin = unit.constants.find((other) => other.index === index && other.type !== type);
  if (twin) {
    reportError(
      unit,
      nameToken,
      `function_constant(${index}) is '${twin.type} ${twin.name}' and '${type} ${name}'`,
    );
  }
  unit.constants.push(constant);
  const text = unit.target === 'host' ? hostDeclaration(constant) : bakedDeclaration(unit, constant);
  remove(unit, specifiers, shape.stop + 1);
  at(unit, specifiers).prefix = text;
}

function hostDeclaration({ index, name, type }: FunctionConstant): string {
  const symbol = constantSymbol(index);
  return (
    `static_assert(sizeof(${type}) <= 16, "function constant type is larger than 16 bytes"); ` +
    `extern const __global ${type} ${name} __asm__(__MSL_SYMBOL("${symbol}")); ` +
    `extern const __global bool __msl_defined_${name} __asm__(__MSL_SYMBOL("${symbol}_defined")); ` +
    `static inline bool __msl_is_defined_${name}() { return __msl_defined_${name}; }`
  );
}

function bakedDeclaration(unit: Unit, { index, name, type }: FunctionConstant): string {
  const value = unit.constantValues[index];
  const defined = String(value !== undefined);
  const components = value === undefined ? [0] : typeof value === 'object' ? value : [value];
  return (
    `static constexpr const __global ${type} ${name} = ${type}(${components.map(literal).join(', ')}); ` +
    `static constexpr bool __msl_is_defined_${name}() { return ${defined}; }`
  );
}

function literal(value: number | boolean): string {
  if (typeof value === 'boolean' || Number.isInteger(value)) return String(value);
  if (Number.isNaN(value)) return '__builtin_nanf("")';
  if (!Number.isFinite(value)) return value > 0 ? '__builtin_inff()' : '-__builtin_inff()';
  return `${value.toString().includes('e') ? value.toString() : value}f`;
}

/** Storage of the host library: the value in 16 bytes, then the byte that says "defined". */
export function constantStorage(constants: readonly FunctionConstant[]): string {
  const indices = [...new Set(constants.map((constant) => constant.index))];
  return indices.map((index) => `__MSL_CONSTANT_STORAGE("${constantSymbol(index)}")\n`).join('');
}

export function dependsOnConstants(unit: Unit, begin: number, end: number): boolean {
  for (let position = begin; position < end; position += 1) {
    const token = at(unit, position);
    if (token.kind !== 'identifier' || token.removed) continue;
    if (unit.derivedConstants.has(token.source)) return true;
    if (unit.constants.some((constant) => constant.name === token.source)) return true;
  }
  return false;
}

/** Position of the name in front of the `=` or `;`, and of attributes and dimensions there. */
export function variableName(unit: Unit, end: number): number {
  let position = previous(unit, end);
  while (at(unit, position).source === ']' && unit.attributes.has(at(unit, position).match))
    position = previous(unit, at(unit, position).match);
  return position;
}

/** `constant T name = expression over function constants;` becomes a function that is inlined at each use. */
export function deriveConstant(unit: Unit, declaration: Declaration): void {
  const { specifiers, shape } = declaration;
  const nameAt = variableName(unit, shape.equals);
  const name = at(unit, nameAt);
  if (name.kind !== 'identifier') {
    reportError(unit, at(unit, specifiers), 'an array cannot be initialised from function constants');
    return;
  }
  let kind: 'value' | 'object' = 'value';
  for (let position = specifiers; position < nameAt; position += 1) {
    const token = at(unit, position);
    if (unit.classes.has(token.source)) kind = 'object';
    if (['constant', 'static', 'constexpr', 'const'].includes(token.source)) token.removed = true;
  }
  // Attributes that the compiler knows stand where it takes none now.
  remove(unit, nameAt + 1, shape.equals);
  at(unit, specifiers).prefix = '__MSL_INL static ';
  name.text = `__msl_derived_${name.source}`;
  const equals = at(unit, shape.equals);
  equals.text = '() { return';
  at(unit, shape.stop).text = '; }';
  unit.derivedConstants.set(name.source, kind);
}

const NOT_TYPES = new Set(['return', 'else', 'case', 'goto', 'do']);

/** Turns each use of a derived constant into a call. A name declared in a function hides it, as in the language. */
export function callDerivedConstants(unit: Unit): void {
  if (unit.derivedConstants.size === 0) return;
  const hiddenUntil = new Map<string, number>();
  const enclosing: number[] = [];
  unit.tokens.forEach((token, index) => {
    if (isOpening(token) && token.match > index) enclosing.push(token.match);
    else if (enclosing.at(-1) === index) enclosing.pop();
    if (token.kind !== 'identifier' || token.removed || token.text !== token.source) return;
    if (!unit.derivedConstants.has(token.source)) return;
    const before = at(unit, previous(unit, index));
    if (before.kind === 'identifier' && !NOT_TYPES.has(before.source)) {
      hiddenUntil.set(token.source, scopeEnd(unit, enclosing.at(-1)));
    }
    if (before.source === '.' || before.source === '->' || index < (hiddenUntil.get(token.source) ?? 0))
      return;
    const call = `__msl_derived_${token.source}()`;
    // What a function returns lies in no address space, and methods for any could be meant.
    const isAccessed = ['.', '['].includes(at(unit, index + 1).source);
    const isObject = unit.derivedConstants.get(token.source) === 'object';
    token.text = isObject && isAccessed ? `__msl_lasting(${call})` : call;
  });
}

/** Where a name declared in the group that closes at `close` stops being visible: parameters live in the body behind. */
function scopeEnd(unit: Unit, close: number | undefined): number {
  if (close === undefined) return unit.tokens.length;
  if (at(unit, close).source !== ')') return close;
  let body = close + 1;
  while (!['{', ';'].includes(at(unit, body).source) && body < unit.tokens.length) body += 1;
  return Math.max(close, at(unit, body).match);
}
