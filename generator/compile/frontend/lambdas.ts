// Lambda expressions: their parameters and what they return are checked like those of functions.

import { lacksAddressSpace } from './address-spaces.js';
import { recordReferences } from './components.js';
import { at, previous, written } from './navigate.js';
import { rewriteParameters } from './parameters.js';
import { reportError, type Unit } from './unit.js';

/** Checks the lambda whose captures open at `index`, if it is one. */
export function checkLambda(unit: Unit, index: number): void {
  const before = at(unit, previous(unit, index));
  const indexes =
    before.kind === 'identifier' ? before.source !== 'return' : [')', ']'].includes(before.source);
  const open = at(unit, index).match + 1;
  if (indexes || at(unit, open).source !== '(' || at(unit, open).match < open) return;
  rewriteParameters(unit, open);
  const name = at(unit, previous(unit, previous(unit, index)));
  if (before.source === '=' && name.kind === 'identifier') recordReferences(unit, name.source, open);
  let position = at(unit, open).match + 1;
  if (at(unit, position).source === 'mutable') position += 1;
  if (at(unit, position).source !== '->') return;
  const begin = position + 1;
  while (!['{', ';'].includes(at(unit, position).source)) position += 1;
  if (!lacksAddressSpace(unit, begin, position)) return;
  const type = written(unit, begin, position);
  reportError(unit, at(unit, begin), `pointer or reference returned without an address space: '${type}'`);
}
