// MLX's affine formats: unsigned codes of 2 to 8 bits, and a scale and an offset for each group of terms of a row, all in one dtype.
//
//   weight   uint [columns, terms * bits / 32]   codes lowest bits first
//   scales   T    [columns, terms / group]
//   offsets  T    [columns, terms / group]       value = scale * code + offset
//
// Encoding follows `mx.quantize` as MLX computes it on a CPU (mlx/backend/cpu/quantized.cpp, August 2026): in float, the group's
// end of larger magnitude becomes the offset, the scale is bent until zero lies on a code, codes are rounded with ties to
// even by the scale and offset as they are before they are rounded to T.

import { getBits, setBits } from './bits.js';
import { checkPlanes, checkWholeGroups, finiteFloats, notEncodable } from './checks.js';
import { roundEven } from './rounding.js';
import { SCALARS, type Scalar } from './scalars.js';
import type { FormatReference } from './types.js';

const AFFINE_BITS = [2, 3, 4, 5, 6, 8] as const;
const AFFINE_GROUPS = [32, 64, 128] as const;

const SMALLEST_SCALE = Math.fround(1e-7);
const float = Math.fround;

/** Scale, offset and codes of one group, in float. */
function quantise(group: Float32Array, bits: number): { scale: number; offset: number; codes: Uint8Array } {
  const largestCode = 2 ** bits - 1;
  const low = group.reduce((least, value) => Math.min(least, value), Infinity);
  const high = group.reduce((most, value) => Math.max(most, value), -Infinity);
  const startsLow = Math.abs(low) > Math.abs(high);
  const step = Math.max(float(float(high - low) / largestCode), SMALLEST_SCALE);
  const edge = startsLow ? low : high;
  let scale = startsLow ? step : -step;
  const codeOfZero = roundEven(float(edge / scale));
  let offset = 0;
  if (codeOfZero !== 0) {
    scale = float(edge / codeOfZero);
    offset = edge;
  }
  const codes = new Uint8Array(group.length);
  for (let term = 0; term < group.length; term += 1) {
    const code = roundEven(float(float((group[term] ?? NaN) - offset) / scale));
    codes[term] = Math.min(Math.max(code, 0), largestCode);
  }
  return { scale, offset, codes };
}

function affine(bits: number, group: number, scalar: Scalar): FormatReference {
  const name = `affine${bits}_g${group}_${scalar.name}`;
  const format: FormatReference = {
    name,
    groupTerms: group,
    planeBytes: (columns, terms) => {
      checkWholeGroups(name, terms, group);
      const scales = ((columns * terms) / group) * scalar.bytes;
      return { weight: (columns * terms * bits) / 8, scales, offsets: scales };
    },
    decode: (planes, columns, terms) => {
      checkPlanes(format, planes, columns, terms);
      const { weight = new Uint8Array(), scales = new Uint8Array(), offsets = new Uint8Array() } = planes;
      const values = new Float64Array(columns * terms);
      // Groups take whole bytes, so rows need no thought here.
      for (let block = 0; block < values.length / group; block += 1) {
        const [scale, offset] = [scalar.get(scales, block), scalar.get(offsets, block)];
        for (let term = 0; term < group; term += 1) {
          const code = getBits(weight, (block * group * bits) / 8, term, bits);
          values[block * group + term] = scale * code + offset;
        }
      }
      return values;
    },
    encode: (values, columns, terms) => {
      const sizes = format.planeBytes(columns, terms);
      const floats = finiteFloats(name, values, columns, terms);
      const [weight, scales, offsets] = ['weight', 'scales', 'offsets'].map(
        (suffix) => new Uint8Array(sizes[suffix] ?? 0),
      ) as [Uint8Array, Uint8Array, Uint8Array];
      for (let block = 0; block < floats.length / group; block += 1) {
        const { scale, offset, codes } = quantise(floats.subarray(block * group, (block + 1) * group), bits);
        if (![scale, offset].every((value) => Number.isFinite(scalar.round(value)))) {
          throw notEncodable(name, `group ${block} needs scale ${scale} and offset ${offset}`);
        }
        scalar.set(scales, block, scale);
        scalar.set(offsets, block, offset);
        codes.forEach((code, index) => {
          setBits(weight, (block * group * bits) / 8, index, bits, code);
        });
      }
      return { weight, scales, offsets };
    },
  };
  return format;
}

export const AFFINE_REFERENCES: readonly FormatReference[] = AFFINE_BITS.flatMap((bits) =>
  AFFINE_GROUPS.flatMap((group) => SCALARS.map((scalar) => affine(bits, group, scalar))),
);
