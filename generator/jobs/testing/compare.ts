// Compares what a kernel left in a buffer with what it should have left, number by number, each within its tolerance.

import type { Layout } from '../layout.js';
import type { Scalar, ScalarValue } from '../scalars.js';
import type { Expectation } from '../schema.js';
import { decodeNumbers } from '../values.js';

export type Tolerance = Pick<Expectation, 'absolute' | 'relative' | 'ulp' | 'exact'>;

/** Of what a test does not say: those that PyTorch's `assert_close` has for its types. */
const USUAL: Readonly<Record<string, Required<Pick<Tolerance, 'absolute' | 'relative'>>>> = {
  f32: { absolute: 1e-5, relative: 1.3e-6 },
  f16: { absolute: 1e-5, relative: 1e-3 },
  bf16: { absolute: 1e-5, relative: 1.6e-2 },
};

export interface Difference {
  /** Of the element, first dimension outermost; behind it the place in the element, as `.x`. */
  readonly position: readonly number[];
  readonly path: string;
  readonly got: ScalarValue;
  readonly want: ScalarValue;
  /** What it may differ by; of ULPs in steps of the type. */
  readonly allowed: string;
}

export interface ComparedOutput {
  readonly compared: number;
  readonly differing: number;
  readonly first?: Difference;
  /** The one that is furthest off, where that is another one. */
  readonly worst?: Difference;
}

/** `want` may be more exact than the type of the output, which its numbers are rounded to where that is enough. */
export function compareOutput(
  { layout, shape }: { readonly layout: Layout; readonly shape: readonly number[] },
  bytes: Uint8Array,
  want: readonly ScalarValue[],
  tolerance: Tolerance,
): ComparedOutput {
  const got = decodeNumbers(layout, bytes);
  const perElement = layout.components.length;
  let differing = 0;
  let first: number | undefined;
  let worst: number | undefined;
  let most = 0;
  got.forEach((number, index) => {
    const scalar = layout.components[index % perElement]?.scalar;
    if (scalar === undefined) return;
    const excess = excessOf(scalar, number, want[index] ?? NaN, tolerance);
    if (excess <= 1) return;
    differing += 1;
    first ??= index;
    if (excess <= most) return;
    most = excess;
    worst = index;
  });
  const describe = (index: number): Difference => {
    const component = layout.components[index % perElement];
    return {
      position: positionIn(shape, Math.floor(index / perElement)),
      path: component?.path ?? '',
      got: got[index] ?? NaN,
      want: want[index] ?? NaN,
      allowed: component === undefined ? '' : allowance(component.scalar, want[index] ?? NaN, tolerance),
    };
  };
  return {
    compared: got.length,
    differing,
    ...(first !== undefined && { first: describe(first) }),
    ...(worst !== undefined && worst !== first && { worst: describe(worst) }),
  };
}

/** Above 1 where the number is beyond its tolerance: how many times. */
function excessOf(scalar: Scalar, got: ScalarValue, want: ScalarValue, tolerance: Tolerance): number {
  if (!scalar.isFloat) return wholeExcess(got, want, tolerance);
  const number = Number(got);
  const target = Number(want);
  const rounded = roundTo(scalar, target);
  if (Object.is(number, rounded) || (Number.isNaN(number) && Number.isNaN(target))) return 0;
  // Zeros of both signs are equal, but not bit for bit.
  if (number === rounded) return tolerance.exact === true ? Infinity : 0;
  if (!Number.isFinite(number) || !Number.isFinite(rounded)) return Infinity;
  const { bound, steps } = boundsOf(scalar, target, tolerance);
  const byBound = Math.abs(number - target) / bound;
  const byStep = steps === 0 ? Infinity : stepsBetween(scalar, number, rounded) / steps;
  return Math.min(Number.isNaN(byBound) ? Infinity : byBound, byStep);
}

function wholeExcess(got: ScalarValue, want: ScalarValue, tolerance: Tolerance): number {
  if (typeof want === 'number' && !Number.isInteger(want)) return Infinity;
  const distance = BigInt(got) - BigInt(want);
  const size = Number(distance < 0n ? -distance : distance);
  const bound = (tolerance.absolute ?? 0) + (tolerance.relative ?? 0) * Math.abs(Number(want));
  return size === 0 ? 0 : size / Math.max(bound, tolerance.ulp ?? 0);
}

function boundsOf(
  scalar: Scalar,
  want: number,
  tolerance: Tolerance,
): { readonly bound: number; readonly steps: number } {
  const { absolute, relative, ulp, exact } = tolerance;
  if (exact === true) return { bound: 0, steps: 0 };
  const isGiven = (absolute ?? relative ?? ulp) !== undefined;
  const usual = isGiven ? undefined : USUAL[scalar.short];
  const bound = (absolute ?? usual?.absolute ?? 0) + (relative ?? usual?.relative ?? 0) * Math.abs(want);
  return { bound, steps: ulp ?? 0 };
}

function allowance(scalar: Scalar, want: ScalarValue, tolerance: Tolerance): string {
  if (!scalar.isFloat || tolerance.exact === true) {
    const { absolute = 0, relative = 0, ulp = 0 } = tolerance;
    const bound = Math.max(absolute + relative * Math.abs(Number(want)), ulp);
    return bound === 0 ? 'nothing' : String(bound);
  }
  const { bound, steps } = boundsOf(scalar, Number(want), tolerance);
  return (
    [...(bound > 0 ? [bound.toPrecision(3)] : []), ...(steps > 0 ? [`${steps} ULP`] : [])].join(' or ') ||
    'nothing'
  );
}

const scratch = new DataView(new ArrayBuffer(8));

function roundTo(scalar: Scalar, value: number): number {
  scalar.write(scratch, 0, value);
  return Number(scalar.read(scratch, 0));
}

/** How many numbers of the type lie between, one of the ends counted. */
function stepsBetween(scalar: Scalar, a: number, b: number): number {
  return Math.abs(placeOf(scalar, a) - placeOf(scalar, b));
}

/** The number's place among all of its type in ascending order. */
function placeOf(scalar: Scalar, value: number): number {
  scalar.write(scratch, 0, value);
  const bits = scalar.bytes === 2 ? scratch.getUint16(0, true) : scratch.getUint32(0, true);
  const sign = 2 ** (scalar.bytes * 8 - 1);
  return bits >= sign ? sign - bits : bits;
}

function positionIn(shape: readonly number[], element: number): number[] {
  let rest = element;
  return shape
    .toReversed()
    .map((extent) => {
      const at = extent === 0 ? 0 : rest % extent;
      rest = extent === 0 ? 0 : Math.floor(rest / extent);
      return at;
    })
    .toReversed();
}
