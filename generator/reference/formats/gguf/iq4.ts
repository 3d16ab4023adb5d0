// iq4_nl and iq4_xs: four-bit codes that stand for sixteen uneven steps.
//
//   iq4_nl   32 terms: d half, 16 bytes of nibbles; byte j holds terms j (low) and j + 16 (high); value = d * step[code]
//   iq4_xs  256 terms: d half, 2 bytes of high and 4 of low scale bits, 128 bytes of nibbles, 16 to each 32 terms as above;
//           scale j has its low four bits in nibble j, its high two in bits 2j; value = d * (scale - 32) * step[code]
//
// Encoding: quantize_iq4_nl and quantize_iq4_xs of ggml-quants.c without an importance matrix: errors weighted with the square of the value,
// sixteen scales tried, codes are the nearest step, ties to the upper one.

import { clamp, roundEven } from '../rounding.js';
import {
  half,
  inverseOf,
  largestOf,
  nibble,
  partsOf,
  setNibble,
  storeHalf,
  type BlockCodec,
} from './block.js';
import { SMALLEST } from './search.js';

const float = Math.fround;
const SUB_TERMS = 32;

/** By code. */
const STEPS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] as const;
const TRIALS = 7;

const stepOf = (code: number): number => STEPS[code] ?? NaN;

function nearestStep(value: number): number {
  const above = STEPS.findIndex((step) => step > value);
  if (above === -1) return STEPS.length - 1;
  if (above === 0) return 0;
  const isNearBelow = float(value - stepOf(above - 1)) < float(stepOf(above) - value);
  return isNearBelow ? above - 1 : above;
}

function fitScale(values: Float32Array): number {
  const largest = largestOf(values);
  if (Math.abs(largest) < SMALLEST) return 0;
  const sumsUnder = (inverse: number) => {
    let [products, squares] = [0, 0];
    for (const value of values) {
      const step = stepOf(nearestStep(float(inverse * value)));
      const weighted = float(float(value * value) * step);
      products = float(products + float(weighted * value));
      squares = float(squares + float(weighted * step));
    }
    return { products, squares };
  };
  const first = sumsUnder(float(1 / float(-largest / STEPS[0])));
  let scale = first.squares > 0 ? float(first.products / first.squares) : 0;
  let best = float(scale * first.products);
  for (let trial = -TRIALS; trial <= TRIALS; trial += 1) {
    const { products, squares } = sumsUnder(float((trial + STEPS[0]) / largest));
    if (squares > 0 && float(products * products) > float(best * squares)) {
      scale = float(products / squares);
      best = float(scale * products);
    }
  }
  return scale;
}

export const IQ4_NL: BlockCodec = {
  name: 'iq4_nl',
  terms: SUB_TERMS,
  bytes: 18,
  decode: (block) => {
    const d = half(block, 0);
    return Array.from({ length: SUB_TERMS }, (_, index) => d * stepOf(nibble(block, 2, index, 16)));
  },
  encode: (values, block) => {
    const scale = fitScale(values);
    storeHalf('iq4_nl', block, 0, scale);
    const inverse = inverseOf(scale);
    values.forEach((value, index) => {
      setNibble(block, 2, index, 16, nearestStep(float(inverse * value)));
    });
  },
};

const [HIGH_SCALES, LOW_SCALES, NIBBLES] = [2, 4, 8];

export const IQ4_XS: BlockCodec = {
  name: 'iq4_xs',
  terms: 256,
  bytes: 136,
  decode: (block) => {
    const d = half(block, 0);
    return Array.from({ length: 256 }, (_, index) => {
      const j = Math.floor(index / SUB_TERMS);
      const low = ((block[LOW_SCALES + (j >>> 1)] ?? 0) >>> (4 * (j % 2))) & 15;
      const high = ((block[HIGH_SCALES + (j >>> 2)] ?? 0) >>> (2 * (j % 4))) & 3;
      const code = nibble(block, NIBBLES + 16 * j, index % SUB_TERMS, 16);
      return d * (low + 16 * high - 32) * stepOf(code);
    });
  },
  encode: (values, block) => {
    const parts = partsOf(values, SUB_TERMS);
    const scales = parts.map(fitScale);
    const d = float(-largestOf(scales) / 32);
    storeHalf('iq4_xs', block, 0, d);
    const inverse = inverseOf(d);
    parts.forEach((part, j) => {
      const step = clamp(roundEven(float(inverse * (scales[j] ?? 0))), -32, 31);
      const [low, high] = [LOW_SCALES + (j >>> 1), HIGH_SCALES + (j >>> 2)];
      block[low] = (block[low] ?? 0) | (((step + 32) & 15) << (4 * (j % 2)));
      block[high] = (block[high] ?? 0) | (((step + 32) >>> 4) << (2 * (j % 4)));
      const inverseOfPart = inverseOf(float(d * step));
      part.forEach((value, index) => {
        setNibble(block, NIBBLES + 16 * j, index, 16, nearestStep(float(inverseOfPart * value)));
      });
    });
  },
};
