// Parses declarations just deep enough to know what each one is, and hands it to the pass that rewrites its kind:
// namespaces and classes are entered, functions, variables, aliases and explicit instantiations are passed on.

import { rewriteAlias } from './aliases.js';
import { variableName } from './constants.js';
import { mergeConstantMethods, openClass, type OwnClass } from './classes.js';
import { functionName, rewriteFunction } from './functions.js';
import { recordExplicitInstantiation } from './instantiations.js';
import { at, closingAngle, next, previous, skip, splitList, type Range } from './navigate.js';
import { rewriteParameters } from './parameters.js';
import { findShape, type Shape } from './shape.js';
import { rewriteField, recordEnumerators, refuseInitialised, rewriteVariable } from './variables.js';
import { reportError, reportWarning, type Unit } from './unit.js';

export interface Scope {
  readonly kind: 'namespace' | 'class';
  readonly namespaces: readonly string[];
  /** The class that is being read. */
  readonly ownClass: OwnClass | undefined;
}

/** A declaration: where it starts (with attributes and template headers) and where its specifiers start. */
export interface Declaration {
  readonly begin: number;
  readonly specifiers: number;
  readonly shape: Shape;
  readonly scope: Scope;
  /** Positions of the `<` of its template headers. */
  readonly templates: readonly number[];
}

const ACCESS = new Set(['public', 'private', 'protected']);

/** Rewrites every declaration between two positions; `end` is the closing brace, or the end of the program. */
export function rewriteScope(unit: Unit, begin: number, end: number, scope: Scope): void {
  let position = begin;
  while (position < end) {
    if (at(unit, position).source === ';') {
      position += 1;
      continue;
    }
    const start = position;
    while (position < end && at(unit, position).removed) position += 1;
    if (position >= end) break;
    if (ACCESS.has(at(unit, position).source) && at(unit, position + 1).source === ':') position += 2;
    else position = rewriteDeclaration(unit, start, position, end, scope);
  }
  if (scope.ownClass && at(unit, end).source === '}') mergeConstantMethods(unit, scope.ownClass);
}

/** Rewrites the declaration whose first printed token is at `first`; returns the position after it. */
function rewriteDeclaration(unit: Unit, begin: number, first: number, end: number, scope: Scope): number {
  const word = at(unit, first).source;
  if (word === 'using' || word === 'typedef' || word === 'static_assert' || word === '_Static_assert') {
    return rewriteTypeName(unit, begin, first, end);
  }
  if (opensNamespace(unit, first)) return rewriteNamespace(unit, first, end, scope);
  const templates: number[] = [];
  let specifiers = first;
  while (at(unit, specifiers).source === 'template') {
    const open = next(unit, specifiers);
    if (at(unit, open).source !== '<') return explicitInstantiation(unit, { begin, end }, open, scope);
    const close = closingAngle(unit, open);
    if (close < 0) {
      reportWarning(unit, at(unit, specifiers), 'cannot read this template header');
      break;
    }
    rewriteTemplateHeader(unit, open, close);
    templates.push(open);
    specifiers = next(unit, close);
  }
  if (['using', 'typedef'].includes(at(unit, specifiers).source))
    return rewriteTypeName(unit, begin, specifiers, end);
  return rewriteShaped(unit, begin, specifiers, end, scope, templates);
}

function rewriteTypeName(unit: Unit, begin: number, first: number, end: number): number {
  const past = rewriteAlias(unit, first, end);
  const isUsing = at(unit, first).source === 'using';
  const name = isUsing ? next(unit, first) : previous(unit, past - 1);
  unit.topLevel.push({ begin, end: past, names: new Set([at(unit, name).source]) });
  return past;
}

