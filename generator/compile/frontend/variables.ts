// Rewrites and checks variables outside of functions: function constants, what is computed from them, and fields.

import { lacksAddressSpace } from './address-spaces.js';
import { attributesWithin } from './attributes.js';
import type { Declaration } from './declarations.js';
import { declareConstant, deriveConstant, dependsOnConstants, variableName } from './constants.js';
import { placeConstant, respellSpace } from './constant-data.js';
import { evaluateInteger } from './integers.js';
import { readLocal } from './locals.js';
import { at, previous, remove, skip, sources, splitList, written } from './navigate.js';
import { noteMentions } from './rows.js';
import type { Shape } from './shape.js';
import { reportError, type Unit } from './unit.js';

const INITIALISED = 'a function constant cannot have an initialiser';

/** Whether this is a function constant, and what follows its name in parentheses no list of parameters but a value. */
export function refuseInitialised(unit: Unit, { begin, shape }: Declaration): boolean {
  const attributes = [
    ...attributesWithin(unit, begin, shape.parameters),
    ...attributesWithin(unit, at(unit, shape.parameters).match + 1, shape.stop),
  ];
  if (!attributes.some(({ name }) => name === 'function_constant')) return false;
  reportError(unit, at(unit, shape.parameters), INITIALISED);
  return true;
}

export function rewriteVariable(unit: Unit, declaration: Declaration): void {
  const { begin, specifiers, shape, templates } = declaration;
  const words = sources(unit, specifiers, shape.stop);
  if (words[0] === 'extern' || words[0] === 'friend') return;
  const constant = attributesWithin(unit, begin, shape.stop).find(
    (attribute) => attribute.name === 'function_constant',
  );
  if (constant) {
    const last = at(unit, previous(unit, shape.stop));
    if (shape.equals >= 0 || last.source === '}')
      reportError(unit, shape.equals >= 0 ? at(unit, shape.equals) : last, INITIALISED);
    declareConstant(unit, declaration, constant.argument);
    return;
  }
  if (shape.equals >= 0) unit.variables.add(at(unit, variableName(unit, shape.equals)).source);
  if (isStaticMemberDefinition(words, shape)) {
    remove(unit, specifiers, shape.stop);
    return;
  }
  if (words.length > 1 && !words.includes('constant') && templates.length === 0) {
    const text = written(unit, specifiers, Math.min(shape.stop, specifiers + 8));
    reportError(
      unit,
      at(unit, specifiers),
      `program scope variable must be in the constant address space: '${text}'`,
    );
  }
  const depends =
    shape.equals >= 0 && templates.length === 0 && dependsOnConstants(unit, shape.equals + 1, shape.stop);
  if (depends) {
    const name = at(unit, variableName(unit, shape.equals)).source;
    noteMentions(unit, name, unit.tokens.slice(shape.equals, shape.stop));
  }
  if (depends && unit.target === 'host') {
    deriveConstant(unit, declaration);
    return;
  }
  if (words.includes('constant')) place(unit, declaration, words);
  if (shape.equals >= 0 && !depends) recordInteger(unit, shape);
}

function place(unit: Unit, { specifiers, shape, templates }: Declaration, words: readonly string[]): void {
  const local =
    templates.length === 0 && !words.includes('::') ? readLocal(unit, specifiers, shape.stop) : undefined;
  if (local) placeConstant(unit, local, shape.stop);
  else respellSpace(unit, specifiers, nameOf(unit, shape));
}

function nameOf(unit: Unit, shape: Shape): number {
  let name = previous(unit, shape.equals < 0 ? shape.stop : shape.equals);
  while (at(unit, name).source === ']') name = previous(unit, at(unit, name).match);
  return name;
}

/** `constexpr constant T S<...>::x;` repeats what the class says already. */
function isStaticMemberDefinition(words: readonly string[], shape: Shape): boolean {
  const isConstant = words.includes('constexpr') && words.includes('constant');
  return shape.equals < 0 && words.includes('::') && isConstant && !words.includes('{');
}

function recordInteger(unit: Unit, shape: Shape): void {
  const name = at(unit, variableName(unit, shape.equals));
  if (name.kind !== 'identifier') return;
  const text = sources(unit, shape.equals + 1, shape.stop).join(' ');
  const value = evaluateInteger(text, (other) => unit.integers.get(other));
  if (value !== undefined) unit.integers.set(name.source, value);
}

/** Enumerators may serve as buffer indices. */
export function recordEnumerators(unit: Unit, shape: Shape): void {
  for (const open of shape.enumBodies) {
    let value: number | undefined = -1;
    for (const range of splitList(unit, open + 1, at(unit, open).match)) {
      const words = sources(unit, range.begin, range.end);
      const name = words[0];
      if (name === undefined) continue;
      if (words[1] === '=') {
        value = evaluateInteger(words.slice(2).join(' '), (other) => unit.integers.get(other));
      } else if (value !== undefined) value += 1;
      if (value !== undefined) unit.integers.set(name, value);
    }
  }
}

/** Checks a data member; a static one that only specialisations define gets a value that must not be used. */
export function rewriteField(unit: Unit, declaration: Declaration): void {
  const { specifiers, shape, scope } = declaration;
  checkField(unit, declaration);
  const words = sources(unit, specifiers, shape.stop);
  const stop = at(unit, shape.stop);
  if (words.includes('static') && words.includes('constant'))
    respellSpace(unit, specifiers, nameOf(unit, shape));
  if (!words.includes('static') || !words.includes('constant') || shape.equals >= 0 || stop.source !== ';')
    return;
  const name = at(unit, previous(unit, shape.stop));
  if (name.kind !== 'identifier' || isDefinedBelow(unit, shape.stop, scope.ownClass?.name, name.source))
    return;
  stop.prefix = ` = __msl_undefined_constant<decltype(${name.source})>()`;
  if (!words.includes('constexpr')) at(unit, specifiers).prefix = 'constexpr ';
}

/** Whether the program says behind the class what a static member of it is: `constant T S::x = ...`, `S<T>::x{...}`. */
function isDefinedBelow(unit: Unit, from: number, ownClass: string | undefined, name: string): boolean {
  for (let position = from; position < unit.tokens.length - 1; position += 1) {
    if (at(unit, position).source !== name || !['=', '{'].includes(at(unit, position + 1).source)) continue;
    const before = at(unit, position - 2).source;
    if (at(unit, position - 1).source === '::' && (before === ownClass || before === '>')) return true;
  }
  return false;
}

function checkField(unit: Unit, { specifiers, shape }: Declaration): void {
  if (at(unit, specifiers).source === 'friend') return;
  let end = shape.equals < 0 ? shape.stop : shape.equals;
  for (let position = specifiers; position < end; position = skip(unit, position)) {
    // A bit field: its width is an expression.
    if (at(unit, position).source === ':') end = position;
  }
  if (!lacksAddressSpace(unit, specifiers, end)) return;
  const text = written(unit, specifiers, end);
  reportError(unit, at(unit, specifiers), `pointer or reference field without an address space: '${text}'`);
}
