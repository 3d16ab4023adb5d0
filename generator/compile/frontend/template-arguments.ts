// The value of a kernel's thread limit: it may use template parameters, which are looked up in the instantiation.

import { evaluateInteger } from './integers.js';
import type { Instantiation, KernelDefinition, Unit } from './unit.js';

export function maxThreads(
  unit: Unit,
  instantiation: Instantiation,
  definition: KernelDefinition,
): number | undefined {
  if (definition.maxThreads === undefined) return undefined;
  const given = templateArguments(instantiation.expression);
  const lookup = (name: string): number | undefined => {
    const position = definition.templateParameters.findIndex((parameter) => parameter.name === name);
    if (position < 0) return unit.integers.get(name);
    const text = given[position] ?? definition.templateParameters[position]?.fallback;
    return text === undefined ? undefined : evaluateInteger(text, lookup);
  };
  return evaluateInteger(definition.maxThreads, lookup);
}

/** The template arguments of `name<a, b>`, as written. */
export function templateArguments(expression: string): string[] {
  const open = expression.indexOf('<');
  const close = expression.lastIndexOf('>');
  if (open < 0 || close < open) return [];
  const parts: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let position = start; position < close; position += 1) {
    const character = expression.charAt(position);
    if ('<([{'.includes(character)) depth += 1;
    else if ('>)]}'.includes(character)) depth -= 1;
    else if (character === ',' && depth === 0) {
      parts.push(expression.slice(start, position).trim());
      start = position + 1;
    }
  }
  parts.push(expression.slice(start, close).trim());
  return parts;
}
