// Records explicit instantiations that carry a `host_name`, and takes them out: each kernel's entry instantiates it.

import { attributesWithin, stringValue } from './attributes.js';
import { at, closingAngle, remove, rewritten, type Range } from './navigate.js';
import type { Unit } from './unit.js';

/** `template [[host_name("x")]] [[kernel]] decltype(f<1>) f<1>;` or `template ... void f<1>(device float*);` */
export function recordExplicitInstantiation(
  unit: Unit,
  { begin, end: stop }: Range,
  specifiers: number,
  namespaces: readonly string[],
): void {
  const hostName = attributesWithin(unit, begin, stop).find((attribute) => attribute.name === 'host_name');
  if (!hostName) return;
  const nameAt = afterType(unit, skipRemoved(unit, specifiers));
  const { end, definition } = functionId(unit, nameAt, stop);
  const open = at(unit, end);
  unit.instantiations.push({
    hostName: stringValue(hostName.argument),
    expression: rewritten(unit, nameAt, end),
    definition,
    namespaces,
    token: at(unit, begin),
    functionType: open.source === '(' ? `(${rewritten(unit, end + 1, open.match)})` : undefined,
  });
  remove(unit, begin, stop + 1);
}

function skipRemoved(unit: Unit, index: number): number {
  let position = index;
  while (at(unit, position).removed) position += 1;
  return position;
}

/** Position after the return type: `void`, `decltype(...)`, a qualified name with template arguments. */
function afterType(unit: Unit, index: number): number {
  let position = index;
  if (at(unit, position).source === 'decltype') return skipRemoved(unit, at(unit, position + 1).match + 1);
  const isVoid = at(unit, position).source === 'void';
  position = skipRemoved(unit, position + 1);
  while (!isVoid && at(unit, position).source === '::') position = skipRemoved(unit, position + 2);
  if (at(unit, position).source === '<') position = closingAngle(unit, position) + 1;
  return skipRemoved(unit, position);
}

/** Where the function's name with its template arguments ends, and the name without them. */
function functionId(unit: Unit, index: number, stop: number): { end: number; definition: string } {
  let definition = '';
  let position = index;
  while (position < stop && at(unit, position).source !== '(') {
    const token = at(unit, position);
    const close = token.source === '<' ? closingAngle(unit, position) : -1;
    if (token.kind === 'identifier' || token.source === '::') definition += token.source;
    position = close > 0 ? close + 1 : position + 1;
  }
  return { end: position, definition };
}
