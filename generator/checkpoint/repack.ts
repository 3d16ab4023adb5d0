// Integer matrices of GPTQ, AWQ and compressed-tensors, packed or in bytes, into affine ones, which kernels take: the same
// codes in rows [columns, terms], and for each group a scale and the offset -zero * scale. Lossless: what an affine matrix cannot hold exactly is
// refused by name.

import { MoegenError } from '../errors.js';
import { bf16OfNumber, numberOfBf16 } from '../floats/bfloat16.js';
import { f16OfNumber, numberOfF16 } from '../floats/float16.js';
import type { IntegerLayout } from '../description/recipes.js';

/** Bytes as they lie in a checkpoint; `zeros` may be missing where a format has a fixed zero point, `groupIndex` where terms are in order. */
export interface IntegerPlanes {
  readonly weight: Uint8Array;
  readonly scales: Uint8Array;
  readonly zeros?: Uint8Array;
  readonly groupIndex?: Uint8Array;
}

type ScaleType = IntegerLayout['scaleType'];

export interface AffineMatrix {
  /** affine<bits>_g<group>_<type of scales> */
  readonly format: string;
  readonly planes: { readonly weight: Uint8Array; readonly scales: Uint8Array; readonly offsets: Uint8Array };
}

const AFFINE_GROUPS = [128, 64, 32] as const;
/** Where column 0 ... 7 of eight has its nibble in a word of AWQ. */
const AWQ_SHIFTS = [0, 16, 4, 20, 8, 24, 12, 28] as const;

/**
 * Scales and offsets are in the first of `types` that holds all offsets. `where` names the matrix in errors. Throws
 * `checkpoint/not-affine`.
 */
export function repackAsAffine(
  planes: IntegerPlanes,
  layout: IntegerLayout,
  where: string,
  types: readonly ScaleType[] = [layout.scaleType, 'f32'],
): AffineMatrix {
  const { bits, columns, terms } = layout;
  const group = layout.group ?? terms;
  const groups = Math.ceil(terms / group);
  if (planes.groupIndex !== undefined) checkTermOrder(planes.groupIndex, terms, group, where);
  const target = affineGroup(layout, where);
  const source = readerOf(planes, layout, groups, where);
  const { type, scales, offsets } = exactOffsets(source, layout, groups, types, where);

  const perRow = terms / target;
  const bytes = SCALES[type].bytes;
  const [scalePlane, offsetPlane] = [
    new Uint8Array(columns * perRow * bytes),
    new Uint8Array(columns * perRow * bytes),
  ];
  const weight = new Uint8Array((columns * terms * bits) / 8);
  for (let column = 0; column < columns; column += 1) {
    for (let block = 0; block < perRow; block += 1) {
      const from = column * groups + Math.floor((block * target) / group);
      const to = column * perRow + block;
      SCALES[type].write(scalePlane, to, scales[from] ?? NaN);
      SCALES[type].write(offsetPlane, to, offsets[from] ?? NaN);
    }
    const row = weight.subarray((column * terms * bits) / 8, ((column + 1) * terms * bits) / 8);
    packRow(row, bits, terms, (term) => source.code(column, term));
  }
  return {
    format: `affine${bits}_g${target}_${type}`,
    planes: { weight, scales: scalePlane, offsets: offsetPlane },
  };
}

/** Terms of a group of the affine matrix. Throws `checkpoint/not-affine`. */
function affineGroup({ group, terms }: Pick<IntegerLayout, 'group' | 'terms'>, where: string): 32 | 64 | 128 {
  const whole = group ?? terms;
  const target = AFFINE_GROUPS.find((size) => whole % size === 0 && terms % size === 0);
  if (target !== undefined) return target;
  throw notAffine(`rows of ${terms} terms in groups of ${whole} hold no whole groups of 32`, where);
}

/**
 * What an integer matrix is repacked as, seen from its header: stored zero points may need offsets in float. Throws
 * `checkpoint/not-affine`.
 */
export function affineFormat(
  layout: Pick<IntegerLayout, 'bits' | 'terms' | 'group' | 'scaleType'>,
  hasZeros: boolean,
  where: string,
): { readonly format: string; readonly type: ScaleType } {
  const type = hasZeros ? 'f32' : layout.scaleType;
  return { format: `affine${layout.bits}_g${affineGroup(layout, where)}_${type}`, type };
}

function notAffine(
  reason: string,
  where: string,
  help = 'use a checkpoint without it, or convert this one to another format',
): MoegenError {
  return new MoegenError(
    'checkpoint/not-affine',
    `expected a matrix that affine weights hold exactly, but ${reason}`,
    {
      where,
      help,
    },
  );
}

/**
 * Terms may have been reordered by how much they matter; then each has a group of its own choice. `groupIndex` holds the group of each
 * term. Throws `checkpoint/not-affine`.
 */
export function checkTermOrder(groupIndex: Uint8Array, terms: number, group: number, where: string): void {
  const table = words(groupIndex);
  for (let term = 0; term < terms; term += 1) {
    if (table[term] === Math.floor(term / group)) continue;
    throw notAffine(
      `its terms are reordered (act-order, desc_act): term ${term} is in group ${table[term] ?? 'none'}`,
      where,
      'quantise it anew with moegen quantize --weights FORMAT, or use a checkpoint made without act-order',
    );
  }
}

interface IntegerReader {
  code(column: number, term: number): number;
  scale(column: number, group: number): number;
  zero(column: number, group: number): number;
}

