// Numbers to the bytes of a buffer and back, for every element type. Encoding rounds to nearest even.

import { bf16OfF32Bits, numberOfBf16 } from '../floats/bfloat16.js';
import { f16OfF32Bits, numberOfF16 } from '../floats/float16.js';
import { ELEMENT_TYPES, type ElementType } from '../description/dtypes.js';

export function encodeElements(element: ElementType, values: ArrayLike<number>): Uint8Array {
  switch (element) {
    case 'f32':
      return bytesOf(values instanceof Float32Array ? values : new Float32Array(values));
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
  // A copy of its own: what small `Buffer`s slice off is a part of a pool.
  const { buffer, byteLength } = new Uint8Array(bytes);
  const count = byteLength / ELEMENT_TYPES[element].bytes;
  switch (element) {
    case 'f32':
      return new Float64Array(new Float32Array(buffer, 0, count));
    case 'bf16':
      return decodeBits(new Uint16Array(buffer, 0, count), BF16_NUMBERS());
    case 'f16':
      return decodeBits(new Uint16Array(buffer, 0, count), F16_NUMBERS());
    case 'u32':
      return new Float64Array(new Uint32Array(buffer, 0, count));
    case 'i32':
      return new Float64Array(new Int32Array(buffer, 0, count));
    case 'u16':
      return new Float64Array(new Uint16Array(buffer, 0, count));
    case 'u8':
      return new Float64Array(bytes);
    case 'i8':
      return new Float64Array(new Int8Array(buffer, 0, count));
  }
}

/** What a kernel reads after the numbers were stored in a buffer. */
export function roundElements(element: ElementType, values: ArrayLike<number>): Float64Array {
  return decodeElements(element, encodeElements(element, values));
}

function bytesOf(array: Float32Array | Uint32Array | Int32Array | Uint16Array | Int8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** The number of each of the 65,536 patterns; made on first use. */
function numbersOf(decode: (bits: number) => number): () => Float64Array {
  let numbers: Float64Array | undefined;
  return () => (numbers ??= Float64Array.from({ length: 2 ** 16 }, (_, bits) => decode(bits)));
}

const BF16_NUMBERS = numbersOf(numberOfBf16);
const F16_NUMBERS = numbersOf(numberOfF16);

function decodeBits(bits: Uint16Array, numbers: Float64Array): Float64Array {
  const out = new Float64Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) out[i] = numbers[bits[i] ?? 0] ?? NaN;
  return out;
}

function encodeBits(values: ArrayLike<number>, encode: (bits: number) => number): Uint8Array {
  const floats = values instanceof Float32Array ? values : new Float32Array(values);
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const out = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) out[i] = encode(bits[i] ?? 0);
  return bytesOf(out);
}
