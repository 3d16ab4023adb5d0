// Rewrites functions: their parameters, the address space of `this`, kernels, and their bodies.

import { lacksAddressSpace } from './address-spaces.js';
import { attributesWithin } from './attributes.js';
import { rewriteBody } from './bodies.js';
import type { Declaration } from './declarations.js';
import { recordKernel } from './kernels.js';
import { at, next, previous, sources, written } from './navigate.js';
import { recordReferences } from './components.js';
import { forwardTemporaries } from './forwarders.js';
import { rewriteParameters } from './parameters.js';
import { temporaryReferences } from './temporaries.js';
import { noteMentions } from './rows.js';
import { reportError, type CallRecord, type Unit } from './unit.js';
import { ADDRESS_SPACES } from './words.js';

export function rewriteFunction(unit: Unit, declaration: Declaration): void {
  const { begin, specifiers, shape, scope } = declaration;
  const words = sources(unit, begin, shape.parameters);
  const nameAt = functionName(unit, begin, shape.parameters);
  const name = at(unit, nameAt).source;
  const isKernel = mentionsKernel(unit, begin, shape.parameters);
  const parameters = rewriteParameters(unit, shape.parameters);
  if (!isKernel) recordReferences(unit, name, shape.parameters);
  checkReturnType(unit, specifiers, nameAt);
  const arrow = at(unit, shape.parameters).match + 1;
  if (at(unit, arrow).source === '->') checkReturnType(unit, arrow + 1, shape.stop);
  if (scope.ownClass) {
    if (words.includes('static')) unit.staticMethods.add(`${scope.ownClass.name}::${name}`);
    rewriteMember(unit, declaration, words, nameAt);
  } else qualifyOutOfClass(unit, declaration, words, nameAt);
  const hasBody = at(unit, shape.stop).source === '{';
  if (parameters.length > 0 && hasBody && !isKernel && scope.kind === 'namespace') {
    unit.threadReferences.push({
      begin,
      name: nameAt,
      end: at(unit, shape.parameters).match + 1,
      parameters,
    });
  }
  if (isKernel && scope.kind === 'class')
    reportError(unit, at(unit, nameAt), `kernel '${name}' cannot be a member`);
  recordTemporaries(unit, declaration, nameAt, hasBody && !isKernel);
  if (isKernel && scope.kind === 'namespace') {
    makeInternal(unit, declaration, words);
    if (hasBody) recordKernel(unit, declaration, name, attributesWithin(unit, begin, shape.parameters));
  }
  if (!hasBody) return;
  // A constructor's initialisers stand in front of its body.
  noteMentions(unit, name, unit.tokens.slice(at(unit, shape.parameters).match, at(unit, shape.stop).match));
  const isPlain = scope.ownClass === undefined && declaration.templates.length === 0;
  rewriteBody(unit, shape.stop, isKernel, callRecord(unit, nameAt, isPlain));
}

/** Notes the parameters that must take temporaries: of a definition, or of a method wherever it is defined. */
function recordTemporaries(unit: Unit, declaration: Declaration, nameAt: number, isDefined: boolean): void {
  const { shape, scope, templates } = declaration;
  const inClass = scope.ownClass !== undefined;
  if (scope.ownClass ? scope.ownClass.name === '' : !isDefined) return;
  if (!inClass && at(unit, previous(unit, nameAt)).source === '::') return;
  if (templates.some((open) => at(unit, next(unit, open)).source === '>')) return;
  const after = next(unit, at(unit, shape.parameters).match);
  if (['default', 'delete'].includes(at(unit, shape.stop - 1).source) && after < shape.stop) return;
  const parameters = temporaryReferences(unit, shape.parameters);
  if (parameters.length > 0) unit.temporaryReferences.push({ declaration, name: nameAt, parameters });
}

/** Position of the name; of the word `operator` for operators. */
function functionName(unit: Unit, begin: number, parameters: number): number {
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
function qualifyOutOfClass(
  unit: Unit,
  declaration: Declaration,
  words: readonly string[],
  nameAt: number,
): void {
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
  qualifyThis(unit, declaration.shape.parameters, words, className === name, false);
}

function rewriteMember(unit: Unit, declaration: Declaration, words: readonly string[], nameAt: number): void {
  const own = declaration.scope.ownClass;
  const name = at(unit, nameAt).source;
  if (own === undefined || words.includes('static') || words.includes('friend')) return;
  const isConstructor = own.name !== '' && name === own.name;
  if (isConstructor) own.constructed = true;
  const open = declaration.shape.parameters;
  if (name === 'operator' && at(unit, previous(unit, open)).source === '=') own.assigned = true;
  const isOfThread = qualifyThis(unit, open, words, isConstructor, own.name === '');
  if (isOfThread && own.name !== '') forwardTemporaries(unit, own, declaration, nameAt);
}

/**
 * Metal's `this` is a thread pointer unless the method says otherwise; the compiler's would be a generic one. Says whether
 * it is a thread pointer now.
 */
function qualifyThis(
  unit: Unit,
  parameters: number,
  words: readonly string[],
  isConstructor: boolean,
  isLocal: boolean,
): boolean {
  let last = at(unit, parameters).match;
  let position = next(unit, last);
  for (;;) {
    const token = at(unit, position);
    if (ADDRESS_SPACES.has(token.source)) {
      if (token.source === 'thread' && isConstructor) token.removed = true;
      else if (token.source === 'constant') token.text = '__constant';
      if (isConstructor || isReference(at(unit, next(unit, position)).source)) return false;
      if (!isLocal) token.suffix += ' &';
      return token.source === 'thread';
    }
    if (token.source !== 'const' && token.source !== 'volatile') break;
    last = position;
    position = next(unit, position);
  }
  const defaulted = ['default', 'delete'].includes(at(unit, next(unit, position)).source);
  if (isConstructor || (at(unit, position).source === '=' && defaulted) || words.includes('~')) return false;
  // Beside it stands one for temporaries: forwarders.ts. Local classes cannot have such templates.
  const isPlain = !isLocal && !isReference(at(unit, position).source);
  at(unit, last).suffix += isPlain ? ' __private &' : ' __private';
  return isPlain;
}

function isReference(word: string): boolean {
  return word === '&' || word === '&&';
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
