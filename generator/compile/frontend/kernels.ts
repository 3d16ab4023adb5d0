// Records kernels: their parameters with attributes, template parameters, thread limits.

import { warnOfLaneMasks } from './apple-traps.js';
import { attributesWithin, stringValue, type Attribute } from './attributes.js';
import type { Declaration } from './declarations.js';
import { evaluateInteger } from './integers.js';
import { at, closingAngle, previous, sources, splitList, written, type Range } from './navigate.js';
import { templateArguments } from './template-arguments.js';
import {
  reportError,
  type DeclaredParameter,
  type Instantiation,
  type KernelDefinition,
  type TemplateParameter,
  type Unit,
} from './unit.js';
import { ADDRESS_SPACES, BUILTIN_TYPES } from './words.js';

export function recordKernel(
  unit: Unit,
  declaration: Declaration,
  name: string,
  attributes: readonly Attribute[],
): void {
  const { parameters } = declaration.shape;
  const token = at(unit, previous(unit, parameters));
  if (!sources(unit, declaration.specifiers, parameters).includes('void')) {
    reportError(unit, token, `kernel '${name}' must return void`);
  }
  const limit = attributes.find((attribute) => attribute.name === 'max_total_threads_per_threadgroup');
  const qualifiedName = [...declaration.scope.namespaces, name].join('::');
  const definition = {
    name,
    token,
    parameters: declaredParameters(unit, parameters),
    templateParameters: declaration.templates.flatMap((open) => templateParameters(unit, open)),
    maxThreads: limit?.argument,
  };
  warnOfLaneMasks(unit, declaration, definition.parameters);
  unit.kernels.set(qualifiedName, [...(unit.kernels.get(qualifiedName) ?? []), definition]);
  if (declaration.templates.length > 0) return;
  const hostName = attributes.find((attribute) => attribute.name === 'host_name');
  unit.instantiations.push({
    hostName: hostName ? stringValue(hostName.argument) : name,
    expression: name,
    definition: name,
    namespaces: declaration.scope.namespaces,
    token,
    functionType: undefined,
  });
}

/** The kernel that an instantiation means: the overload that its template arguments fit. */
export function findKernel(unit: Unit, instantiation: Instantiation): KernelDefinition | undefined {
  const overloads = findOverloads(unit, instantiation.definition, instantiation.namespaces);
  if (overloads.length < 2) return overloads[0];
  const given = templateArguments(instantiation.expression);
  return overloads.find(({ templateParameters }) => fits(templateParameters, given)) ?? overloads.at(-1);
}

/** The kernels that a name means within some namespaces, or in one that a using directive opens. */
function findOverloads(unit: Unit, name: string, namespaces: readonly string[]): readonly KernelDefinition[] {
  if (name.startsWith('::')) return unit.kernels.get(name.slice(2)) ?? [];
  for (let depth = namespaces.length; depth >= 0; depth -= 1) {
    const kernels = unit.kernels.get([...namespaces.slice(0, depth), name].join('::'));
    if (kernels) return kernels;
  }
  return [...unit.kernels].find(([qualified]) => qualified.endsWith(`::${name}`))?.[1] ?? [];
}

function fits(parameters: readonly TemplateParameter[], given: readonly string[]): boolean {
  if (given.length > parameters.length) return false;
  return parameters.every(({ fallback, isType }, index) => {
    const argument = given[index];
    if (argument === undefined) return fallback !== undefined;
    return !isType || evaluateInteger(argument) === undefined;
  });
}

function declaredParameters(unit: Unit, open: number): DeclaredParameter[] {
  const result: DeclaredParameter[] = [];
  for (const range of splitList(unit, open + 1, at(unit, open).match)) {
    const words = sources(unit, range.begin, range.end);
    for (let position = range.begin; position < range.end; position += 1)
      unit.parameterAttributes.add(position);
    if (words.length === 0 || (words.length === 1 && words[0] === 'void')) continue;
    result.push({
      name: parameterName(words),
      token: at(unit, range.begin),
      text: written(unit, range.begin, range.end),
      attributes: attributesWithin(unit, range.begin, range.end),
      indirect: words.some((word) => word === '*' || word === '&' || word === '['),
      readOnly: pointsToConstant(words),
      isThreadgroup: words.includes('threadgroup'),
    });
  }
  return result;
}

function parameterName(words: readonly string[]): string {
  const bracket = words.indexOf('[');
  // `constant float (&name)[4]`
  const named = words.slice(0, bracket < 0 ? undefined : bracket).filter((word) => word !== ')');
  const last = named.at(-1) ?? '';
  const isType = words.length === 1 || BUILTIN_TYPES.has(last) || ADDRESS_SPACES.has(last);
  return isType || !/^[A-Za-z_]/u.test(last) ? '' : last;
}

function pointsToConstant(words: readonly string[]): boolean {
  const mark = Math.max(words.lastIndexOf('*'), words.lastIndexOf('&'));
  const pointee = mark < 0 ? words : words.slice(0, mark);
  return pointee.includes('const') || pointee.includes('constant');
}

function templateParameters(unit: Unit, open: number): TemplateParameter[] {
  const close = closingAngle(unit, open);
  return splitList(unit, open + 1, close).map((range) => templateParameter(unit, range));
}

function templateParameter(unit: Unit, range: Range): TemplateParameter {
  let equals = range.begin;
  while (equals < range.end && at(unit, equals).source !== '=') equals += 1;
  const name = at(unit, equals - 1).source;
  const fallback = equals < range.end ? sources(unit, equals + 1, range.end).join(' ') : undefined;
  const isType = ['typename', 'class', 'template'].includes(at(unit, range.begin).source);
  return { name, fallback, isType };
}
