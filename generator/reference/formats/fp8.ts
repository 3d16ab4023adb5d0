// FP8 weights: E4M3FN bytes and a scale for each tile of the matrix; tiles at its edges may be partial.
//
//   weight  uchar [columns, terms]
//   scales  T     [ceil(columns / tile columns), ceil(terms / tile terms)]   value = code * scale
//
//   fp8_128x128_T, fp8_32x32_T   square tiles (`weight_scale_inv` of DeepSeek and Qwen multiplies too)
//   fp8_channel_T                a tile is a row
//   fp8_tensor_T                 a tile is the matrix
//
// T is f16, bf16, f32, or ue8m0, a byte that means 2^(byte - 127). Encoding: the scale is a 448th of the tile's largest magnitude, rounded to
// T (ue8m0: the next power of two from there on), 1 for zeros; codes are the nearest under it, ties to even.

import { checkPlanes, finiteFloats, notEncodable } from './checks.js';
import { e4m3OfNumber, exponentOf, numberOfE4m3, numberOfE8m0 } from './elements.js';
import { BF16, F16, F32, type Scalar } from './scalars.js';
import type { FormatReference } from './types.js';

const LARGEST_CODE = 448;

/** A power of two in a byte. */
const UE8M0: Scalar = {
  name: 'ue8m0',
  bytes: 1,
  get: (bytes, index) => numberOfE8m0(bytes[index] ?? 255),
  set: (bytes, index, value) => {
    bytes[index] = exponentOf(value) + 127;
  },
  round: (value) => {
    const below = Math.max(exponentOf(value), -127);
    return 2 ** below >= value ? 2 ** below : 2 ** (below + 1);
  },
};

interface Tile {
  readonly name: string;
  readonly columns: number;
  readonly terms: number;
}

const square = (extent: number): Tile => ({ name: `${extent}x${extent}`, columns: extent, terms: extent });
const CHANNEL: Tile = { name: 'channel', columns: 1, terms: Infinity };
const TENSOR: Tile = { name: 'tensor', columns: Infinity, terms: Infinity };

/** Tiles along an extent, of which an endless one has one. */
const tilesOf = (extent: number, tile: number) => (tile === Infinity ? 1 : Math.ceil(extent / tile));
const tileOf = (index: number, tile: number) => (tile === Infinity ? 0 : Math.floor(index / tile));

function fp8(tile: Tile, scalar: Scalar): FormatReference {
  const name = `fp8_${tile.name}_${scalar.name}`;
  const indexOf = (column: number, term: number, terms: number) =>
    tileOf(column, tile.columns) * tilesOf(terms, tile.terms) + tileOf(term, tile.terms);
  const format: FormatReference = {
    name,
    groupTerms: 1,
    planeBytes: (columns, terms) => ({
      weight: columns * terms,
      scales: tilesOf(columns, tile.columns) * tilesOf(terms, tile.terms) * scalar.bytes,
    }),
    decode: (planes, columns, terms) => {
      checkPlanes(format, planes, columns, terms);
      const { weight = new Uint8Array(), scales = new Uint8Array() } = planes;
      return Float64Array.from({ length: columns * terms }, (_, index) => {
        const scale = scalar.get(scales, indexOf(Math.floor(index / terms), index % terms, terms));
        return numberOfE4m3(weight[index] ?? 0x7f) * scale;
      });
    },
    encode: (values, columns, terms) => {
      const sizes = format.planeBytes(columns, terms);
      const floats = finiteFloats(name, values, columns, terms);
      const largest = new Float64Array((sizes['scales'] ?? 0) / scalar.bytes);
      const tileAt = (index: number) => indexOf(Math.floor(index / terms), index % terms, terms);
      floats.forEach((value, index) => {
        largest[tileAt(index)] = Math.max(largest[tileAt(index)] ?? 0, Math.abs(value));
      });
      const scales = new Uint8Array(sizes['scales'] ?? 0);
      const stored = largest.map((amax, index) => {
        const scale = amax === 0 ? 1 : scalar.round(amax / LARGEST_CODE);
        if (!Number.isFinite(scale)) throw notEncodable(name, `tile ${index} needs a scale for ${amax}`);
        scalar.set(scales, index, scale);
        return scale;
      });
      const weight = Uint8Array.from(floats, (value, index) => {
        const scale = stored[tileAt(index)] ?? 0;
        return scale === 0 ? 0 : e4m3OfNumber(value / scale);
      });
      return { weight, scales };
    },
  };
  return format;
}

export const FP8_REFERENCES: readonly FormatReference[] = [
  ...[F32, BF16, UE8M0].map((scalar) => fp8(square(128), scalar)),
  ...[F32, UE8M0].map((scalar) => fp8(square(32), scalar)),
  ...[CHANNEL, TENSOR].flatMap((tile) => [F32, BF16, F16].map((scalar) => fp8(tile, scalar))),
];
