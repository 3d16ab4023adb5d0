// How ggml finds the scale of a block whose codes are k-bit numbers: it tries several and keeps what leaves the smallest weighted
// error. All arithmetic is float, each operation rounded, sums in the order of the values, as ggml's own C code computes without
// fused operations (ggml/src/ggml-quants.c, August 2026); with fused ones a few blocks in a hundred get other bytes.

import { clamp, roundEven } from '../rounding.js';
import { largestOf } from './block.js';

const float = Math.fround;

/** Blocks whose largest magnitude is smaller count as zero. */
export const SMALLEST = float(1e-15);

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? NaN;

export interface ScaledCodes {
  readonly scale: number;
  readonly codes: readonly number[];
}

export interface ScaledCodesAboveMin extends ScaledCodes {
  /** Subtracted: value = scale * code - min. Never negative. */
  readonly min: number;
}

export interface Trials {
  readonly largestCode: number;
  /** The inverse scales tried are (largestCode + first + i * step) / (high - min) for i = 0 ... count. */
  readonly first: number;
  readonly step: number;
  readonly count: number;
  readonly error: 'absolute' | 'squared';
}

/** Scale and min of a block, with the weighted error as small as the trials make it. */
export function fitScaleAndMin(
  values: Float32Array,
  weights: Float32Array,
  trials: Trials,
): ScaledCodesAboveMin {
  const { largestCode } = trials;
  const low = Math.min(0, ...values);
  const high = Math.max(...values);
  // Below about 1e-37 no inverse exists; half scales hold nothing as small.
  const hasInverse = Number.isFinite(float((2 * largestCode) / float(high - low)));
  if (!hasInverse) return { scale: 0, min: -low, codes: Array.from(values, () => 0) };

  const codesUnder = (inverse: number, min: number) =>
    Array.from(values, (value) => clamp(roundEven(float(inverse * float(value - min))), 0, largestCode));
  const errorOf = (codes: readonly number[], scale: number, min: number) =>
    values.reduce((sum, value, index) => {
      const difference = float(float(float(scale * at(codes, index)) + min) - value);
      const error = trials.error === 'absolute' ? Math.abs(difference) : float(difference * difference);
      return float(sum + float(at(weights, index) * error));
    }, 0);

  const sums = weightedSums(values, weights);
  const inverse = float(largestCode / float(high - low));
  let best = { scale: float(1 / inverse), min: low, codes: codesUnder(inverse, low) };
  let bestError = errorOf(best.codes, best.scale, best.min);
  for (let trial = 0; trial <= trials.count; trial += 1) {
    const extended = float(float(float(trials.first) + float(float(trials.step) * trial)) + largestCode);
    // The range runs from the best min so far, which may lie above the lowest value.
    const codes = codesUnder(float(extended / float(high - best.min)), best.min);
    const fit = leastSquares(values, weights, codes, sums);
    if (fit === null) continue;
    const error = errorOf(codes, fit.scale, fit.min);
    if (error < bestError) {
      best = { ...fit, codes };
      bestError = error;
    }
  }
  return { ...best, min: -best.min };
}

interface WeightedSums {
  readonly ofWeights: number;
  readonly ofValues: number;
}

function weightedSums(values: Float32Array, weights: Float32Array): WeightedSums {
  let [ofWeights, ofValues] = [0, 0];
  values.forEach((value, index) => {
    ofWeights = float(ofWeights + at(weights, index));
    ofValues = float(ofValues + float(at(weights, index) * value));
  });
  return { ofWeights, ofValues };
}

/** The scale and the (added) min, at most 0, that suit given codes best; null where the codes decide nothing. */
function leastSquares(
  values: Float32Array,
  weights: Float32Array,
  codes: readonly number[],
  { ofWeights, ofValues }: WeightedSums,
): { scale: number; min: number } | null {
  let [ofCodes, ofSquares, ofProducts] = [0, 0, 0];
  values.forEach((value, index) => {
    const code = at(codes, index);
    const weighted = float(at(weights, index) * code);
    ofCodes = float(ofCodes + weighted);
    ofSquares = float(ofSquares + float(weighted * code));
    ofProducts = float(ofProducts + float(weighted * value));
  });
  const determinant = float(float(ofWeights * ofSquares) - float(ofCodes * ofCodes));
  if (!(determinant > 0)) return null;
  const min = float(float(float(ofSquares * ofValues) - float(ofCodes * ofProducts)) / determinant);
  if (min > 0) return { scale: float(ofProducts / ofSquares), min: 0 };
  return {
    scale: float(float(float(ofWeights * ofProducts) - float(ofValues * ofCodes)) / determinant),
    min,
  };
}

