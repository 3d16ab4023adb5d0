// q6_K: 256 terms in sixteen sub-blocks of 16, each with an int8 scale of a half d.
//
//   128 bytes of low nibbles, 64 bytes of high bit pairs, 16 int8 scales, d half; value = d * scale * (code - 32)
//
// Each half of 128 terms takes 64 bytes of nibbles (terms 0 to 63 the low ones, the others the high ones) and 32 bytes of pairs (term
// l of the four quarters has bits 2 * quarter of byte l). Encoding: quantize_row_q6_K_ref of ggml-quants.c: errors weighted with
// the square of the value; codes are then the nearest, ties to even, under the rounded scales.

import { clamp, roundEven } from '../rounding.js';
import {
  half,
  largestOf,
  nibble,
  pair,
  partsOf,
  setNibble,
  setPair,
  storeHalf,
  type BlockCodec,
} from './block.js';
import { fitScale, SMALLEST } from './search.js';

const float = Math.fround;
const TERMS = 256;
const SUB_TERMS = 16;
const [PAIRS, SCALES, D] = [128, 192, 208];

const signed = (byte: number) => (byte << 24) >> 24;

export const Q6_K: BlockCodec = {
  name: 'q6_K',
  terms: TERMS,
  bytes: 210,
  decode: (block) => {
    const d = half(block, D);
    return Array.from({ length: TERMS }, (_, index) => {
      const low = nibble(block, 64 * Math.floor(index / 128), index % 128, 64);
      const high = pair(block, PAIRS, index);
      const scale = signed(block[SCALES + Math.floor(index / SUB_TERMS)] ?? 0);
      return d * scale * (low + 16 * high - 32);
    });
  },
  encode: (values, block) => {
    const parts = partsOf(values, SUB_TERMS);
    const fits = parts.map((part) => fitScale(part, 32));
    const largest = largestOf(fits.map(({ scale }) => scale));
    // Code 0 and scale 0: the value is 0, as everywhere in the block.
    if (Math.abs(largest) < SMALLEST) return;

    const inverse = float(-128 / largest);
    const d = storeHalf('q6_K', block, D, float(1 / inverse));
    parts.forEach((part, j) => {
      const step = Math.min(127, roundEven(float(inverse * (fits[j]?.scale ?? 0))));
      block[SCALES + j] = step & 255;
      const scale = float(d * step);
      part.forEach((value, l) => {
        const index = j * SUB_TERMS + l;
        const code = scale === 0 ? (fits[j]?.codes[l] ?? 0) : clamp(roundEven(float(value / scale)), -32, 31);
        setNibble(block, 64 * Math.floor(index / 128), index % 128, 64, (code + 32) & 15);
        setPair(block, PAIRS, index, (code + 32) >>> 4);
      });
    });
  },
};
