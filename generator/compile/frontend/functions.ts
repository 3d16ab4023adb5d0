// Rewrites functions: their parameters, the address space of `this`, kernels, and their bodies.

import { lacksAddressSpace } from './address-spaces.js';
import { attributesWithin } from './attributes.js';
import { rewriteBody } from './bodies.js';
import { noteMethod } from './classes.js';
import { deduceBareReferences } from './deduction.js';
import { noteConstantParameters, respellSpace } from './constant-data.js';
import type { Declaration } from './declarations.js';
import { recordKernel } from './kernels.js';
import { at, next, previous, sources, written } from './navigate.js';
import { recordReferences } from './components.js';
import { rewriteParameters } from './parameters.js';
import { noteMentions } from './rows.js';
import type { Token } from './tokens.js';
import { reportError, type CallRecord, type Unit } from './unit.js';

export function rewriteFunction(unit: Unit, declaration: Declaration): void {
  const { begin, specifiers, shape, scope } = declaration;
  const words = sources(unit, begin, shape.parameters);
  const nameAt = functionName(unit, begin, shape.parameters);
  const name = at(unit, nameAt).source;
  const isKernel = mentionsKernel(unit, begin, shape.parameters);
  rewriteParameters(unit, shape.parameters);
  if (!isKernel) deduceBareReferences(unit, declaration, name);
  if (!isKernel) recordReferences(unit, name, shape.parameters);
  if (words.includes('constant')) respellSpace(unit, specifiers, nameAt - 1);
  noteConstantParameters(unit, name, shape.parameters);
  checkReturnType(unit, specifiers, nameAt);
  const arrow = at(unit, shape.parameters).match + 1;
  if (at(unit, arrow).source === '->') checkReturnType(unit, arrow + 1, shape.stop);
  if (scope.ownClass) {
    if (words.includes('static')) unit.staticMethods.add(`${scope.ownClass.name}::${name}`);
    rewriteMember(unit, declaration, words, nameAt);
  } else qualifyOutOfClass(unit, declaration, nameAt);
  const hasBody = at(unit, shape.stop).source === '{';
  if (isKernel && scope.kind === 'class')
    reportError(unit, at(unit, nameAt), `kernel '${name}' cannot be a member`);
  if (isKernel && scope.kind === 'namespace') {
    makeInternal(unit, declaration, words);
    if (hasBody) recordKernel(unit, declaration, name, attributesWithin(unit, begin, shape.parameters));
  }
  if (!hasBody) {
    unit.hasDeclarations = true;
    return;
  }
  // A constructor's initialisers stand in front of its body.
  noteMentions(unit, name, unit.tokens.slice(at(unit, shape.parameters).match, at(unit, shape.stop).match));
  const isPlain = scope.ownClass === undefined && declaration.templates.length === 0;
  rewriteBody(unit, shape.stop, isKernel, callRecord(unit, nameAt, isPlain));
}

/** Position of the name; of the word `operator` for operators. */
export function functionName(unit: Unit, begin: number, parameters: number): number {
  for (let position = begin; position < parameters; position += 1) {
    if (at(unit, position).source === 'operator' && !at(unit, position).removed) return position;
  }
  let position = previous(unit, parameters);
  if (at(unit, position).source === '>') {
    // A specialisation: the name stands in front of its template arguments.
    let depth = 0;
    while (position > begin) {
      if (at(unit, position).source === '>') depth += 1;
      else if (at(unit, position).source === '<') depth -= 1;
      position = previous(unit, position);
      if (depth === 0) break;
    }
  }
  return position;
}

function mentionsKernel(unit: Unit, begin: number, parameters: number): boolean {
  for (let position = begin; position < parameters; position += 1) {
    if (at(unit, position).source === 'kernel') return true;
  }
  return false;
}

/** Kernels are reached through their entries alone: internal linkage keeps the compiler from emitting them twice. */
function makeInternal(unit: Unit, declaration: Declaration, words: readonly string[]): void {
  const isSpecialisation = declaration.templates.some((open) => at(unit, next(unit, open)).source === '>');
  if (isSpecialisation || words.some((word) => ['static', 'inline', 'extern'].includes(word))) return;
  const first = at(unit, declaration.specifiers);
  first.prefix = `static ${first.prefix}`;
}

function checkReturnType(unit: Unit, begin: number, nameAt: number): void {
  if (!lacksAddressSpace(unit, begin, nameAt)) return;
  const type = written(unit, begin, nameAt);
  reportError(unit, at(unit, begin), `pointer or reference returned without an address space: '${type}'`);
}

/** `void S::f() {}` outside of S needs the same qualifiers as inside. */
function qualifyOutOfClass(unit: Unit, declaration: Declaration, nameAt: number): void {
  const colons = previous(unit, nameAt);
  if (at(unit, colons).source !== '::') return;
  let owner = previous(unit, colons);
  if (at(unit, owner).source === '>') {
    let depth = 0;
    do {
      if (at(unit, owner).source === '>') depth += 1;
      else if (at(unit, owner).source === '<') depth -= 1;
      owner = previous(unit, owner);
    } while (depth > 0 && owner > declaration.begin);
  }
  const className = at(unit, owner).source;
  const name = at(unit, nameAt).source;
  if (!unit.classes.has(className) || unit.staticMethods.has(`${className}::${name}`)) return;
  qualifyThis(unit, declaration.shape.parameters);
}

function rewriteMember(unit: Unit, declaration: Declaration, words: readonly string[], nameAt: number): void {
  const own = declaration.scope.ownClass;
  if (own === undefined || words.includes('static') || words.includes('friend')) return;
  unit.hasMethods = true;
  noteMethod(unit, own, declaration, nameAt);
  qualifyThis(unit, declaration.shape.parameters);
}

const QUALIFIERS = new Set(['const', 'volatile', 'thread', 'constant', 'device', 'threadgroup']);

/** Methods of thread or constant memory work on the generic space here; those of device and threadgroup memory say so. */
function qualifyThis(unit: Unit, parameters: number): void {
  let position = next(unit, at(unit, parameters).match);
  let space: Token | undefined;
  for (; QUALIFIERS.has(at(unit, position).source); position = next(unit, position)) {
    const token = at(unit, position);
    if (token.source === 'thread' || token.source === 'constant') token.removed = true;
    else if (token.source === 'device' || token.source === 'threadgroup') space = token;
    else if (space) {
      // For the compiler the address space comes last.
      space.text = `${token.text} ${space.text}`;
      token.removed = true;
    }
  }
}

/** Call records serve the warning about recursion; members, templates and qualified names are left out of it. */
function callRecord(unit: Unit, nameAt: number, isPlain: boolean): CallRecord | undefined {
  const token = at(unit, nameAt);
  if (!isPlain || token.source === 'operator' || at(unit, previous(unit, nameAt)).source === '::')
    return undefined;
  const known = unit.calls.get(token.source);
  if (known) {
    known.definitions += 1;
    return known;
  }
  const record: CallRecord = { token, callees: new Set(), definitions: 1 };
  unit.calls.set(token.source, record);
  return record;
}
