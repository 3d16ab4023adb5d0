// q2_K: 256 terms in sixteen sub-blocks of 16, each with a four-bit scale and min of a half d and a half dmin.
//
//   16 bytes (low nibble scale, high nibble min), 64 bytes of two-bit codes, d half, dmin half; value = d * scale * code - dmin * min
//
// Encoding: quantize_row_q2_K_ref of ggml-quants.c: errors are absolute and weighted with the magnitude; codes are then the nearest, ties
// to even, under the rounded scales.

import { clamp, roundEven } from '../rounding.js';
import { half, pair, partsOf, setPair, storeHalf, type BlockCodec } from './block.js';
import { fitScaleAndMin, scalesAsSteps, type Trials } from './search.js';

const float = Math.fround;
const TERMS = 256;
const SUB_TERMS = 16;
const [CODES, D, DMIN] = [16, 80, 82];
const TRIALS: Trials = { largestCode: 3, first: -0.5, step: 0.1, count: 15, error: 'absolute' };

export const Q2_K: BlockCodec = {
  name: 'q2_K',
  terms: TERMS,
  bytes: 84,
  decode: (block) => {
    const [d, dmin] = [half(block, D), half(block, DMIN)];
    return Array.from({ length: TERMS }, (_, index) => {
      const both = block[Math.floor(index / SUB_TERMS)] ?? 0;
      return d * (both & 15) * pair(block, CODES, index) - dmin * (both >>> 4);
    });
  },
  encode: (values, block) => {
    const parts = partsOf(values, SUB_TERMS);
    const fits = parts.map((part) => fitScaleAndMin(part, part.map(Math.abs), TRIALS));
    const scales = scalesAsSteps(
      fits.map(({ scale }) => scale),
      15,
    );
    const mins = scalesAsSteps(
      fits.map(({ min }) => min),
      15,
    );
    const d = storeHalf('q2_K', block, D, scales.unit);
    const dmin = storeHalf('q2_K', block, DMIN, mins.unit);
    parts.forEach((part, j) => {
      const [step, minStep] = [scales.steps[j] ?? 0, mins.steps[j] ?? 0];
      block[j] = step | (minStep << 4);
      const scale = float(d * step);
      const min = float(dmin * minStep);
      part.forEach((value, l) => {
        const code =
          scale === 0 ? (fits[j]?.codes[l] ?? 0) : clamp(roundEven(float(float(value + min) / scale)), 0, 3);
        setPair(block, CODES, j * SUB_TERMS + l, code);
      });
    });
  },
};
