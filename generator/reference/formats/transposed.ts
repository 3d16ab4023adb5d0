// GPTQ and AWQ checkpoints, whose matrices lie [terms, columns] in words along the one or the other, into float64 values [columns, terms].
// Kernels take them re-packed; here they are read as they lie.
//
//   GPTQ  qweight [terms * bits / 32, columns]   the codes of a column one after the other, lowest bits first
//   AWQ   qweight [terms, columns / 8]           nibble i of a word belongs to column 0, 2, 4, 6, 1, 3, 5, 7 of eight
//   both  scales [groups, columns], half unless they say otherwise; qzeros [groups, columns * bits / 32], along the columns, in the order that
//         codes have there; value = (code - zero) * scale; GPTQ's first version stores zero - 1

import { getBits } from './bits.js';
import { SCALARS, type Scalar } from './scalars.js';
import type { Planes } from './types.js';

interface Transposed {
  readonly columns: number;
  readonly terms: number;
  /** Terms of a group; the last one may hold fewer. */
  readonly group: number;
  /** Half where nothing is said. */
  readonly scaleType?: string;
}

function scalarOf(name = 'f16'): Scalar {
  const scalar = SCALARS.find((each) => each.name === name);
  if (scalar === undefined) throw new Error(`no scales are ${name}`);
  return scalar;
}

export interface GptqMatrix extends Transposed {
  readonly bits: 2 | 3 | 4 | 8;
  /** `checkpoint_format`: whether zero points are stored less one (gptq) or as they are (gptq_v2). */
  readonly version: 'gptq' | 'gptq_v2';
}

const word = (bytes: Uint8Array, index: number) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(index * 4, true);

/** Planes: weight (qweight), offsets (qzeros), scales, and g_idx, the group of each term, which may be missing. */
export function decodeGptq(
  planes: Planes,
  { columns, terms, group, bits, version, scaleType }: GptqMatrix,
): Float64Array {
  const {
    weight = new Uint8Array(),
    offsets = new Uint8Array(),
    scales = new Uint8Array(),
    g_idx: table,
  } = planes;
  const scalar = scalarOf(scaleType);
  const zeroBytes = (columns * bits) / 8;
  const less = version === 'gptq' ? 1 : 0;
  return Float64Array.from({ length: columns * terms }, (_, index) => {
    const [column, term] = [Math.floor(index / terms), index % terms];
    const at = table === undefined ? Math.floor(term / group) : word(table, term);
    let code = 0;
    for (let bit = 0; bit < bits; bit += 1) {
      const place = term * bits + bit;
      code += ((word(weight, Math.floor(place / 32) * columns + column) >>> (place % 32)) & 1) * 2 ** bit;
    }
    const zero = getBits(offsets, at * zeroBytes, column, bits) + less;
    return (code - zero) * scalar.get(scales, at * columns + column);
  });
}

/** Where column 0 ... 7 of eight has its nibble. */
const AWQ_NIBBLES = [0, 4, 1, 5, 2, 6, 3, 7] as const;

/** Planes: weight (qweight), offsets (qzeros), scales; four bits. */
export function decodeAwq(planes: Planes, { columns, terms, group, scaleType }: Transposed): Float64Array {
  const { weight = new Uint8Array(), offsets = new Uint8Array(), scales = new Uint8Array() } = planes;
  const scalar = scalarOf(scaleType);
  const nibbleOf = (bytes: Uint8Array, row: number, column: number) => {
    const index = row * (columns / 8) + Math.floor(column / 8);
    return (word(bytes, index) >>> (4 * (AWQ_NIBBLES[column % 8] ?? 0))) & 15;
  };
  return Float64Array.from({ length: columns * terms }, (_, index) => {
    const [column, term] = [Math.floor(index / terms), index % terms];
    const at = Math.floor(term / group);
    return (
      (nibbleOf(weight, term, column) - nibbleOf(offsets, at, column)) *
      scalar.get(scales, at * columns + column)
    );
  });
}
