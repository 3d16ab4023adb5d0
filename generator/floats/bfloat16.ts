// BF16, the upper half of a float: to nearest, ties to even; NaN becomes quiet and keeps its sign; infinities stay.

import { bitsRoundedToOdd, f32OfBits, shiftRightEven } from './float-bits.js';

export function bf16OfF32Bits(bits: number): number {
  const isNaN32 = (bits & 0x7fffffff) > 0x7f800000;
  if (isNaN32) return (bits >>> 16) | 0x40;
  return shiftRightEven(bits, 16);
}

/** From any number, with a single rounding. */
export function bf16OfNumber(value: number): number {
  return bf16OfF32Bits(bitsRoundedToOdd(value));
}

/** Exact: every BF16 value is a float. */
export function numberOfBf16(bits: number): number {
  return f32OfBits((bits << 16) >>> 0);
}

export function encodeBf16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, bf16OfNumber);
}

export function decodeBf16(bits: ArrayLike<number>): Float64Array {
  return Float64Array.from(bits, numberOfBf16);
}
