// Numbers whose sums are exact but for the roundings of the promised order: terms in chains of 16, by fused multiply-add in ascending
// order, and the chains' sums in ascending order. In any other order some sums have other bits.

import type { Random } from '../random.js';

const CHAIN_TERMS = 16;

/** What one term brings and another takes away again: what is added in between loses its last digits. */
const PASSING = { input: 1536, weight: 1024 } as const;

/** Places of large terms: two in the first chain, two in the chains behind it, and one that all sums keep. */
const PASSING_TERMS = [
  { term: 2, sign: 1 },
  { term: 9, sign: -1 },
  { term: 20, sign: 1 },
  { term: 37, sign: -1 },
] as const;
const KEPT_TERM = 50;

/** Rows of input: multiples of an eighth that every dtype holds. */
export function orderedRows(count: number, terms: number, random: Random): Float32Array {
  const rows = Float32Array.from({ length: count * terms }, () => (random.below(32) - 15.5) / 8);
  for (let row = 0; row < count; row += 1) {
    for (const { term } of PASSING_TERMS) if (term < terms) rows[row * terms + term] = PASSING.input;
    if (KEPT_TERM < terms) rows[row * terms + KEPT_TERM] = 1;
  }
  return rows;
}

/** Columns of weights; `kept` is about what every sum comes to. */
export function orderedColumns(count: number, terms: number, kept: number, random: Random): Float32Array {
  const columns = Float32Array.from({ length: count * terms }, () => (random.below(32) - 15.5) / 16);
  for (let column = 0; column < count; column += 1) {
    const start = column * terms;
    for (const { term, sign } of PASSING_TERMS) {
      if (term < terms) columns[start + term] = sign * PASSING.weight;
    }
    if (KEPT_TERM < terms) columns[start + KEPT_TERM] = kept;
  }
  return columns;
}

/** y = x * W^T in float: x is [rows, terms], W lies as [columns, terms]. */
export function orderedLinear(x: ArrayLike<number>, weight: ArrayLike<number>, terms: number): Float64Array {
  const [rows, columns] = [x.length / terms, weight.length / terms];
  const y = new Float64Array(rows * columns);
  for (let at = 0; at < y.length; at += 1) {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let total = 0;
    for (let first = 0; first < terms; first += CHAIN_TERMS) {
      let sum = 0;
      for (let term = first; term < Math.min(first + CHAIN_TERMS, terms); term += 1) {
        // Products have few digits: what is rounded is the sum alone.
        sum = Math.fround((x[row * terms + term] ?? 0) * (weight[column * terms + term] ?? 0) + sum);
      }
      total = Math.fround(total + sum);
    }
    y[at] = total;
  }
  return y;
}
