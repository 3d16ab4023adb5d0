// q3_K: 256 terms in sixteen sub-blocks of 16, each with a six-bit signed scale of a half d.
//
//   32 bytes of third bits, 64 bytes of two-bit codes, 12 bytes of scales, d half; value = d * (scale - 32) * (code - 4)
//
// Bit b of third-bit byte l belongs to term 32 * b + l. Of scale j the low four bits are a nibble of byte j % 8, the high two lie in byte
// 8 + j % 4. Encoding: quantize_row_q3_K_ref of ggml-quants.c: errors weighted with the square of the value, codes improved one by one;
// codes are then the nearest, ties to even, under the rounded scales.

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
import { fitScaleByCode } from './search.js';

const float = Math.fround;
const TERMS = 256;
const SUB_TERMS = 16;
const [CODES, SCALES, HIGH_SCALES, D] = [32, 96, 104, 108];

function scaleOf(block: Uint8Array, j: number): number {
  const low = nibble(block, SCALES, j, 8);
  const high = ((block[HIGH_SCALES + (j % 4)] ?? 0) >>> (2 * Math.floor(j / 4))) & 3;
  return low + 16 * high - 32;
}

function setScale(block: Uint8Array, j: number, scale: number): void {
  setNibble(block, SCALES, j, 8, (scale + 32) & 15);
  const at = HIGH_SCALES + (j % 4);
  block[at] = (block[at] ?? 0) | (((scale + 32) >>> 4) << (2 * Math.floor(j / 4)));
}

export const Q3_K: BlockCodec = {
  name: 'q3_K',
  terms: TERMS,
  bytes: 110,
  decode: (block) => {
    const d = half(block, D);
    return Array.from({ length: TERMS }, (_, index) => {
      const third = ((block[index % 32] ?? 0) >>> Math.floor(index / 32)) & 1;
      return d * scaleOf(block, Math.floor(index / SUB_TERMS)) * (pair(block, CODES, index) + 4 * third - 4);
    });
  },
  encode: (values, block) => {
    const parts = partsOf(values, SUB_TERMS);
    const fits = parts.map((part) => fitScaleByCode(part, 4));
    const largest = largestOf(fits.map(({ scale }) => scale));
    const inverse = largest === 0 ? 0 : float(-32 / largest);
    const d = storeHalf('q3_K', block, D, largest === 0 ? 0 : float(1 / inverse));
    parts.forEach((part, j) => {
      const step = clamp(roundEven(float(inverse * (fits[j]?.scale ?? 0))), -32, 31);
      // Without any scale ggml leaves the bytes zero.
      if (largest !== 0) setScale(block, j, step);
      const scale = float(d * (largest === 0 ? -32 : step));
      part.forEach((value, l) => {
        const index = j * SUB_TERMS + l;
        const code = scale === 0 ? (fits[j]?.codes[l] ?? 0) : clamp(roundEven(float(value / scale)), -4, 3);
        setPair(block, CODES, index, (code + 4) & 3);
        const third = index % 32;
        block[third] = (block[third] ?? 0) | (((code + 4) >>> 2) << Math.floor(index / 32));
      });
    });
  },
};
