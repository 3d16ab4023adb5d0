// The integer formats of compressed-tensors: codes of 4 or 8 bits and a scale for each group of terms of a row.
//
//   weight   uint [columns, ceil(terms * bits / 32)]     codes lowest bits first, stored as code + 2^(bits - 1); a last word is padded
//   scales   T    [columns, terms / group]               value = (stored - 2^(bits - 1)) * scale
//   offsets  uint [ceil(columns * bits / 32), terms / group]   of `_asym` alone: zero points, packed along the columns;
//                                                        value = (stored - zero point) * scale
//   g_idx    int  [terms]                                may be missing; the group of each term, where terms were reordered
//
// Names are int<bits>_g<group>_<T>, with `channel` for one group that is the row; `_asym` follows. i8_channel_<T> has plain int8 and no
// packing. Encoding rounds to nearest: the scale is a (2^(bits - 1) - 1/2)th of the largest magnitude (compressed-tensors' min-max observer),
// in `_asym` the (2^bits - 1)th of the range, which holds zero, rounded to T; codes are the nearest under it, ties to even.

import { getBits, setBits } from './bits.js';
import { checkPlanes, checkWholeGroups, finiteFloats, notEncodable } from './checks.js';
import { clamp, roundEven } from './rounding.js';
import { SCALARS, type Scalar } from './scalars.js';
import type { FormatReference, Planes } from './types.js';

interface IntegerFormat {
  readonly name: string;
  readonly bits: 4 | 8;
  /** null: the row. */
  readonly group: number | null;
  readonly scalar: Scalar;
  readonly isAsymmetric: boolean;
}

/** The group of a term, by number or by the table that `g_idx` is. */
function groupOfTerm({ group }: IntegerFormat, planes: Planes, term: number): number {
  const table = planes['g_idx'];
  if (table === undefined) return group === null ? 0 : Math.floor(term / group);
  return new DataView(table.buffer, table.byteOffset, table.byteLength).getInt32(term * 4, true);
}

/** Scale and zero point of a group. */
function fit({ bits, isAsymmetric }: IntegerFormat, members: Float32Array): { scale: number; zero: number } {
  const half = 2 ** (bits - 1);
  if (!isAsymmetric) return { scale: Math.max(...members.map(Math.abs)) / (half - 0.5), zero: half };
  const [low, high] = [Math.min(0, ...members), Math.max(0, ...members)];
  const scale = (high - low) / (2 * half - 1);
  return { scale, zero: scale === 0 ? 0 : clamp(roundEven(-low / scale), 0, 2 * half - 1) };
}

