import { describe, expect, test } from 'vitest';
import {
  bf16OfF32Bits,
  bf16OfNumber,
  decodeBf16,
  encodeBf16,
  numberOfBf16,
} from '../../generator/floats/bfloat16.js';
import {
  decodeF16,
  encodeF16,
  f16OfF32Bits,
  f16OfNumber,
  numberOfF16,
} from '../../generator/floats/float16.js';

const FORMATS = [
  { name: 'bf16', ofNumber: bf16OfNumber, toNumber: numberOfBf16, infinity: 0x7f80 },
  { name: 'f16', ofNumber: f16OfNumber, toNumber: numberOfF16, infinity: 0x7c00 },
];

describe.each(FORMATS)('$name', ({ ofNumber, toNumber, infinity }) => {
  test('every value comes back as the bits it came from', () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 0x10000; bits += 1) {
      const isNaNBits = (bits & 0x7fff) > infinity;
      if (!isNaNBits && ofNumber(toNumber(bits)) !== bits) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  });

  test('between two neighbours the nearer one wins, half way the even one', () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < infinity - 1; bits += 1) {
      const [low, high] = [toNumber(bits), toNumber(bits + 1)];
      const middle = low + (high - low) / 2;
      const nudge = (high - low) * 2 ** -40;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const want = [bits, even, bits + 1];
      const given = [middle - nudge, middle, middle + nudge].map(ofNumber);
      const negative = [middle - nudge, middle, middle + nudge].map((value) => ofNumber(-value) - 0x8000);
      if (given.join() !== want.join() || negative.join() !== want.join()) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  });

  test('what is too large becomes infinite, what is infinite stays so', () => {
    const largest = toNumber(infinity - 1);
    const step = largest - toNumber(infinity - 2);
    expect(ofNumber(largest + step * 0.4999)).toBe(infinity - 1);
    expect(ofNumber(largest + step * 0.5)).toBe(infinity);
    expect(ofNumber(-largest - step)).toBe(infinity + 0x8000);
    expect([Infinity, -Infinity, 1e300].map(ofNumber)).toEqual([infinity, infinity + 0x8000, infinity]);
    expect([toNumber(infinity), toNumber(infinity + 0x8000)]).toEqual([Infinity, -Infinity]);
  });

  test('signs of zero and of values too small stay', () => {
    expect([0, -0, 1e-60, -1e-60].map(ofNumber)).toEqual([0, 0x8000, 0, 0x8000]);
    expect(Object.is(toNumber(0x8000), -0)).toBe(true);
  });

  test('NaN stays NaN', () => {
    expect(toNumber(ofNumber(NaN))).toBeNaN();
  });
});

describe('NaN bits become quiet, with sign and upper payload', () => {
  test.each([
    [0x7f800001, 0x7fc0, 0x7e00],
    [0xff812345, 0xffc1, 0xfe09],
    [0x7fc00000, 0x7fc0, 0x7e00],
    [0x7fbfffff, 0x7fff, 0x7fff],
  ])('%i', (bits, bf16, f16) => {
    expect(bf16OfF32Bits(bits)).toBe(bf16);
    expect(f16OfF32Bits(bits)).toBe(f16);
  });
});

test('known values', () => {
  expect(encodeBf16([1, -2.5, 1 / 3, 3.140625])).toEqual(Uint16Array.of(0x3f80, 0xc020, 0x3eab, 0x4049));
  expect(decodeBf16([0x3f80, 0xc020, 0x0001])).toEqual(Float64Array.of(1, -2.5, 2 ** -133));
  expect(encodeF16([1, -2.5, 1 / 3, 0.1, 2049, 2051, 6e-8, 2 ** -25])).toEqual(
    Uint16Array.of(0x3c00, 0xc100, 0x3555, 0x2e66, 0x6800, 0x6802, 1, 0),
  );
  expect(decodeF16([0x3c00, 0x0001, 0x83ff, 0x7bff])).toEqual(
    Float64Array.of(1, 2 ** -24, -1023 * 2 ** -24, 65504),
  );
});

test('a double is rounded once, not by way of a float', () => {
  // As a float each of these would be half way, and then go to the even neighbour below.
  expect(bf16OfNumber(1 + 2 ** -8 + 2 ** -40)).toBe(0x3f81);
  expect(f16OfNumber(1 + 2 ** -11 + 2 ** -40)).toBe(0x3c01);
  expect(f16OfNumber(1 + 3 * 2 ** -11 - 2 ** -40)).toBe(0x3c01);
});
