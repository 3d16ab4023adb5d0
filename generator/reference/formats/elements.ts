// The small floating-point numbers that codes and block scales are: E2M1, E4M3FN and E8M0, to and from their bits.

import { roundEven } from './rounding.js';

/** Sign, exponent and mantissa without special codes; a zero exponent means subnormal. */
function smallFloat(bits: number, exponentBits: number, mantissaBits: number, bias: number): number {
  const sign = (bits >>> (exponentBits + mantissaBits)) & 1 ? -1 : 1;
  const exponent = (bits >>> mantissaBits) & (2 ** exponentBits - 1);
  const mantissa = bits & (2 ** mantissaBits - 1);
  const implicit = exponent === 0 ? 0 : 2 ** mantissaBits;
  return sign * (implicit + mantissa) * 2 ** (Math.max(exponent, 1) - bias - mantissaBits);
}

/** Code 0 to 15: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives, -0 among them. */
export function numberOfE2m1(code: number): number {
  return smallFloat(code & 15, 2, 1, 1);
}

/** Of a byte; 0x7f and 0xff are NaN, there are no infinities, the largest is 448. */
export function numberOfE4m3(byte: number): number {
  return (byte & 127) === 127 ? NaN : smallFloat(byte & 255, 4, 3, 7);
}

/** Of a byte: 2^(byte - 127), from 2^-127 on; 255 is NaN. */
export function numberOfE8m0(byte: number): number {
  return byte === 255 ? NaN : 2 ** (byte - 127);
}

/** The exponent e for which 2^e <= |value| < 2^(e+1), of a finite value other than zero. */
export function exponentOf(value: number): number {
  const size = Math.abs(value);
  let exponent = Math.floor(Math.log2(size));
  // The logarithm itself is rounded.
  while (2 ** exponent > size) exponent -= 1;
  while (2 ** (exponent + 1) <= size) exponent += 1;
  return exponent;
}

/** The nearest code, ties to even; what lies beyond the largest becomes the largest; the sign of zero stays. */
function encodeSmallFloat(
  value: number,
  exponentBits: number,
  mantissaBits: number,
  bias: number,
  largest: number,
): number {
  const isNegative = value < 0 || Object.is(value, -0);
  const sign = isNegative ? 2 ** (exponentBits + mantissaBits) : 0;
  const size = Math.abs(value);
  if (size === 0) return sign;
  const exponent = Math.max(size === Infinity ? 2 ** exponentBits : exponentOf(size), 1 - bias);
  const steps = roundEven(size / 2 ** (exponent - mantissaBits));
  // A carry into the next power of two gives the code after the last of this one.
  const code = steps + (exponent + bias - 1) * 2 ** mantissaBits;
  return sign + Math.min(code, largest);
}

/** Nearest, ties to the even code, saturating at 6; NaN becomes 6, as in MLX. */
export function e2m1OfNumber(value: number): number {
  return Number.isNaN(value) ? 7 : encodeSmallFloat(value, 2, 1, 1, 7);
}

/** Nearest, ties to the even code, saturating at 448, which infinities and NaN become too, as in MLX. */
export function e4m3OfNumber(value: number): number {
  return Number.isNaN(value) ? 0x7e : encodeSmallFloat(value, 4, 3, 7, 0x7e);
}
