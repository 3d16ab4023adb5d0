// NumPy's file format .npy: one array, its type and its shape. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

import { MoegenError } from '../errors.js';
import { SCALARS, type Scalar, type ShortName } from './scalars.js';
import type { ScalarValue } from './scalars.js';

export interface NpyArray {
  readonly shape: readonly number[];
  readonly scalar: Scalar | Float64Scalar;
  /** First dimension outermost. */
  readonly numbers: readonly ScalarValue[];
}

/** Metal has no double; references often are. */
interface Float64Scalar {
  readonly short: 'f64';
  readonly bytes: 8;
  readonly isFloat: true;
  readonly read: Scalar['read'];
}

const FLOAT64: Float64Scalar = {
  short: 'f64',
  bytes: 8,
  isFloat: true,
  read: (view, offset) => view.getFloat64(offset, true),
};

const TYPES: Readonly<Record<string, ShortName | 'f64'>> = {
  ...{ '|i1': 'i8', '|u1': 'u8', '|b1': 'bool', '<i2': 'i16', '<u2': 'u16', '<i4': 'i32', '<u4': 'u32' },
  ...{ '<i8': 'i64', '<u8': 'u64', '<f2': 'f16', '<f4': 'f32', '<f8': 'f64' },
};

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/** Reads little-endian arrays in C order. `where` is the file. */
export function readNpy(bytes: Uint8Array, where: string): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isNpy(bytes) || bytes.byteLength < 12) throw unreadable('it does not begin as one', where);
  const [begin, length] =
    view.getUint8(6) === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const header = Buffer.from(bytes.subarray(begin, begin + length)).toString('latin1');
  const descr = /'descr': *'([^']*)'/.exec(header)?.[1] ?? '';
  const dims = /'shape': *\(([\d, ]*)\)/.exec(header)?.[1];
  const short = TYPES[descr];
  if (short === undefined) throw unreadable(`its elements are '${descr}'`, where);
  if (dims === undefined || !/'fortran_order': *False/.test(header))
    throw unreadable('it is not in C order', where);
  const shape = [...dims.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  const scalar = short === 'f64' ? FLOAT64 : SCALARS[short];
  const count = shape.reduce((product, extent) => product * extent, 1);
  const start = begin + length;
  if (start + count * scalar.bytes !== bytes.byteLength) {
    throw unreadable(`${count} elements of ${scalar.bytes} bytes do not fill it`, where);
  }
  const numbers = Array.from({ length: count }, (_, index) =>
    scalar.read(view, start + index * scalar.bytes),
  );
  return { shape, scalar, numbers };
}

function unreadable(why: string, where: string): MoegenError {
  return new MoegenError('run/unreadable', `expected a .npy file of numbers, but ${why}`, {
    where,
    help: `types: ${Object.keys(TYPES).join(', ')}; save a contiguous array with numpy.save`,
  });
}
