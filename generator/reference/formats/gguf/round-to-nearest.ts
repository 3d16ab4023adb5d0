// The formats with one half scale d, or a scale and a min m, for 32 neighbouring terms.
//
//   q4_0  d, 16 bytes of nibbles             d * (code - 8)       q5_0  d, 4 bytes of fifth bits, nibbles     d * (code - 16)
//   q4_1  d, m, nibbles                      d * code + m         q5_1  d, m, fifth bits, nibbles             d * code + m
//   q8_0  d, 32 int8                         d * code
//
// Byte j of the nibbles holds terms j (low) and j + 16 (high); fifth bit j belongs to term j. Encoding: the quantize_row_..._ref of
// ggml-quants.c: the term of largest magnitude gets the lowest code (q4_0, q5_0), the extremes the first and last (q4_1, q5_1), a 127th
// of the largest magnitude is the scale (q8_0); codes are rounded half up (half away from zero in q8_0) under scales as they are before
// they are rounded to half.

import { getBits, setBits } from '../bits.js';
import { roundAway } from '../rounding.js';
import { half, inverseOf, largestOf, nibble, setNibble, storeHalf, type BlockCodec } from './block.js';

const float = Math.fround;
const TERMS = 32;

interface Placement {
  readonly bits: 4 | 5;
  /** Where the fifth bits are, and the nibbles. */
  readonly fifthBits: number;
  readonly nibbles: number;
}

function codeAt(block: Uint8Array, { bits, fifthBits, nibbles }: Placement, index: number): number {
  const high = bits === 5 ? getBits(block, fifthBits, index, 1) : 0;
  return nibble(block, nibbles, index, TERMS / 2) + 16 * high;
}

function setCode(
  block: Uint8Array,
  { bits, fifthBits, nibbles }: Placement,
  index: number,
  code: number,
): void {
  setNibble(block, nibbles, index, TERMS / 2, code & 15);
  if (bits === 5) setBits(block, fifthBits, index, 1, code >>> 4);
}

const indices = Array.from({ length: TERMS }, (_, index) => index);

/** Codes around zero. */
function centred(bits: 4 | 5): BlockCodec {
  const name = `q${bits}_0`;
  const place: Placement = { bits, fifthBits: 2, nibbles: bits === 4 ? 2 : 6 };
  const zero = 2 ** (bits - 1);
  return {
    name,
    terms: TERMS,
    bytes: place.nibbles + TERMS / 2,
    decode: (block) => {
      const d = half(block, 0);
      return indices.map((index) => d * (codeAt(block, place, index) - zero));
    },
    encode: (values, block) => {
      const d = float(largestOf(values) / -zero);
      storeHalf(name, block, 0, d);
      const inverse = inverseOf(d);
      values.forEach((value, index) => {
        const code = Math.trunc(float(float(value * inverse) + (zero + 0.5)));
        setCode(block, place, index, Math.min(code, 2 * zero - 1));
      });
    },
  };
}

/** Codes from the smallest value on. */
function fromMin(bits: 4 | 5): BlockCodec {
  const name = `q${bits}_1`;
  const place: Placement = { bits, fifthBits: 4, nibbles: bits === 4 ? 4 : 8 };
  const largestCode = 2 ** bits - 1;
  return {
    name,
    terms: TERMS,
    bytes: place.nibbles + TERMS / 2,
    decode: (block) => {
      const [d, min] = [half(block, 0), half(block, 2)];
      return indices.map((index) => d * codeAt(block, place, index) + min);
    },
    encode: (values, block) => {
      const min = Math.min(...values);
      const d = float(float(Math.max(...values) - min) / largestCode);
      storeHalf(name, block, 0, d);
      storeHalf(name, block, 2, min);
      const inverse = inverseOf(d);
      values.forEach((value, index) => {
        const code = Math.trunc(float(float(float(value - min) * inverse) + 0.5));
        setCode(block, place, index, Math.min(code, largestCode));
      });
    },
  };
}

const Q8_0: BlockCodec = {
  name: 'q8_0',
  terms: TERMS,
  bytes: 2 + TERMS,
  decode: (block) => {
    const d = half(block, 0);
    return Array.from(block.subarray(2), (byte) => d * ((byte << 24) >> 24));
  },
  encode: (values, block) => {
    const d = float(Math.abs(largestOf(values)) / 127);
    storeHalf('q8_0', block, 0, d);
    const inverse = inverseOf(d);
    values.forEach((value, index) => {
      block[2 + index] = roundAway(float(value * inverse)) & 255;
    });
  },
};

export const ROUND_TO_NEAREST: readonly BlockCodec[] = [centred(4), fromMin(4), centred(5), fromMin(5), Q8_0];
