// Bytes into numbers, wherever the bytes lie; and errors of results that are all zero.

import { expect, test } from 'vitest';
import { decodeElements, encodeElements } from '../../generator/validate/elements.js';
import { relativeError } from '../../generator/validate/rounding.js';

test.each(['f32', 'bf16', 'f16', 'u32', 'i32', 'u16', 'u8', 'i8'] as const)(
  'a small Buffer of %s is read from its own bytes',
  (element) => {
    const values = Float64Array.of(1, 2, 3, 5, 8);
    // Small Buffers are parts of a pool that others fill too.
    const bytes = Buffer.from(encodeElements(element, values));
    expect(bytes.buffer.byteLength).toBeGreaterThan(bytes.byteLength);
    expect(decodeElements(element, bytes)).toEqual(values);
    const odd = Buffer.concat([Buffer.of(9), bytes]).subarray(1);
    expect(decodeElements(element, odd)).toEqual(values);
  },
);

test.each([
  [[0, 0], [0, 0], 0],
  [[0, 1], [0, 0], Infinity],
  [[NaN, 0], [0, 0], NaN],
  [[1, 2], [1, 1], Math.SQRT1_2],
])('%j instead of %j is an error of %s', (got, want, error) => {
  const fixture = { expected: Float64Array.from(want), rowsOk: [true], hiddenSize: 2 };
  const found = relativeError(
    Float64Array.from(got),
    fixture as unknown as Parameters<typeof relativeError>[1],
  );
  expect(found).toBe(error);
});
