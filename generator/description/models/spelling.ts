// Keys of a configuration that look like others with a slip of the pen.

import { distance } from 'fastest-levenshtein';

/** Letters that a slip adds, drops or changes; of short keys fewer, for those are near each other by nature. */
const SLIPS = 2;
const LETTERS_PER_SLIP = 5;

/** The known key that the given one is a misspelling of, or null. */
export function misspelt(given: string, known: Iterable<string>): string | null {
  const plain = given.toLowerCase();
  for (const key of known) {
    const slips = distance(plain, key.toLowerCase());
    if (given !== key && slips <= SLIPS && slips * LETTERS_PER_SLIP <= key.length) return key;
  }
  return null;
}
