// Errors in units in the last place: how many steps of the output's type lie between what came out and the exact result.

import type { ElementType } from '../description/dtypes.js';
import { SMALLEST_NORMAL } from './tolerance.js';

/** Counted up to and with each of these; the last takes the rest. */
export const ULP_LIMITS = [0, 0.5, 1, 2, 4, 16, 256, Infinity] as const;

export interface UlpCounts {
  readonly largest: number;
  /** Values by the first of `ULP_LIMITS` that their error does not exceed. */
  readonly counts: readonly number[];
}

/** The distance from 1 to the next number, and the smallest step that counts: below the normal floats lies what GPUs flush. */
const STEPS: Readonly<Partial<Record<ElementType, { readonly atOne: number; readonly smallest: number }>>> = {
  f16: { atOne: 2 ** -10, smallest: 2 ** -24 },
  bf16: { atOne: 2 ** -7, smallest: SMALLEST_NORMAL },
  f32: { atOne: 2 ** -23, smallest: SMALLEST_NORMAL },
};

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);
const HIGH = new Uint32Array(new Float64Array([1]).buffer)[1] === 0 ? 0 : 1;

/** The largest power of two that is not above it. */
function powerBelow(value: number): number {
  number[0] = value;
  words[1 - HIGH] = 0;
  words[HIGH] = (words[HIGH] ?? 0) & 0x7ff00000;
  return number[0];
}

/** What may be anything, and what is not a number, has no error. */
export function countUlps(
  element: ElementType,
  got: Float64Array,
  { want, tolerance }: { readonly want: Float64Array; readonly tolerance: Float64Array },
): UlpCounts {
  const steps = STEPS[element];
  const counts: number[] = ULP_LIMITS.map(() => 0);
  let largest = 0;
  for (let index = 0; index < want.length; index += 1) {
    const exact = want[index] ?? NaN;
    const difference = Math.abs((got[index] ?? NaN) - exact);
    if (!(difference < Infinity) || tolerance[index] === Infinity) continue;
    const step = steps === undefined ? 1 : Math.max(powerBelow(exact) * steps.atOne, steps.smallest);
    const ulps = difference / step;
    if (ulps > largest) largest = ulps;
    const at = ULP_LIMITS.findIndex((limit) => ulps <= limit);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return { largest, counts };
}

export function sumUlps(parts: readonly UlpCounts[]): UlpCounts {
  return {
    largest: parts.reduce((most, { largest }) => Math.max(most, largest), 0),
    counts: ULP_LIMITS.map((_, at) => parts.reduce((sum, { counts }) => sum + (counts[at] ?? 0), 0)),
  };
}
