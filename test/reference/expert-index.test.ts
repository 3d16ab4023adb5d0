import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  NO_ROW,
  referenceGather,
  referenceHistogram,
  referenceIndex,
} from '../../generator/reference/expert-index.js';

test('assignments are sorted by expert, and within an expert stay in order', () => {
  const index = referenceIndex(Uint32Array.of(2, 0, 0, 3, 2, 0), 4);
  expect(index).toEqual({
    counts: Uint32Array.of(3, 0, 2, 1),
    offsets: Uint32Array.of(0, 3, 3, 5, 6),
    order: Uint32Array.of(1, 2, 5, 0, 4, 3),
    inverse: Uint32Array.of(3, 0, 1, 5, 4, 2),
  });
});

test('experts without weights and open slots get no row', () => {
  const index = referenceIndex(Uint32Array.of(1, 2, 5, 1), 2);
  expect(index).toEqual({
    counts: Uint32Array.of(0, 2),
    offsets: Uint32Array.of(0, 0, 2),
    order: Uint32Array.of(0, 3),
    inverse: Uint32Array.of(0, NO_ROW, NO_ROW, 1),
  });
});

test('no assignments', () => {
  expect(referenceIndex(new Uint32Array(0), 2)).toEqual({
    counts: Uint32Array.of(0, 0),
    offsets: Uint32Array.of(0, 0, 0),
    order: new Uint32Array(0),
    inverse: new Uint32Array(0),
  });
});

test('order and inverse undo each other, offsets bound each expert', () => {
  fc.assert(
    fc.property(
      fc.uint32Array({ max: 8, maxLength: 60 }),
      fc.integer({ min: 1, max: 8 }),
      (ids, numExperts) => {
        const { offsets, order, inverse } = referenceIndex(ids, numExperts);
        order.forEach((assignment, row) => {
          expect(inverse[assignment]).toBe(row);
          const expert = ids[assignment] ?? NaN;
          expect(row).toBeGreaterThanOrEqual(offsets[expert] ?? NaN);
          expect(row).toBeLessThan(offsets[expert + 1] ?? NaN);
        });
        expect(order.length).toBe(ids.filter((id) => id < numExperts).length);
      },
    ),
  );
});

test('the histogram counts experts with weights', () => {
  expect(referenceHistogram(Uint32Array.of(0, 2, 2, 7, 3), 3)).toEqual(Uint32Array.of(1, 0, 2));
});

test('gather takes the row of each assignment’s token', () => {
  const x = Float64Array.of(1, 2, 3, 4, 5, 6);
  expect(referenceGather(x, Uint32Array.of(5, 0, 2), 2, 2)).toEqual(Float64Array.of(5, 6, 1, 2, 3, 4));
});
