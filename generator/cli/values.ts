// Parses option values against the names that exist, strictly: a name that does not is refused with the nearest one that does.

import { distance } from 'fastest-levenshtein';
import { MoegenError } from '../errors.js';

/** The next step for a name that is not known: the nearest one, and where it is not near, all of them. */
export function suggest(given: string, known: readonly string[], listing: string): string {
  const best = nearest(given, known);
  if (best === undefined) return listing;
  const isNear = best.includes(given) || distance(given, best) <= Math.max(2, given.length / 3);
  return isNear ? `did you mean '${best}'?` : `the nearest is '${best}'; ${listing}`;
}

/** A name that goes on where the given one ends is nearer than one that only looks alike. */
function nearest(given: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((name) => ({ name, goesOn: name.includes(given), edits: distance(given, name) }))
    .sort((a, b) => Number(b.goesOn) - Number(a.goesOn) || a.edits - b.edits);
  return best?.name;
}

export function oneOf<const T extends string>(option: string, known: readonly T[]): (given: string) => T {
  return (given) => {
    const found = known.find((name) => name === given);
    if (found === undefined) throw unknownValue(option, given, known);
    return found;
  };
}

/** A comma-separated list of names, or `all`; in the order of the table, each name once. */
export function listOf<const T extends string>(option: string, known: readonly T[]): (given: string) => T[] {
  return (given) => {
    const names = given.split(',').map((name) => name.trim());
    if (names.includes('all')) return [...known];
    const unknown = names.find((name) => !known.some((other) => other === name));
    if (unknown !== undefined) throw unknownValue(option, unknown, [...known, 'all']);
    return known.filter((name) => names.includes(name));
  };
}

export function integer(option: string, minimum: number): (given: string) => number {
  return (given) => {
    const value = Number(given);
    if (/^\d+$/.test(given) && Number.isSafeInteger(value) && value >= minimum) return value;
    throw new MoegenError('cli/not-a-number', `expected a whole number from ${minimum} on, got '${given}'`, {
      where: option,
    });
  };
}

/** Numbers between commas, in ascending order, each once. */
export function integers(option: string, minimum: number): (given: string) => number[] {
  const read = integer(option, minimum);
  return (given) => {
    const numbers = given.split(',').map((number) => read(number.trim()));
    return [...new Set(numbers)].sort((a, b) => a - b);
  };
}

function unknownValue(option: string, given: string, known: readonly string[]): MoegenError {
  const names = known.join(', ');
  return new MoegenError('cli/unknown-value', `expected one of ${names}, got '${given}'`, {
    where: option,
    help: suggest(given, known, `use one of ${names}`),
  });
}
