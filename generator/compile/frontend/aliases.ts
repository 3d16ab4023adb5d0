// Rewrites and checks aliases: `using`, `typedef`. Function pointer types become references, as in template headers.

import { lacksAddressSpace } from './address-spaces.js';
import { at, skip, sources, written } from './navigate.js';
import { rewriteParameters } from './parameters.js';
import { reportError, type Unit } from './unit.js';
import { BUILTIN_TYPES } from './words.js';

/** Rewrites the alias at `index`; returns the position after its `;`. */
export function rewriteAlias(unit: Unit, index: number, end: number): number {
  let stop = index;
  while (stop < end && at(unit, stop).source !== ';') stop = skip(unit, stop);
  for (let position = index; position < stop; position += 1) {
    const star = at(unit, position + 1);
    if (at(unit, position).source !== '(' || star.source !== '*') continue;
    const closesSoon = at(unit, position + 2).source === ')' || at(unit, position + 3).source === ')';
    const parameters = at(unit, position).match + 1;
    if (!closesSoon || at(unit, parameters).source !== '(') continue;
    star.text = '&';
    rewriteParameters(unit, parameters);
  }
  recordTypeName(unit, sources(unit, index, stop));
  if (at(unit, index).source !== 'static_assert' && lacksAddressSpace(unit, index, stop)) {
    reportError(
      unit,
      at(unit, index),
      `pointer or reference type without an address space: '${written(unit, index, stop)}'`,
    );
  }
  return stop + 1;
}

/** Remembers `typedef half scalar;` and `using scalar = half;`. */
function recordTypeName(unit: Unit, words: readonly string[]): void {
  const [first = '', second = '', third = '', fourth = ''] = words;
  if (first === 'typedef' && words.length === 3) nameType(unit, third, second);
  else if (first === 'using' && third === '=' && words.length === 4) nameType(unit, second, fourth);
}

function nameType(unit: Unit, name: string, type: string): void {
  const builtin = unit.aliases.get(type) ?? type;
  if (BUILTIN_TYPES.has(builtin)) unit.aliases.set(name, builtin);
}