function packed(row: IntegerFormat): FormatReference {
  const { name, bits, group, scalar, isAsymmetric } = row;
  const rowBytes = (terms: number) => Math.ceil((terms * bits) / 32) * 4;
  const groupsOf = (terms: number) => (group === null ? 1 : terms / group);
  /** Where the zero point of a column and a group lies: a column of words is a row of bits. */
  const zeroPlace = (column: number, group_: number, terms: number) => {
    const bit = column * bits;
    return { start: (Math.floor(bit / 32) * groupsOf(terms) + group_) * 4, index: (bit % 32) / bits };
  };
  const format: FormatReference = {
    name,
    groupTerms: group ?? 1,
    planeBytes: (columns, terms) => {
      checkWholeGroups(name, terms, group ?? 1);
      const scales = columns * groupsOf(terms) * scalar.bytes;
      const weight = columns * rowBytes(terms);
      if (!isAsymmetric) return { weight, scales };
      return { weight, scales, offsets: Math.ceil((columns * bits) / 32) * 4 * groupsOf(terms) };
    },
    decode: (planes, columns, terms) => {
      checkPlanes(format, planes, columns, terms);
      const { weight = new Uint8Array(), scales = new Uint8Array(), offsets } = planes;
      return Float64Array.from({ length: columns * terms }, (_, index) => {
        const [column, term] = [Math.floor(index / terms), index % terms];
        const at = groupOfTerm(row, planes, term);
        const place = zeroPlace(column, at, terms);
        const zero = isAsymmetric
          ? getBits(offsets ?? new Uint8Array(), place.start, place.index, bits)
          : 2 ** (bits - 1);
        const code = getBits(weight, column * rowBytes(terms), term, bits);
        return (code - zero) * scalar.get(scales, column * groupsOf(terms) + at);
      });
    },
    encode: (values, columns, terms) => {
      const planes = Object.fromEntries(
        Object.entries(format.planeBytes(columns, terms)).map(([suffix, bytes]) => [
          suffix,
          new Uint8Array(bytes),
        ]),
      );
      const { weight = new Uint8Array(), scales = new Uint8Array(), offsets } = planes;
      const floats = finiteFloats(name, values, columns, terms);
      const size = terms / groupsOf(terms);
      for (let column = 0; column < columns; column += 1) {
        for (let at = 0; at < groupsOf(terms); at += 1) {
          const start = column * terms + at * size;
          const members = floats.subarray(start, start + size);
          const { scale, zero } = fit(row, members);
          const stored = scalar.round(scale);
          if (!Number.isFinite(stored)) throw notEncodable(name, `column ${column} needs scale ${scale}`);
          scalar.set(scales, column * groupsOf(terms) + at, scale);
          const place = zeroPlace(column, at, terms);
          if (offsets !== undefined) setBits(offsets, place.start, place.index, bits, zero);
          members.forEach((value, index) => {
            const code = stored === 0 ? zero : clamp(roundEven(value / stored) + zero, 0, 2 ** bits - 1);
            setBits(weight, column * rowBytes(terms), at * size + index, bits, code);
          });
        }
      }
      return planes;
    },
  };
  return format;
}

/** Plain int8 with a scale for each row. */
function plain(scalar: Scalar): FormatReference {
  const name = `i8_channel_${scalar.name}`;
  const format: FormatReference = {
    name,
    groupTerms: 1,
    planeBytes: (columns, terms) => ({ weight: columns * terms, scales: columns * scalar.bytes }),
    decode: (planes, columns, terms) => {
      checkPlanes(format, planes, columns, terms);
      const { weight = new Uint8Array(), scales = new Uint8Array() } = planes;
      return Float64Array.from({ length: columns * terms }, (_, index) => {
        const code = ((weight[index] ?? 0) << 24) >> 24;
        return code * scalar.get(scales, Math.floor(index / terms));
      });
    },
    encode: (values, columns, terms) => {
      const floats = finiteFloats(name, values, columns, terms);
      const [weight, scales] = [new Uint8Array(floats.length), new Uint8Array(columns * scalar.bytes)];
      for (let column = 0; column < columns; column += 1) {
        const members = floats.subarray(column * terms, (column + 1) * terms);
        const scale = Math.max(0, ...members.map(Math.abs)) / 127.5;
        const stored = scalar.round(scale);
        if (!Number.isFinite(stored)) throw notEncodable(name, `column ${column} needs scale ${scale}`);
        scalar.set(scales, column, scale);
        members.forEach((value, index) => {
          const code = stored === 0 ? 0 : clamp(roundEven(value / stored), -128, 127);
          weight[column * terms + index] = code & 255;
        });
      }
      return { weight, scales };
    },
  };
  return format;
}

const BITS = [4, 8] as const;
const GROUPS = [32, 64, 128, null] as const;

export const INTEGER_REFERENCES: readonly FormatReference[] = [
  ...BITS.flatMap((bits) =>
    GROUPS.flatMap((group) =>
      SCALARS.flatMap((scalar) =>
        [false, true].map((isAsymmetric) => {
          const scope = group === null ? 'channel' : `g${group}`;
          const name = `int${bits}_${scope}_${scalar.name}${isAsymmetric ? '_asym' : ''}`;
          return packed({ name, bits, group, scalar, isAsymmetric });
        }),
      ),
    ),
  ),
  ...SCALARS.map(plain),
];
