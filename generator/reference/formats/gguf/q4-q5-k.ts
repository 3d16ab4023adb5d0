// q4_K and q5_K: 256 terms in eight sub-blocks of 32, each with a six-bit scale and min of a half d and a half dmin.
//
//   d half, dmin half, 12 bytes of scales and mins, [32 bytes of fifth bits,] 128 bytes of nibbles; value = d * scale * code - dmin * min
//
// Of each 64 terms the first 32 have the low nibbles of 32 bytes, the others the high ones. Bit j of fifth-bit byte l belongs to
// term l of sub-block j. Encoding: quantize_row_q4_K_ref and quantize_row_q5_K_ref of ggml-quants.c: weights are the root mean square of
// the sub-block plus the magnitude, the errors squared; codes are then the nearest, ties to even, under the rounded scales.

import { clamp, roundEven } from '../rounding.js';
import { half, nibble, partsOf, setNibble, storeHalf, type BlockCodec } from './block.js';
import { fitScaleAndMin, scalesAsSteps, type Trials } from './search.js';
import { readSixBitPairs, writeSixBitPairs } from './six-bit-pairs.js';

const float = Math.fround;
const SUB_BLOCKS = 8;
const SUB_TERMS = 32;
const LARGEST_STEP = 63;

function weightsOf(values: Float32Array): Float32Array {
  const squares = values.reduce((sum, value) => float(sum + float(value * value)), 0);
  const spread = float(Math.sqrt(float(squares / SUB_TERMS)));
  return values.map((value) => spread + Math.abs(value));
}

function kQuant(name: string, bits: 4 | 5, trials: Trials): BlockCodec {
  const fifthBits = 16;
  const nibbles = bits === 4 ? 16 : 48;
  const subBlock = (index: number) => Math.floor(index / SUB_TERMS);
  return {
    name,
    terms: SUB_BLOCKS * SUB_TERMS,
    bytes: nibbles + 128,
    decode: (block) => {
      const [d, dmin] = [half(block, 0), half(block, 2)];
      const { scales, mins } = readSixBitPairs(block.subarray(4, 16));
      return Array.from({ length: SUB_BLOCKS * SUB_TERMS }, (_, index) => {
        const j = subBlock(index);
        const low = nibble(block, nibbles + 32 * (j >>> 1), index % 64, 32);
        const high = bits === 5 ? ((block[fifthBits + (index % 32)] ?? 0) >>> j) & 1 : 0;
        return d * (scales[j] ?? NaN) * (low + 16 * high) - dmin * (mins[j] ?? NaN);
      });
    },
    encode: (values, block) => {
      const parts = partsOf(values, SUB_TERMS);
      const fits = parts.map((part) => fitScaleAndMin(part, weightsOf(part), trials));
      const scales = scalesAsSteps(
        fits.map(({ scale }) => scale),
        LARGEST_STEP,
      );
      const mins = scalesAsSteps(
        fits.map(({ min }) => min),
        LARGEST_STEP,
      );
      writeSixBitPairs({ scales: scales.steps, mins: mins.steps }, block.subarray(4, 16));
      const d = storeHalf(name, block, 0, scales.unit);
      const dmin = storeHalf(name, block, 2, mins.unit);
      parts.forEach((part, j) => {
        const scale = float(d * (scales.steps[j] ?? 0));
        const min = float(dmin * (mins.steps[j] ?? 0));
        part.forEach((value, l) => {
          const code =
            scale === 0
              ? (fits[j]?.codes[l] ?? 0)
              : clamp(roundEven(float(float(value + min) / scale)), 0, trials.largestCode);
          setNibble(block, nibbles + 32 * (j >>> 1), (j % 2) * 32 + l, 32, code & 15);
          if (bits === 5) block[fifthBits + l] = (block[fifthBits + l] ?? 0) | ((code >>> 4) << j);
        });
      });
    },
  };
}

export const Q4_K = kQuant('q4_K', 4, { largestCode: 15, first: -1, step: 0.1, count: 20, error: 'squared' });
export const Q5_K = kQuant('q5_K', 5, {
  largestCode: 31,
  first: -0.5,
  step: 0.1,
  count: 15,
  error: 'squared',
});