function rewriteShaped(
  unit: Unit,
  begin: number,
  specifiers: number,
  end: number,
  scope: Scope,
  templates: readonly number[],
): number {
  const shape = findShape(unit, specifiers, end);
  for (const body of shape.classBodies) {
    if (body.name !== '') unit.classes.add(body.name);
    const ownClass = openClass(body);
    rewriteScope(unit, body.open + 1, at(unit, body.open).match, { ...scope, kind: 'class', ownClass });
  }
  recordEnumerators(unit, shape);
  const declaration: Declaration = { begin, specifiers, shape, scope, templates };
  if (shape.parameters >= 0) {
    if (!refuseInitialised(unit, declaration)) rewriteFunction(unit, declaration);
  } else if (shape.classKey === undefined) {
    if (scope.kind === 'namespace') rewriteVariable(unit, declaration);
    else rewriteField(unit, declaration);
  }
  const stop = at(unit, shape.stop);
  const past = stop.source === '{' && stop.match > shape.stop ? stop.match + 1 : shape.stop + 1;
  if (scope.kind === 'namespace') unit.topLevel.push({ begin, end: past, names: namesOf(unit, declaration) });
  return past;
}

function namesOf(unit: Unit, { begin, shape }: Declaration): Set<string> {
  const names = new Set(shape.classBodies.map(({ name }) => name));
  if (shape.parameters >= 0) names.add(at(unit, functionName(unit, begin, shape.parameters)).source);
  else if (shape.classKey === undefined)
    names.add(at(unit, variableName(unit, shape.equals < 0 ? shape.stop : shape.equals)).source);
  return names;
}

function opensNamespace(unit: Unit, index: number): boolean {
  const word = at(unit, index).source;
  if (word === 'namespace') return true;
  if (word === 'inline') return at(unit, index + 1).source === 'namespace';
  return word === 'extern' && at(unit, index + 1).kind === 'string' && at(unit, index + 2).source === '{';
}

function rewriteNamespace(unit: Unit, index: number, end: number, scope: Scope): number {
  let position = index;
  const names: string[] = [];
  while (position < end && !['{', ';', '='].includes(at(unit, position).source)) {
    const token = at(unit, position);
    if (token.kind === 'identifier' && !['namespace', 'inline', 'extern'].includes(token.source)) {
      names.push(token.source);
    }
    position += 1;
  }
  const open = at(unit, position);
  if (open.source === '{' && open.match > position) {
    rewriteScope(unit, position + 1, open.match, { ...scope, namespaces: [...scope.namespaces, ...names] });
    return open.match + 1;
  }
  while (position < end && at(unit, position).source !== ';') position += 1;
  return position + 1;
}

function explicitInstantiation(unit: Unit, { begin, end }: Range, specifiers: number, scope: Scope): number {
  let stop = specifiers;
  while (stop < end && at(unit, stop).source !== ';') stop = skip(unit, stop);
  recordExplicitInstantiation(unit, { begin, end: stop }, specifiers, scope.namespaces);
  unit.topLevel.push({ begin, end: stop + 1, names: new Set() });
  return stop + 1;
}

/** A function pointer as template argument becomes a reference: the dialect's function pointers lack conversions. */
function rewriteTemplateHeader(unit: Unit, open: number, close: number): void {
  for (const { begin } of splitList(unit, open + 1, close)) {
    const position = at(unit, begin).source === 'const' ? begin + 1 : begin;
    if (at(unit, position).source !== 'auto' || Number(unit.version) >= 4) continue;
    const problem = `template parameters of type 'auto' need Metal 4.0; this program is compiled as Metal ${unit.version}`;
    reportError(unit, at(unit, position), problem);
  }
  for (let position = open; position < close; position += 1) {
    const named = at(unit, position + 2).kind === 'identifier' && at(unit, position + 3).source === ')';
    if (at(unit, position).source === '(' && at(unit, position + 1).source === '*' && named) {
      if (at(unit, position + 4).source !== '(') continue;
      at(unit, position + 1).text = '&';
      rewriteParameters(unit, position + 4);
    }
  }
}