function readerOf(
  planes: IntegerPlanes,
  layout: IntegerLayout,
  groups: number,
  where: string,
): IntegerReader {
  const { kind, bits, columns, terms, scaleType } = layout;
  const scale = (index: number) => SCALES[scaleType].read(planes.scales, index);
  if (kind === 'int8' || kind === 'int8_tensor') {
    const place = (column: number, group: number) => (kind === 'int8' ? column * groups + group : 0);
    // The codes of affine weights have no sign.
    const unsigned = (bytes: Uint8Array, index: number) => (bytes[index] ?? 0) ^ 128;
    return {
      code: (column, term) => unsigned(planes.weight, column * terms + term),
      scale: (column, group) => scale(place(column, group)),
      zero: (column, group) =>
        planes.zeros === undefined ? 128 : unsigned(planes.zeros, place(column, group)),
    };
  }
  const weight = words(planes.weight);
  const zeros = planes.zeros === undefined ? null : words(planes.zeros);
  if (kind === 'compressed-tensors') {
    const rowWords = Math.ceil((terms * bits) / 32);
    return {
      code: (column, term) => field(weight, column * rowWords, 1, term, bits),
      scale: (column, group) => scale(column * groups + group),
      // Packed along the columns.
      zero: (column, group) => (zeros === null ? 2 ** (bits - 1) : field(zeros, group, groups, column, bits)),
    };
  }
  if (zeros === null) throw notAffine('its zero points are missing', where);
  if (kind === 'awq') {
    const nibble = (from: Uint32Array, row: number, column: number) =>
      ((from[row * (columns / 8) + (column >>> 3)] ?? 0) >>> (AWQ_SHIFTS[column % 8] ?? 0)) & 15;
    return {
      code: (column, term) => nibble(weight, term, column),
      scale: (column, group) => scale(group * columns + column),
      zero: (column, group) => nibble(zeros, group, column),
    };
  }
  const zeroWords = (columns * bits) / 32;
  return {
    code: (column, term) => field(weight, column, columns, term, bits),
    scale: (column, group) => scale(group * columns + column),
    zero: (column, group) => {
      const stored = field(zeros, group * zeroWords, 1, column, bits);
      if (kind === 'gptq_v2') return stored;
      if (stored < 2 ** bits - 1) return stored + 1;
      throw notAffine(
        `column ${column} stores the zero point ${stored}, which means ${stored + 1} to some and 0 to others`,
        where,
      );
    },
  };
}

/** The number in bits [index * bits, (index + 1) * bits) of the words at `start`, `start + stride`, ... */
function field(from: Uint32Array, start: number, stride: number, index: number, bits: number): number {
  const bit = index * bits;
  const [at, shift] = [Math.floor(bit / 32), bit % 32];
  const low = (from[start + at * stride] ?? 0) >>> shift;
  const high = shift + bits > 32 ? (from[start + (at + 1) * stride] ?? 0) << (32 - shift) : 0;
  return ((low | high) >>> 0) % 2 ** bits;
}

function packRow(row: Uint8Array, bits: number, terms: number, codeOf: (term: number) => number): void {
  let [pending, pendingBits, at] = [0, 0, 0];
  for (let term = 0; term < terms; term += 1) {
    pending |= codeOf(term) << pendingBits;
    pendingBits += bits;
    for (; pendingBits >= 8; pendingBits -= 8) {
      row[at] = pending & 255;
      at += 1;
      pending >>>= 8;
    }
  }
}

interface Offsets {
  readonly type: ScaleType;
  readonly scales: Float64Array;
  readonly offsets: Float64Array;
}

/** Scales and offsets [columns, groups]. */
function exactOffsets(
  source: IntegerReader,
  { columns }: IntegerLayout,
  groups: number,
  types: readonly ScaleType[],
  where: string,
): Offsets {
  const scales = new Float64Array(columns * groups);
  const offsets = scales.map((_, index) => {
    const [column, group] = [Math.floor(index / groups), index % groups];
    const scale = source.scale(column, group);
    if (!Number.isFinite(scale)) throw notAffine(`column ${column} has the scale ${scale}`, where);
    scales[index] = scale;
    return 0 - source.zero(column, group) * scale;
  });
  const type = types.find((each) => offsets.every((offset) => SCALES[each].round(offset) === offset));
  if (type !== undefined) return { type, scales, offsets };
  throw notAffine(
    `an offset, the product of a zero point and a scale, is no ${types.at(-1) ?? 'number'}`,
    where,
  );
}

interface ScaleCodec {
  readonly bytes: number;
  read(bytes: Uint8Array, index: number): number;
  write(bytes: Uint8Array, index: number, value: number): void;
  round(value: number): number;
}

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function halfWord(toNumber: (bits: number) => number, ofNumber: (value: number) => number): ScaleCodec {
  return {
    bytes: 2,
    read: (bytes, index) => toNumber(view(bytes).getUint16(2 * index, true)),
    write: (bytes, index, value) => {
      view(bytes).setUint16(2 * index, ofNumber(value), true);
    },
    round: (value) => toNumber(ofNumber(value)),
  };
}

const SCALES: Readonly<Record<ScaleType, ScaleCodec>> = {
  f16: halfWord(numberOfF16, f16OfNumber),
  bf16: halfWord(numberOfBf16, bf16OfNumber),
  f32: {
    bytes: 4,
    read: (bytes, index) => view(bytes).getFloat32(4 * index, true),
    write: (bytes, index, value) => {
      view(bytes).setFloat32(4 * index, value, true);
    },
    round: Math.fround,
  },
};

/** A copy, since planes may lie at any byte. */
function words(bytes: Uint8Array): Uint32Array {
  return Uint32Array.from({ length: bytes.byteLength / 4 }, (_, index) =>
    view(bytes).getUint32(4 * index, true),
  );
}
