// How far a right kernel may be from the exact result, derived from how it computes rather than chosen: every bound is a sum of
// rounding errors of 2^-24 of what is rounded (float), and of one rounding to the stored type.

import type { ActivationDtype } from '../description/dtypes.js';
import { roundElements } from './elements.js';

/** Half of the distance from 1 to the next float. */
export const FLOAT_ROUNDING = 2 ** -24;

/** Terms that are summed before their sum is added to the running total. */
const BLOCK_TERMS = 32;

const STORAGE_ROUNDING: Readonly<Record<ActivationDtype, number>> = {
  f16: 2 ** -11,
  bf16: 2 ** -8,
  f32: 2 ** -24,
};

/** The smallest normal float: GPUs take what is below for zero, in operands and results, unless it is half. */
export const SMALLEST_NORMAL = 2 ** -126;

/**
 * Where the relative precision of a type ends: half of the smallest step of half, and of the others, which have the range of
 * float, what flushing may lose.
 */
const SMALLEST_STEP: Readonly<Record<ActivationDtype, number>> = {
  f16: 2 ** -25,
  bf16: SMALLEST_NORMAL,
  f32: SMALLEST_NORMAL,
};

/**
 * Error of a dot product over its sum of magnitudes: a term passes through at most all additions of its block and of all
 * blocks. Three more roundings cover what surrounds the sum.
 */
export function dotError(terms: number): number {
  return (Math.min(terms, BLOCK_TERMS) + Math.ceil(terms / BLOCK_TERMS) + 3) * FLOAT_ROUNDING;
}

/** Error of a value that is known up to `error` and then stored. */
export function storedError(dtype: ActivationDtype, want: number, error: number): number {
  return error + STORAGE_ROUNDING[dtype] * (Math.abs(want) + error) + SMALLEST_STEP[dtype];
}

/** The same to the last bit, as the middle of all that a right kernel may store and the distance to its ends. */
export function storedRange(dtype: ActivationDtype, want: number, error: number): [number, number] {
  const reach = error + SMALLEST_NORMAL;
  const [low = NaN, high = NaN] = roundElements(dtype, [want - reach, want + reach]);
  return [(low + high) / 2, (high - low) / 2];
}

/** Magnitudes; `values.map(Math.abs)` takes ten times as long, and this is most of what a trial costs. */
export function absolute(values: ArrayLike<number>): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i += 1) out[i] = Math.abs(values[i] ?? 0);
  return out;
}

export function absoluteOrNull(values: ArrayLike<number> | null): Float64Array | null {
  return values === null ? null : absolute(values);
}
