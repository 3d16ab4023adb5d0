// Microscaling formats as MLX stores them: codes and an E8M0 scale for each 32 terms of a row.
//
//   weight   uint  [columns, terms / 8] (mxfp4), [columns, terms / 4] (mxfp8)   code i of a word lies above code i - 1
//   scales   uchar [columns, terms / 32]                                        value = code * 2^(scale - 127)
//
// The bytes are those of the Open Compute formats, so gpt-oss' blocks are mxfp4 as they stand. Codes are E2M1 in mxfp4, E4M3FN in
// mxfp8; scale 255 is NaN. Encoding follows `mx.quantize` (mlx pull request 4353, August 2026): the scale is the smallest power of two
// under which no code saturates, codes are the nearest, ties to even. A group of zeros has scale byte 0.

import { getBits, setBits } from './bits.js';
import { checkPlanes, checkWholeGroups, finiteFloats, notEncodable } from './checks.js';
import {
  e2m1OfNumber,
  e4m3OfNumber,
  exponentOf,
  numberOfE2m1,
  numberOfE4m3,
  numberOfE8m0,
} from './elements.js';
import type { FormatReference } from './types.js';

const GROUP = 32;

interface Element {
  readonly name: string;
  readonly bits: number;
  readonly largest: number;
  readonly toNumber: (code: number) => number;
  readonly ofNumber: (value: number) => number;
}

/** The byte of the smallest 2^e with largest * 2^e >= amax, but at least 2^-127. */
function scaleByte({ largest, name }: Element, amax: number): number {
  if (amax === 0) return 0;
  const ratio = amax / largest;
  const below = exponentOf(ratio);
  const exponent = largest * 2 ** below >= amax ? below : below + 1;
  if (exponent > 127) throw notEncodable(name, `${amax} lies beyond the largest scale`);
  return Math.max(exponent, -127) + 127;
}

function microscaling(element: Element): FormatReference {
  const { name, bits, toNumber, ofNumber } = element;
  const format: FormatReference = {
    name,
    groupTerms: GROUP,
    planeBytes: (columns, terms) => {
      checkWholeGroups(name, terms, GROUP);
      return { weight: (columns * terms * bits) / 8, scales: (columns * terms) / GROUP };
    },
    decode: (planes, columns, terms) => {
      checkPlanes(format, planes, columns, terms);
      const { weight = new Uint8Array(), scales = new Uint8Array() } = planes;
      return Float64Array.from({ length: columns * terms }, (_, index) => {
        // Rows hold whole groups, so the matrix is one row of them.
        const scale = numberOfE8m0(scales[Math.floor(index / GROUP)] ?? 255);
        return toNumber(getBits(weight, 0, index, bits)) * scale;
      });
    },
    encode: (values, columns, terms) => {
      const sizes = format.planeBytes(columns, terms);
      const floats = finiteFloats(name, values, columns, terms);
      const weight = new Uint8Array(sizes['weight'] ?? 0);
      const scales = new Uint8Array(sizes['scales'] ?? 0);
      for (let group = 0; group < scales.length; group += 1) {
        const start = group * GROUP;
        const members = floats.subarray(start, start + GROUP);
        const byte = scaleByte(element, Math.max(...members.map(Math.abs)));
        scales[group] = byte;
        members.forEach((value, index) => {
          setBits(weight, 0, start + index, bits, ofNumber(value / numberOfE8m0(byte)));
        });
      }
      return { weight, scales };
    },
  };
  return format;
}

export const MX_REFERENCES: readonly FormatReference[] = [
  { name: 'mxfp4', bits: 4, largest: 6, toNumber: numberOfE2m1, ofNumber: e2m1OfNumber },
  { name: 'mxfp8', bits: 8, largest: 448, toNumber: numberOfE4m3, ofNumber: e4m3OfNumber },
].map(microscaling);
