// Compares what a kernel wrote with what the reference says, element by element, each within its own bound.

export interface Expected {
  /** Position of the element in the output, first dimension outermost. */
  readonly want: Float64Array;
  /** Largest absolute difference allowed; infinite where anything may stand. */
  readonly tolerance: Float64Array;
}

export interface Mismatch {
  readonly index: number;
  readonly got: number;
  readonly want: number;
  readonly tolerance: number;
}

export interface Comparison {
  readonly compared: number;
  readonly mismatches: number;
  /** The one that is furthest beyond its bound. */
  readonly worst: Mismatch | undefined;
  /** Largest difference as a share of its bound. */
  readonly usedShare: number;
}

export function compareValues(got: Float64Array, { want, tolerance }: Expected): Comparison {
  let mismatches = 0;
  let usedShare = 0;
  let worst: Mismatch | undefined;
  for (let index = 0; index < want.length; index += 1) {
    const share = shareOfBound(got[index] ?? NaN, want[index] ?? NaN, tolerance[index] ?? 0);
    if (share > 1) mismatches += 1;
    if (share > usedShare) {
      usedShare = share;
      worst = { index, got: got[index] ?? NaN, want: want[index] ?? NaN, tolerance: tolerance[index] ?? 0 };
    }
  }
  return { compared: want.length, mismatches, worst: mismatches === 0 ? undefined : worst, usedShare };
}

/** NaN must meet NaN, an infinity the same infinity; a difference within the bound is a share of at most 1. */
function shareOfBound(got: number, want: number, tolerance: number): number {
  if (tolerance === Infinity) return 0;
  if (Object.is(got, want) || got === want) return 0;
  if (Number.isNaN(got) || Number.isNaN(want) || !Number.isFinite(want)) return Infinity;
  const difference = Math.abs(got - want);
  return tolerance === 0 ? Infinity : difference / tolerance;
}
