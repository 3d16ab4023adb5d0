// What the drop-in mixture kernels must give, in double precision, and how far they may be from it: rows that go to several
// matrices with a weight for each, added up in float.

import { linearOutIn } from '../../reference/linear.js';
import type { ActivationDtype } from '../../description/dtypes.js';
import { absolute, dotError, FLOAT_ROUNDING, storedError } from '../tolerance.js';
import type { Expectation } from './trial.js';

/** A row's share of a matrix. */
export interface Share {
  readonly row: number;
  /** [columns, terms] */
  readonly matrix: Float64Array;
  readonly weight: number;
  /** How far the kernel's weight may be off, relative to it. */
  readonly weightError?: number;
}

export interface MixtureBounds {
  readonly dtype: ActivationDtype;
  /** [rows, terms] */
  readonly input: Float64Array;
  readonly terms: number;
  readonly columns: number;
  readonly shares: readonly Share[];
  /** What the sum is added to. */
  readonly before: Float64Array | null;
  /** Rows of which nothing can be said: their routing hangs on a rounding. */
  readonly open?: ReadonlySet<number>;
}

export function expectMixture(bounds: MixtureBounds): Expectation {
  const { dtype, input, terms, columns, shares, before, open } = bounds;
  const want = before?.slice() ?? new Float64Array((input.length / terms) * columns);
  const magnitudes = absolute(want);
  const errors = new Float64Array(want.length);
  const numShares = new Uint32Array(want.length / columns);
  for (const { row, matrix, weight, weightError = 0 } of shares) {
    numShares[row] = (numShares[row] ?? 0) + 1;
    const own = input.subarray(row * terms, (row + 1) * terms);
    const dots = linearOutIn(own, matrix, null, terms);
    const sums = linearOutIn(absolute(own), absolute(matrix), null, terms);
    dots.forEach((dot, column) => {
      const at = row * columns + column;
      const magnitude = Math.abs(weight) * (sums[column] ?? 0);
      want[at] = (want[at] ?? 0) + weight * dot;
      magnitudes[at] = (magnitudes[at] ?? 0) + magnitude;
      errors[at] = (errors[at] ?? 0) + magnitude * (dotError(terms) + weightError);
    });
  }
  const blocks = Math.ceil(terms / 32);
  const tolerance = want.map((value, at) => {
    const row = Math.floor(at / columns);
    if (open?.has(row) === true) return Infinity;
    // Every block of every share is added to the running total.
    const additions = (blocks * (numShares[row] ?? 0) + 4) * FLOAT_ROUNDING;
    return storedError(dtype, value, (errors[at] ?? 0) + additions * (magnitudes[at] ?? 0));
  });
  return { output: 'output', element: dtype, want, tolerance };
}
