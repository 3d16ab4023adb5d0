// The names that a misspelt one may have meant.

import { distance } from 'fastest-levenshtein';

const SHOWN = 3;

export function nearest(name: string, known: readonly string[]): string[] {
  return [...known].sort((a, b) => distance(name, a) - distance(name, b)).slice(0, SHOWN);
}