/** Scale and codes of a block whose codes run from -size to size - 1, each error weighted with the square of the value. */
export function fitScale(values: Float32Array, size: number): ScaledCodes {
  const largest = largestOf(values);
  // Any code would do; ggml writes the lowest.
  if (Math.abs(largest) < SMALLEST) return { scale: 0, codes: Array.from(values, () => -size) };
  const codesUnder = (inverse: number) =>
    Array.from(values, (value) => clamp(roundEven(float(inverse * value)), -size, size - 1));
  const sumsOf = (codes: readonly number[]) => {
    let [products, squares] = [0, 0];
    values.forEach((value, index) => {
      const code = at(codes, index);
      const weight = float(value * value);
      products = float(products + float(float(weight * value) * code));
      squares = float(squares + float(float(weight * code) * code));
    });
    return { products, squares };
  };
  let codes = codesUnder(float(-size / largest));
  const first = sumsOf(codes);
  let scale = first.squares === 0 ? 0 : float(first.products / first.squares);
  let best = float(scale * first.products);
  for (let trial = -9; trial <= 9; trial += 1) {
    if (trial === 0) continue;
    const extended = float(size + float(float(0.1) * trial));
    const tried = codesUnder(float(-extended / largest));
    const { products, squares } = sumsOf(tried);
    if (squares > 0 && float(products * products) > float(best * squares)) {
      codes = tried;
      scale = float(products / squares);
      best = float(scale * products);
    }
  }
  return { scale, codes };
}

/** Scales that are none of them negative as whole multiples, up to `largestStep`, of one unit. */
export function scalesAsSteps(
  scales: readonly number[],
  largestStep: number,
): { unit: number; steps: readonly number[] } {
  const largest = Math.max(0, ...scales);
  if (largest === 0) return { unit: 0, steps: scales.map(() => 0) };
  const inverse = float(largestStep / largest);
  return {
    unit: float(largest / largestStep),
    steps: scales.map((scale) => clamp(roundEven(float(inverse * scale)), 0, largestStep)),
  };
}

/**
 * Scale and codes of a block whose codes run from -size to size - 1, improved one code at a time: of each the one that suits the
 * scale which the others leave, as long as something changes, at most five times.
 */
export function fitScaleByCode(values: Float32Array, size: number): ScaledCodes {
  const largest = largestOf(values);
  if (Math.abs(largest) < SMALLEST) return { scale: 0, codes: Array.from(values, () => -size) };
  const inverse = float(-size / largest);
  const codes = Array.from(values, (value) => clamp(roundEven(float(inverse * value)), -size, size - 1));
  /** What a value with a code adds to the sums of products and of squares. */
  const shareOf = (value: number, code: number) => {
    const weight = float(value * value);
    return { product: float(float(weight * value) * code), square: float(float(weight * code) * code) };
  };
  let [products, squares] = [0, 0];
  values.forEach((value, index) => {
    const { product, square } = shareOf(value, at(codes, index));
    products = float(products + product);
    squares = float(squares + square);
  });
  for (let round = 0; round < 5; round += 1) {
    let changes = 0;
    values.forEach((value, index) => {
      const old = shareOf(value, at(codes, index));
      const productsLeft = float(products - old.product);
      if (!(productsLeft > 0)) return;
      const squaresLeft = float(squares - old.square);
      const code = clamp(roundEven(float(float(value * squaresLeft) / productsLeft)), -size, size - 1);
      if (code === at(codes, index)) return;
      const { product, square } = shareOf(value, code);
      const [newProducts, newSquares] = [float(productsLeft + product), float(squaresLeft + square)];
      const isBetter =
        float(float(newProducts * newProducts) * squares) > float(float(products * products) * newSquares);
      if (!(newSquares > 0) || !isBetter) return;
      codes[index] = code;
      products = newProducts;
      squares = newSquares;
      changes += 1;
    });
    if (changes === 0) break;
  }
  return { scale: squares > 0 ? float(products / squares) : 0, codes };
}
