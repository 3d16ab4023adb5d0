// The formats of one and two bits with a single half scale d.
//
//   q1_0   128 terms: d, 16 bytes, bit i of term i                     bit ? d : -d
//   q2_0    64 terms: d, 16 bytes, two bits a term, lowest first       d * (code - 1), so -1, 0, 1 and 2
//   tq2_0  256 terms: 64 bytes, d last; term l of the four quarters
//          of each 128 shares byte l                                   d * (code - 1)
//
// Encoding: the quantize_row_..._ref of ggml-quants.c: d is the mean magnitude (q1_0) or the largest (the others), codes are rounded, ties
// away from zero. So the codes that mean 2 never come up.

import { getBits, setBits } from '../bits.js';
import { clamp, roundAway } from '../rounding.js';
import { half, inverseOf, largestOf, pair, setPair, storeHalf, type BlockCodec } from './block.js';

const float = Math.fround;

const Q1_0: BlockCodec = {
  name: 'q1_0',
  terms: 128,
  bytes: 18,
  decode: (block) => {
    const d = half(block, 0);
    return Array.from({ length: 128 }, (_, index) => (getBits(block, 2, index, 1) === 1 ? d : -d));
  },
  encode: (values, block) => {
    const sum = values.reduce((total, value) => float(total + Math.abs(value)), 0);
    storeHalf('q1_0', block, 0, float(sum / 128));
    values.forEach((value, index) => {
      setBits(block, 2, index, 1, value >= 0 ? 1 : 0);
    });
  },
};

/** Codes 0 to 3 for -1 to 2 times the largest magnitude. */
function codesUnderLargest(values: Float32Array): { d: number; codes: number[] } {
  const d = Math.abs(largestOf(values));
  const inverse = inverseOf(d);
  const codes = Array.from(values, (value) => clamp(roundAway(float(value * inverse)) + 1, 0, 3));
  return { d, codes };
}

const Q2_0: BlockCodec = {
  name: 'q2_0',
  terms: 64,
  bytes: 18,
  decode: (block) => {
    const d = half(block, 0);
    return Array.from({ length: 64 }, (_, index) => d * (getBits(block, 2, index, 2) - 1));
  },
  encode: (values, block) => {
    const { d, codes } = codesUnderLargest(values);
    storeHalf('q2_0', block, 0, d);
    codes.forEach((code, index) => {
      setBits(block, 2, index, 2, code);
    });
  },
};

const TQ2_0: BlockCodec = {
  name: 'tq2_0',
  terms: 256,
  bytes: 66,
  decode: (block) => {
    const d = half(block, 64);
    return Array.from({ length: 256 }, (_, index) => d * (pair(block, 0, index) - 1));
  },
  encode: (values, block) => {
    const { d, codes } = codesUnderLargest(values);
    storeHalf('tq2_0', block, 64, d);
    codes.forEach((code, index) => {
      setPair(block, 0, index, code);
    });
  },
};

export const FEW_BITS: readonly BlockCodec[] = [Q1_0, Q2_0, TQ2_0];
