// F16, IEEE half precision: to nearest, ties to even; subnormals are kept; NaN becomes quiet and keeps its sign and the upper
// bits of its payload; what lies beyond the largest half becomes an infinity.

import { bitsRoundedToOdd, shiftRightEven } from './float-bits.js';

const INFINITY_BITS = 0x7c00;
const QUIET_BIT = 0x200;

export function f16OfF32Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  if (exponent === 0xff) {
    return sign | INFINITY_BITS | (mantissa === 0 ? 0 : QUIET_BIT | (mantissa >>> 13));
  }
  const exponent16 = exponent - 127 + 15;
  if (exponent16 >= 31) return sign | INFINITY_BITS;
  // A carry out of the mantissa lands in the exponent, which is what rounding up to the next power of two means.
  if (exponent16 > 0) return sign | shiftRightEven((exponent16 << 23) | mantissa, 13);
  if (exponent16 < -10) return sign;
  return sign | shiftRightEven(mantissa | 0x800000, 14 - exponent16);
}

/** From any number, with a single rounding. */
export function f16OfNumber(value: number): number {
  return f16OfF32Bits(bitsRoundedToOdd(value));
}

/** Exact: every half is a float. */
export function numberOfF16(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

export function encodeF16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, f16OfNumber);
}

export function decodeF16(bits: ArrayLike<number>): Float64Array {
  return Float64Array.from(bits, numberOfF16);
}
