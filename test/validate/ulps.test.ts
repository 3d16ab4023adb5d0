// Errors in units in the last place, counted by hand.

import { describe, expect, it } from 'vitest';
import type { ElementType } from '../../generator/description/dtypes.js';
import { countUlps, ULP_LIMITS } from '../../generator/validate/ulps.js';

function count(
  element: ElementType,
  got: readonly number[],
  want: readonly number[],
  tolerance = want.map(() => 1),
) {
  return countUlps(element, Float64Array.from(got), {
    want: Float64Array.from(want),
    tolerance: Float64Array.from(tolerance),
  });
}

const at = (limit: number) => ULP_LIMITS.map((each) => (each === limit ? 1 : 0));

describe('errors in units in the last place', () => {
  it.each<[string, ElementType, number, number, number, number]>([
    ['nothing', 'f32', 1.5, 1.5, 0, 0],
    ['a step above 1', 'f32', 1 + 2 ** -23, 1, 1, 1],
    ['the same distance below 1, where steps are half as wide', 'f32', 0.5 + 2 ** -23, 0.5, 2, 2],
    ['half a step of BF16 at 3', 'bf16', 3, 3 + 2 ** -7, 0.5, 0.5],
    ['three steps of half', 'f16', 1 + 3 * 2 ** -10, 1, 3, 4],
    ['a negative value', 'f16', -2, -2 - 2 ** -9, 1, 1],
    ['what is flushed: one smallest normal number', 'f32', 0, 2 ** -126, 1, 1],
    ['a subnormal half', 'f16', 2 ** -24, 0, 1, 1],
    ['a thousand steps', 'bf16', 9, 1, 1024, Infinity],
    ['whole numbers', 'u32', 7, 10, 3, 4],
  ])('of %s', (_, element, got, want, ulps, limit) => {
    expect(count(element, [got], [want])).toEqual({ largest: ulps, counts: at(limit) });
  });

  it('leave out what may be anything, and what is no number', () => {
    const none = { largest: 0, counts: ULP_LIMITS.map(() => 0) };
    expect(count('f32', [5, NaN, Infinity], [1, 1, Infinity], [Infinity, 1, 1])).toEqual(none);
  });
});
