// Scalars as Metal has them in memory: how many bytes they take, what they hold, and how a number gets in and out. The short
// names are those of buffers in jobs.

import { bf16OfNumber, numberOfBf16 } from '../floats/bfloat16.js';
import { f16OfNumber, numberOfF16 } from '../floats/float16.js';

/** Short names, which say the width, and Metal's. */
const SHORT_NAMES = {
  i8: 'char',
  u8: 'uchar',
  i16: 'short',
  u16: 'ushort',
  i32: 'int',
  u32: 'uint',
  i64: 'long',
  u64: 'ulong',
  f16: 'half',
  bf16: 'bfloat',
  f32: 'float',
  bool: 'bool',
} as const;
export type ShortName = keyof typeof SHORT_NAMES;
type ScalarName = (typeof SHORT_NAMES)[ShortName];

/** Whole numbers beyond 2^53 come as bigint. */
export type ScalarValue = number | bigint;

export interface Scalar {
  readonly name: ScalarName;
  readonly short: ShortName;
  readonly bytes: number;
  readonly isFloat: boolean;
  /** Smallest and largest of the whole numbers; of floats there is none. */
  readonly range?: readonly [bigint, bigint];
  readonly read: (view: DataView, offset: number) => ScalarValue;
  /** Rounds to nearest even, and to whole numbers not at all: those have to be in range. */
  readonly write: (view: DataView, offset: number, value: ScalarValue) => void;
}

type Accessors = Pick<Scalar, 'read' | 'write'>;

const ROWS: Readonly<Record<ShortName, Accessors>> = {
  i8: {
    read: (view, offset) => view.getInt8(offset),
    write: (view, offset, value) => {
      view.setInt8(offset, Number(value));
    },
  },
  u8: {
    read: (view, offset) => view.getUint8(offset),
    write: (view, offset, value) => {
      view.setUint8(offset, Number(value));
    },
  },
  i16: {
    read: (view, offset) => view.getInt16(offset, true),
    write: (view, offset, value) => {
      view.setInt16(offset, Number(value), true);
    },
  },
  u16: {
    read: (view, offset) => view.getUint16(offset, true),
    write: (view, offset, value) => {
      view.setUint16(offset, Number(value), true);
    },
  },
  i32: {
    read: (view, offset) => view.getInt32(offset, true),
    write: (view, offset, value) => {
      view.setInt32(offset, Number(value), true);
    },
  },
  u32: {
    read: (view, offset) => view.getUint32(offset, true),
    write: (view, offset, value) => {
      view.setUint32(offset, Number(value), true);
    },
  },
  i64: {
    read: (view, offset) => view.getBigInt64(offset, true),
    write: (view, offset, value) => {
      view.setBigInt64(offset, BigInt(value), true);
    },
  },
  u64: {
    read: (view, offset) => view.getBigUint64(offset, true),
    write: (view, offset, value) => {
      view.setBigUint64(offset, BigInt(value), true);
    },
  },
  f16: {
    read: (view, offset) => numberOfF16(view.getUint16(offset, true)),
    write: (view, offset, value) => {
      view.setUint16(offset, f16OfNumber(Number(value)), true);
    },
  },
  bf16: {
    read: (view, offset) => numberOfBf16(view.getUint16(offset, true)),
    write: (view, offset, value) => {
      view.setUint16(offset, bf16OfNumber(Number(value)), true);
    },
  },
  f32: {
    read: (view, offset) => view.getFloat32(offset, true),
    write: (view, offset, value) => {
      view.setFloat32(offset, Number(value), true);
    },
  },
  bool: {
    read: (view, offset) => view.getUint8(offset),
    write: (view, offset, value) => {
      view.setUint8(offset, Number(value));
    },
  },
};

function scalarOf(short: ShortName): Scalar {
  const bits = short === 'bool' ? 8 : Number(/\d+/.exec(short)?.[0]);
  const isFloat = short.includes('f');
  const isSigned = short.startsWith('i');
  const top = 1n << BigInt(short === 'bool' ? 1 : bits - (isSigned ? 1 : 0));
  return {
    name: SHORT_NAMES[short],
    short,
    bytes: bits / 8,
    isFloat,
    ...(isFloat ? {} : { range: [isSigned ? -top : 0n, top - 1n] as const }),
    ...ROWS[short],
  };
}

export const SHORT_NAME_LIST = Object.keys(SHORT_NAMES) as readonly ShortName[];

export const SCALARS = Object.fromEntries(
  SHORT_NAME_LIST.map((short) => [short, scalarOf(short)]),
) as Readonly<Record<ShortName, Scalar>>;

const BY_NAME = new Map<string, Scalar>(Object.values(SCALARS).map((scalar) => [scalar.name, scalar]));

/** By its short name or Metal's. */
export function findScalar(name: string): Scalar | undefined {
  return name in SCALARS ? SCALARS[name as ShortName] : BY_NAME.get(name);
}
