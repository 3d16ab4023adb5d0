import { expect, test } from 'vitest';
import {
  referenceLoadBalanceLoss,
  referenceRouterEntropy,
  referenceZLoss,
} from '../../generator/reference/losses.js';

/** Probabilities of two tokens: 1/4, 3/4 and 1/2, 1/2. */
const LOGITS = Float64Array.of(0, Math.log(3), 2, 2);

test('load balance', () => {
  // Token 0 selects expert 1, token 1 selects expert 0: shares 1/2 each, mean probabilities 3/8 and 5/8.
  expect(referenceLoadBalanceLoss(LOGITS, Uint32Array.of(1, 1))).toBeCloseTo(1, 14);
  expect(referenceLoadBalanceLoss(LOGITS, Uint32Array.of(0, 2))).toBeCloseTo(2 * 0.625, 14);
  expect(referenceLoadBalanceLoss(new Float64Array(8), Uint32Array.of(1, 1, 1, 1))).toBeCloseTo(2, 14);
});

test('z-loss', () => {
  const want = (Math.log(4) ** 2 + (2 + Math.log(2)) ** 2) / 2;
  expect(referenceZLoss(LOGITS, 2)).toBeCloseTo(want, 14);
  expect(referenceZLoss(Float64Array.of(1000, 1000), 2)).toBeCloseTo((1000 + Math.log(2)) ** 2, 6);
});

test('entropy', () => {
  const first = -(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75));
  expect(referenceRouterEntropy(LOGITS, 2)).toBeCloseTo((first + Math.log(2)) / 2, 14);
  expect(referenceRouterEntropy(Float64Array.of(0, -5000), 2)).toBe(0);
});

test('no tokens give NaN', () => {
  expect(referenceZLoss(new Float64Array(0), 2)).toBeNaN();
  expect(referenceLoadBalanceLoss(new Float64Array(0), new Uint32Array(2))).toBeNaN();
});
