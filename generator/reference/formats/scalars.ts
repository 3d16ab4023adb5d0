// The types in which dense weights, scales and offsets are stored, little-endian.

import { bf16OfNumber, numberOfBf16 } from '../../floats/bfloat16.js';
import { f16OfNumber, numberOfF16 } from '../../floats/float16.js';

export interface Scalar {
  readonly name: string;
  readonly bytes: number;
  /** The number at an index, whatever the alignment of the bytes. */
  get(bytes: Uint8Array, index: number): number;
  /** Rounds to nearest, ties to even. */
  set(bytes: Uint8Array, index: number, value: number): void;
  /** What comes back after `set`. */
  round(value: number): number;
}

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function sixteenBits(
  name: string,
  toNumber: (bits: number) => number,
  ofNumber: (value: number) => number,
): Scalar {
  return {
    name,
    bytes: 2,
    // No view of the bytes: whole matrices are read number by number.
    get: (bytes, index) => toNumber((bytes[2 * index] ?? NaN) + 256 * (bytes[2 * index + 1] ?? NaN)),
    set: (bytes, index, value) => {
      view(bytes).setUint16(index * 2, ofNumber(value), true);
    },
    round: (value) => toNumber(ofNumber(value)),
  };
}

export const F16 = sixteenBits('f16', numberOfF16, f16OfNumber);
export const BF16 = sixteenBits('bf16', numberOfBf16, bf16OfNumber);
export const F32: Scalar = {
  name: 'f32',
  bytes: 4,
  get: (bytes, index) => view(bytes).getFloat32(index * 4, true),
  set: (bytes, index, value) => {
    view(bytes).setFloat32(index * 4, value, true);
  },
  round: Math.fround,
};

export const SCALARS: readonly Scalar[] = [F16, BF16, F32];
