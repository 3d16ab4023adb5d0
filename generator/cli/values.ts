// Parses option values against the names that exist, strictly: a name that does not is refused with the nearest one that does.

import { suggest } from '../description/nearest.js';
import { MoegenError } from '../errors.js';

/** A parser that tells which values it takes. */
type Choosing<T> = ((given: string) => T) & { readonly values: readonly string[] };

export function oneOf<const T extends string>(option: string, known: readonly T[]): Choosing<T> {
  const parse = (given: string): T => {
    const found = known.find((name) => name === given);
    if (found === undefined) throw unknownValue(option, given, known);
    return found;
  };
  return Object.assign(parse, { values: known });
}

/** A comma-separated list of names, or `all`; in the order of the table, each name once. */
export function listOf<const T extends string>(option: string, known: readonly T[]): Choosing<T[]> {
  const parse = (given: string): T[] => {
    const names = given.split(',').map((name) => name.trim());
    if (names.includes('all')) return [...known];
    const unknown = names.find((name) => !known.some((other) => other === name));
    if (unknown !== undefined) throw unknownValue(option, unknown, [...known, 'all']);
    return known.filter((name) => names.includes(name));
  };
  return Object.assign(parse, { values: [...known, 'all'] });
}

/** Refuses an empty text, as an unset variable of a script leaves it. */
export function nonEmpty(option: string): (given: string) => string {
  return (given) => {
    if (given.trim() !== '') return given;
    throw new MoegenError('cli/empty-value', 'expected a value, got nothing', {
      where: option,
      help: 'leave the option out for its default; a variable of a script may be unset',
    });
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

/** Options that may be repeated. */
export function collect(given: string, before: readonly string[]): string[] {
  return [...before, given];
}

/** `NAME` or `NAME=VALUE`. */
export function parseDefine(definition: string): [string, string] {
  const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(definition) ?? [];
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    throw new MoegenError('cli/bad-definition', `expected NAME or NAME=VALUE, got '${definition}'`, {
      where: '-D',
    });
  }
  return [name, value];
}
/** Tables with more names than this are too long for a message. */
const SHOWN = 12;

function unknownValue(option: string, given: string, known: readonly string[]): MoegenError {
  const isShown = known.length <= SHOWN;
  const expected = isShown ? `one of ${known.join(', ')}` : `one of ${known.length} names`;
  const listing = isShown ? 'use one of these' : (LISTINGS[option] ?? `they are: ${known.join(', ')}`);
  const suggested = suggest(given, known, listing);
  return new MoegenError('cli/unknown-value', `expected ${expected}, got '${given}'`, {
    where: option,
    help: isShown || suggested.endsWith(listing) ? suggested : `${suggested} ${listing}`,
  });
}

const LISTINGS: Readonly<Record<string, string>> = {
  '--weights': '`moegen list --formats` shows all',
};
