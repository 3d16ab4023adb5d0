// Numbers in 16 and 32 bits for tests of kernels.

import { decodeBf16, encodeBf16 } from '../../generator/floats/bfloat16.js';
import { decodeF16, encodeF16 } from '../../generator/floats/float16.js';
import type { Data } from './support.js';

export type FloatType = 'f32' | 'f16' | 'bf16';

export function toBits(type: FloatType, values: readonly number[]): Data {
  if (type === 'f32') return Float32Array.from(values);
  return type === 'f16' ? encodeF16(values) : encodeBf16(values);
}

export function fromBits(type: FloatType, bytes: ArrayBuffer): number[] {
  if (type === 'f32') return [...new Float32Array(bytes)];
  const bits = new Uint16Array(bytes);
  return [...(type === 'f16' ? decodeF16(bits) : decodeBf16(bits))];
}

/** The nearest values of the type. */
export function rounded(type: FloatType, values: readonly number[]): number[] {
  return fromBits(type, toBits(type, values).slice().buffer);
}

/** Values of the type between -size and size, different for each seed, the same in every run. */
export function noise(type: FloatType, length: number, seed: number, size = 1): number[] {
  const values = Array.from({ length }, (_, i) => {
    const x = Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453;
    return (2 * (x - Math.floor(x)) - 1) * size;
  });
  return rounded(type, values);
}
