// The names nearest to one that does not exist. Names are made of parts, so what counts is how many parts differ and how much: a
// kernel for another dtype is nearer than one whose letters happen to be alike.

import { distance } from 'fastest-levenshtein';

/** What a part costs that one of the names has and the other has not. */
const MISSING_PART = 1;
/** The same at the end: a name that only goes on is what was begun. */
const GOES_ON = 0.1;
const MOST = 3;

interface NearNames {
  /** The best first, at most three. */
  readonly names: readonly string[];
  /** Whether they are near enough to be what was meant. */
  readonly isNear: boolean;
}

function nearestNames(given: string, known: readonly string[]): NearNames {
  const parts = partsOf(given);
  const ranked = known
    .map((name) => ({ name, cost: difference(parts, partsOf(name)), edits: edits(given, name) }))
    .sort((a, b) => a.cost - b.cost || a.edits - b.edits || a.name.length - b.name.length);
  const [best] = ranked;
  if (best === undefined) return { names: [], isNear: false };
  const isNear =
    best.name.toLowerCase().includes(given.toLowerCase()) ||
    best.edits <= Math.max(2, given.length / 3) ||
    (parts.length > 2 && best.cost < 1);
  const close = ranked.filter(({ cost }) => cost <= best.cost + GOES_ON / 2);
  return { names: close.slice(0, MOST).map(({ name }) => name), isNear };
}

/** The next step for a name that is not known: those that are near, and where none is, where all of them are. */
export function suggest(given: string, known: readonly string[], listing: string): string {
  const { names, isNear } = nearestNames(given, known);
  if (names.length === 0) return listing;
  const quoted = names.map((name) => `'${name}'`);
  if (isNear) return `did you mean ${quoted.join(' or ')}?`;
  return `the nearest ${quoted.length > 1 ? 'are' : 'is'} ${quoted.join(', ')}; ${listing}`;
}

function partsOf(name: string): string[] {
  return name
    .toLowerCase()
    .replaceAll('*', '')
    .split(/[_-]/)
    .filter((part) => part !== '');
}

function edits(given: string, name: string): number {
  return distance(given.toLowerCase(), name.toLowerCase());
}

/** Levenshtein's distance with parts for letters; two parts differ by the share of their letters that does. */
function difference(given: readonly string[], name: readonly string[]): number {
  let row = name.map((_, at) => (at + 1) * MISSING_PART);
  let start = 0;
  const all = (): number[] => [start, ...row];
  let before = all();
  for (const part of given) {
    start += MISSING_PART;
    let left = start;
    row = name.map((other, at) => {
      const longest = Math.max(part.length, other.length);
      const replaced = (before[at] ?? 0) + distance(part, other) / longest;
      left = Math.min(replaced, (before[at + 1] ?? 0) + MISSING_PART, left + MISSING_PART);
      return left;
    });
    before = all();
  }
  // Where the name goes on, what follows costs little.
  return Math.min(...before.map((cost, at) => cost + (name.length - at) * GOES_ON));
}
