// What counts as equal in the outputs of a test: absolute, relative, steps of the type, bits.

import { describe, expect, it } from 'vitest';

import { layoutOf } from '../../generator/jobs/layout.js';
import { compareOutput } from '../../generator/jobs/testing/compare.js';
import { encodeValues, type GivenValue } from '../../generator/jobs/values.js';

function compare(
  type: string,
  got: GivenValue,
  want: readonly (number | bigint)[],
  tolerance: Parameters<typeof compareOutput>[3],
  shape: readonly number[] = [want.length],
): ReturnType<typeof compareOutput> {
  const layout = layoutOf(type, 't');
  return compareOutput({ layout, shape }, encodeValues(layout, got, 'w'), want, tolerance);
}

describe('one number', () => {
  it.each([
    // What the type cannot hold is rounded first.
    ['f32', 0.1, 0.1, { exact: true }, true],
    ['f32', 1, 1 + 2 ** -23, { exact: true }, false],
    ['f32', 1, 1 + 2 ** -23, { ulp: 1 }, true],
    ['f32', 1, 1 + 2 ** -22, { ulp: 1 }, false],
    ['f32', 1, 1 + 2 ** -22, { ulp: 1, absolute: 1e-6 }, true],
    ['f32', -0, 0, { exact: true }, false],
    ['f32', -0, 0, { ulp: 1 }, true],
    // Across zero: the smallest subnormals of both signs are two steps apart.
    ['f32', -(2 ** -149), 2 ** -149, { ulp: 2 }, true],
    ['f32', -(2 ** -149), 2 ** -149, { ulp: 1 }, false],
    ['f16', 1, 1 + 2 ** -10, { ulp: 1 }, true],
    ['f16', 1, 1 + 2 ** -9, { ulp: 1 }, false],
    ['bf16', 1, 1 + 2 ** -7, { ulp: 1 }, true],
    ['f32', 100, 101, { absolute: 1 }, true],
    ['f32', 100, 101, { absolute: 0.99 }, false],
    ['f32', 100, 101, { relative: 0.01 }, true],
    ['f32', 100, 101, { relative: 0.0099 }, false],
    ['f32', 100, 100.0001, {}, true],
    ['f32', 100, 100.001, {}, false],
    ['bf16', 100, 101, {}, true],
    ['f32', 'nan', NaN, { exact: true }, true],
    ['f32', 'nan', 1, { absolute: 1e9 }, false],
    ['f32', 1, NaN, { absolute: 1e9 }, false],
    ['f32', 'inf', Infinity, { exact: true }, true],
    ['f32', 3e38, Infinity, { absolute: 1e39 }, false],
    ['f16', 'inf', 1e6, {}, true],
    ['u8', 3, 3, {}, true],
    ['u8', 3, 4, {}, false],
    ['u8', 3, 4, { absolute: 1 }, true],
    ['u8', 3, 3.5, { absolute: 1 }, false],
    ['bool', true, 1, {}, true],
    ['i64', '9007199254740993', 9007199254740992n, {}, false],
    ['i64', '9007199254740993', 9007199254740993n, {}, true],
  ] as const)('%s %j against %d within %j: %j', (type, got, want, tolerance, isEqual) => {
    expect(compare(type, got, [want], tolerance).differing).toBe(isEqual ? 0 : 1);
  });
});

it('says which number differs first, and which is furthest off', () => {
  const got = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
  const want = got.map((each) => (each === 5 ? 5.5 : each === 10 ? 20 : each));
  expect(compare('float3', got, want, { absolute: 0.25 }, [2, 2])).toEqual({
    compared: 12,
    differing: 2,
    first: { position: [0, 1], path: '.z', got: 5, want: 5.5, allowed: '0.250' },
    worst: { position: [1, 1], path: '.y', got: 10, want: 20, allowed: '0.250' },
  });
});
