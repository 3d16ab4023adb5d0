// The integer formats of compressed-tensors: codes of 4 or 8 bits and a scale for each group of terms of a row.
//
//   weight   uint [columns, ceil(terms * bits / 32)]     codes lowest bits first, stored as code + 2^(bits - 1); a last word is padded
//   scales   T    [columns, terms / group]               value = (stored - 2^(bits - 1)) * scale
//   offsets  uint [ceil(columns * bits / 32), terms / group]   of `_asym` alone: zero points, packed along the columns;
//                                                        value = (stored - zero point) * scale
//   g_idx    int  [terms]                                may be missing; the group of each term, where terms were reordered
//
// Names are int<bits>_g<group>_<T>, with `channel` for one group that is the row; `_asym` follows. i8_<scope>_<T> has plain int8 and no
// packing, zero points included: value = (code - zero point) * scale; its scope may be `tensor` too, with one scale for the matrix. Encoding rounds to nearest: the scale is a (2^(bits - 1) - 1/2)th of the largest magnitude (compressed-tensors' min-max observer),
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
function fit(
  { bits, isAsymmetric }: Pick<IntegerFormat, 'bits' | 'isAsymmetric'>,
  members: Float32Array,
): { scale: number; zero: number } {
  const half = 2 ** (bits - 1);
  const low = members.reduce((least, value) => Math.min(least, value), 0);
  const high = members.reduce((most, value) => Math.max(most, value), 0);
  if (!isAsymmetric) return { scale: Math.max(-low, high) / (half - 0.5), zero: half };
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

/** Who shares a scale: the matrix, a row, or so many terms of one. */
type Scope = 'tensor' | 'channel' | 32 | 64 | 128;

interface PlainFormat {
  readonly scope: Scope;
  readonly scalar: Scalar;
  readonly isAsymmetric: boolean;
}

/** Plain int8, and a scale for each scope, one after the other. */
function plain({ scope, scalar, isAsymmetric }: PlainFormat): FormatReference {
  const name = `i8_${typeof scope === 'number' ? `g${scope}` : scope}_${scalar.name}${isAsymmetric ? '_asym' : ''}`;
  const group = typeof scope === 'number' ? scope : 1;
  const sizeOf = (columns: number, terms: number) =>
    ({ tensor: columns * terms, channel: terms })[String(scope)] ?? group;
  const signed = (bytes: Uint8Array | undefined, index: number) => ((bytes?.[index] ?? 0) << 24) >> 24;
  const format: FormatReference = {
    name,
    groupTerms: group,
    planeBytes: (columns, terms) => {
      checkWholeGroups(name, terms, group);
      const count = (columns * terms) / sizeOf(columns, terms);
      const planes = { weight: columns * terms, scales: count * scalar.bytes };
      return isAsymmetric ? { ...planes, offsets: count } : planes;
    },
    decode: (planes, columns, terms) => {
      checkPlanes(format, planes, columns, terms);
      const { weight, scales = new Uint8Array(), offsets } = planes;
      const size = sizeOf(columns, terms);
      return Float64Array.from({ length: columns * terms }, (_, index) => {
        const at = Math.floor(index / size);
        return (signed(weight, index) - signed(offsets, at)) * scalar.get(scales, at);
      });
    },
    encode: (values, columns, terms) => {
      const floats = finiteFloats(name, values, columns, terms);
      const { scales: scaleBytes = 0 } = format.planeBytes(columns, terms);
      const size = sizeOf(columns, terms);
      const count = floats.length / size;
      const [weight, scales] = [new Uint8Array(floats.length), new Uint8Array(scaleBytes)];
      const offsets = new Uint8Array(count);
      for (let at = 0; at < count; at += 1) {
        const members = floats.subarray(at * size, (at + 1) * size);
        const { scale, zero: unsigned } = fit({ bits: 8, isAsymmetric }, members);
        const stored = scalar.round(scale);
        if (!Number.isFinite(stored)) throw notEncodable(name, `scale ${at} would be ${scale}`);
        const zero = unsigned - 128;
        scalar.set(scales, at, scale);
        offsets[at] = zero & 255;
        members.forEach((value, index) => {
          const code = stored === 0 ? zero : clamp(roundEven(value / stored) + zero, -128, 127);
          weight[at * size + index] = code & 255;
        });
      }
      return isAsymmetric ? { weight, scales, offsets } : { weight, scales };
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
  ...(['tensor', 'channel', 32, 64, 128] as const).flatMap((scope) =>
    SCALARS.flatMap((scalar) => [false, true].map((isAsymmetric) => plain({ scope, scalar, isAsymmetric }))),
  ),
];
