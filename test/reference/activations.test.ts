import { describe, expect, test } from 'vitest';
import { activationFunction, erfc, sigmoid, softplus } from '../../generator/reference/activations.js';
import type { Activation } from '../../generator/description/block.js';

/** Values of the C library's erfc. */
const ERFC: readonly (readonly [number, number])[] = [
  [-6, 2],
  [-3, 1.9999779095030015],
  [-0.5, 1.5204998778130465],
  [0, 1],
  [0.001, 0.9988716212090307],
  [1, 0.15729920705028513],
  [2.4, 0.0006885138966450789],
  [2.6, 0.00023603441652934908],
  [5, 1.5374597944280351e-12],
  [15, 7.212994172451206e-100],
];

test.each(ERFC)('erfc(%d)', (x, want) => {
  expect(Math.abs(erfc(x) / want - 1)).toBeLessThan(2e-13);
});

test('erfc has no step where its two forms meet', () => {
  expect(Math.abs(erfc(2.5 - 1e-12) / erfc(2.5) - 1)).toBeLessThan(1e-11);
});

describe.each<[Activation, readonly (readonly [number, number])[]]>([
  [
    'silu',
    [
      [0, 0],
      [1, 0.7310585786300049],
      [-2, -0.2384058440442351],
      [-1000, 0],
      [1000, 1000],
    ],
  ],
  [
    'gelu',
    [
      [-10, -7.619853024160593e-23],
      [-3, -0.004049694094890287],
      [-1, -0.15865525393145707],
      [0.5, 0.34573123063700656],
      [2, 1.9544997361036416],
      [-1e6, 0],
    ],
  ],
  [
    'gelu_tanh',
    [
      [-3, -0.0036373920817729943],
      [-1, -0.15880800939172324],
      [0.5, 0.34571400982514394],
      [2, 1.954597694087775],
    ],
  ],
  [
    'relu',
    [
      [-1, 0],
      [0, 0],
      [2.5, 2.5],
    ],
  ],
  [
    'relu2',
    [
      [-1, 0],
      [0, 0],
      [2.5, 6.25],
    ],
  ],
])('%s', (name, cases) => {
  const act = activationFunction(name);

  test.each(cases)('of %d', (x, want) => {
    expect(Math.abs(act(x) - want)).toBeLessThanOrEqual(1e-13 * Math.abs(want));
  });

  test('of NaN and of minus infinity', () => {
    expect(act(NaN)).toBeNaN();
    expect(Math.abs(act(-Infinity))).toBe(0);
  });
});

test('sigmoid and softplus', () => {
  expect(sigmoid(0)).toBe(0.5);
  expect(sigmoid(-800)).toBe(0);
  expect(softplus(0)).toBeCloseTo(Math.LN2, 15);
  expect(softplus(21)).toBe(21);
  expect(softplus(19)).toBeGreaterThan(19);
  expect(softplus(-40)).toBeCloseTo(4.248354255291589e-18, 30);
});
