// The small floats, code by code, against the tables of their specifications (Open Compute: MX v1.0 and OFP8 v1.0).

import { describe, expect, it } from 'vitest';
import {
  e2m1OfNumber,
  e4m3OfNumber,
  exponentOf,
  numberOfE2m1,
  numberOfE4m3,
  numberOfE8m0,
} from '../../../generator/reference/formats/elements.js';
import { bytesOf, differences, hexFloat, readElements, valuesOf } from './vectors.js';

const E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6];

/** Value of the first code of each exponent, and the step to the next code. */
const E4M3: readonly (readonly [number, number])[] = [
  [0, 1 / 512],
  [1 / 64, 1 / 512],
  [1 / 32, 1 / 256],
  [1 / 16, 1 / 128],
  [1 / 8, 1 / 64],
  [1 / 4, 1 / 32],
  [1 / 2, 1 / 16],
  [1, 1 / 8],
  [2, 1 / 4],
  [4, 1 / 2],
  [8, 1],
  [16, 2],
  [32, 4],
  [64, 8],
  [128, 16],
  [256, 32],
];

const bytes = Array.from({ length: 256 }, (_, byte) => byte);
const { tables, encode } = readElements();

describe('decoding', () => {
  it('of E2M1: eight magnitudes, and eight negatives with -0 among them', () => {
    const wanted = [...E2M1, ...E2M1.map((value) => -value)];
    expect(differences(bytes.slice(0, 16).map(numberOfE2m1), wanted)).toEqual([]);
    expect(differences(wanted, valuesOf(tables['e2m1'] ?? []))).toEqual([]);
  });

  it('of E4M3FN: sixteen exponents of eight codes, the last code NaN', () => {
    const half = E4M3.flatMap(([first, step]) =>
      Array.from({ length: 8 }, (_, index) => first + index * step),
    );
    half[127] = NaN;
    const wanted = [...half, ...half.map((value) => -value)];
    expect(differences(bytes.map(numberOfE4m3), wanted)).toEqual([]);
    expect(differences(wanted, valuesOf(tables['e4m3fn'] ?? []))).toEqual([]);
  });

  it('of E8M0: powers of two from 2^-127 on, 255 NaN', () => {
    const wanted = bytes.map((byte) => (byte === 255 ? NaN : Number(`0b1`) * Math.pow(2, byte - 127)));
    expect(differences(bytes.map(numberOfE8m0), wanted)).toEqual([]);
    expect(differences(wanted, valuesOf(tables['e8m0'] ?? []))).toEqual([]);
    expect([0, 127, 128, 254].map(numberOfE8m0)).toEqual([
      5.877471754111438e-39, 1, 2, 1.7014118346046923e38,
    ]);
  });
});

describe('encoding', () => {
  it.each([
    ['e2m1', e2m1OfNumber],
    ['e4m3', e4m3OfNumber],
  ] as const)('to %s at every boundary, as published code does', (name, ofNumber) => {
    const { input, codes } = encode.find((each) => each.name === name) ?? { input: [], codes: '' };
    expect(input.length).toBeGreaterThan(50);
    expect(differences(input.map(hexFloat).map(ofNumber), bytesOf(codes))).toEqual([]);
  });

  it.each([
    ['E2M1', numberOfE2m1, e2m1OfNumber, 8, 8],
    ['E4M3FN', numberOfE4m3, e4m3OfNumber, 127, 128],
  ] as const)(
    'to %s gives every code back, and between two codes the nearer one',
    (_, toNumber, ofNumber, count, sign) => {
      const wrong: string[] = [];
      const check = (value: number, code: number) => {
        if (ofNumber(value) !== code) wrong.push(`${value}: ${ofNumber(value)} instead of ${code}`);
        if (ofNumber(-value) !== code + sign) wrong.push(`${-value}: ${ofNumber(-value)}`);
      };
      for (let code = 0; code < count; code += 1) {
        check(toNumber(code), code);
        if (code + 1 === count) break;
        const middle = (toNumber(code) + toNumber(code + 1)) / 2;
        check(middle * (1 - 2 ** -40), code);
        check(middle, code + (code % 2));
        check(middle * (1 + 2 ** -40), code + 1);
      }
      check(1e300, count - 1);
      check(Infinity, count - 1);
      check(5e-324, 0);
      expect(wrong).toEqual([]);
    },
  );
});

it('the exponent of a number is exact at powers of two and next to them', () => {
  const wrong = Array.from({ length: 600 }, (_, index) => index - 300).filter((exponent) => {
    const power = 2 ** exponent;
    const below = power * (1 - 2 ** -53);
    return exponentOf(power) !== exponent || exponentOf(-below) !== exponent - 1;
  });
  expect(wrong).toEqual([]);
  expect(exponentOf(5e-324)).toBe(-1074);
});
