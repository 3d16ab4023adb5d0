import { expect, test } from 'vitest';
import { referenceCombine } from '../../generator/reference/combine.js';
import { referenceIndex } from '../../generator/reference/expert-index.js';

const SHAPE = { width: 2, numExperts: 2, numZeroExperts: 1, isWeighted: false };
const X = Float64Array.of(1000, 2000, 3000, 4000);

/** Two tokens of two slots; rows of outputs are (1, 2), (3, 4), ... in sorted order. */
function combine(ids: readonly number[], weights: readonly number[], shape = SHAPE) {
  const routing = { numTokens: 2, topK: 2, ids: Uint32Array.from(ids), weights: Float64Array.from(weights) };
  const index = referenceIndex(routing.ids, shape.numExperts);
  const outputs = Float64Array.from({ length: index.order.length * 2 }, (_, i) => i + 1);
  return referenceCombine(shape, routing, index, outputs, X);
}

test('each token sums its own rows, weighted', () => {
  // Sorted rows: assignment 1, 2 (expert 0), then 0, 3 (expert 1).
  expect(combine([1, 0, 0, 1], [10, 1, 100, 0.5])).toEqual(Float64Array.of(51, 62, 303.5, 404));
});

test('an expert without weights gives the token back', () => {
  expect(combine([2, 0, 0, 2], [0.5, 1, 1, 0.25])).toEqual(Float64Array.of(501, 1002, 753, 1004));
});

test('rows that bear their weight are only added', () => {
  expect(combine([1, 0, 0, 1], [10, 1, 100, 0.5], { ...SHAPE, isWeighted: true })).toEqual(
    Float64Array.of(6, 8, 10, 12),
  );
});

test('an expert that is selected twice counts twice', () => {
  expect(combine([0, 0, 1, 1], [1, 2, 1, 1])).toEqual(Float64Array.of(7, 10, 12, 14));
});

test('an open slot makes its token NaN, and no other', () => {
  expect(combine([0, 3, 0, 1], [1, NaN, 1, 1])).toEqual(Float64Array.of(NaN, NaN, 8, 10));
});
