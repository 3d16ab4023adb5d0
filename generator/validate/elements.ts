// Numbers to the bytes of a buffer and back, for every element type. Encoding rounds to nearest even.

import { bf16OfF32Bits, numberOfBf16 } from '../reference/bfloat16.js';
import { f16OfF32Bits, numberOfF16 } from '../reference/float16.js';
import { ELEMENT_TYPES, type ElementType } from '../spec/dtypes.js';

export function encodeElements(element: ElementType, values: ArrayLike<number>): Uint8Array {
  switch (element) {
    case 'f32':
      return bytesOf(values instanceof Float32Array ? values : Float32Array.from(values));
    case 'bf16':
      return encodeBits(values, bf16OfF32Bits);
    case 'f16':
      return encodeBits(values, f16OfF32Bits);
    case 'u32':
      return bytesOf(Uint32Array.from(values));
    case 'i32':
      return bytesOf(Int32Array.from(values));
    case 'u16':
      return bytesOf(Uint16Array.from(values));
    case 'u8':
      return Uint8Array.from(values);
    case 'i8':
      return bytesOf(Int8Array.from(values));
  }
}

export function decodeElements(element: ElementType, bytes: Uint8Array): Float64Array {
  const { buffer, byteLength } = bytes.slice();
  const count = byteLength / ELEMENT_TYPES[element].bytes;
  switch (element) {
    case 'f32':
      return Float64Array.from(new Float32Array(buffer, 0, count));
    case 'bf16':
      return Float64Array.from(new Uint16Array(buffer, 0, count), numberOfBf16);
    case 'f16':
      return Float64Array.from(new Uint16Array(buffer, 0, count), numberOfF16);
    case 'u32':
      return Float64Array.from(new Uint32Array(buffer, 0, count));
    case 'i32':
      return Float64Array.from(new Int32Array(buffer, 0, count));
    case 'u16':
      return Float64Array.from(new Uint16Array(buffer, 0, count));
    case 'u8':
      return Float64Array.from(bytes);
    case 'i8':
      return Float64Array.from(new Int8Array(buffer, 0, count));
  }
}

/** What a kernel reads after the numbers were stored in a buffer. */
export function roundElements(element: ElementType, values: ArrayLike<number>): Float64Array {
  return decodeElements(element, encodeElements(element, values));
}

function bytesOf(array: Float32Array | Uint32Array | Int32Array | Uint16Array | Int8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function encodeBits(values: ArrayLike<number>, encode: (bits: number) => number): Uint8Array {
  const floats = values instanceof Float32Array ? values : Float32Array.from(values);
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const out = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) out[i] = encode(bits[i] ?? 0);
  return bytesOf(out);
}
