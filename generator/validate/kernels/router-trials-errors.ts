// How far a right router may be from the reference, derived from the error of its logits and of the float operations after them.

import { referenceRouting, type RoutedBlock, type RoutingInputs } from '../../reference/router.js';
import type { Router } from '../../description/block.js';
import { FLOAT_ROUNDING, SMALLEST_NORMAL } from '../tolerance.js';

/** One token's logits and how wrong each may be. */
export interface LogitRow {
  readonly values: Float64Array;
  readonly error: number;
}

/** Of Metal's precise functions: 4 units in the last place for an exponential, 2.5 for a quotient; and of what stands around. */
const FUNCTION_ROUNDINGS = 2 * 4 + 2 * 2.5 + 3;
/** The precise power function of Metal is right to 16 units in the last place. */
const POWER_ROUNDINGS = 16 * 2;

/** Values that are no numbers count as none. */
function highestOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((best, value) => (value > best ? value : best), -Infinity);
}

/** Relative error of exp(x - highest) / sum, the sum being one of exponentials too. */
function shareError(distance: number, terms: number, inputError: number): number {
  // Logits that are given lie on a grid, on which differences are exact.
  const rounded = inputError === 0 ? 0 : 2 * distance;
  return 2 * inputError + (rounded + terms / 32 + 2 * FUNCTION_ROUNDINGS) * FLOAT_ROUNDING;
}

type Scoring = Router['scoring']['kind'] | 'topk_softmax';

function valueError(scoring: Scoring, value: number, distance: number, terms: number, error: number): number {
  switch (scoring) {
    case 'softmax':
    case 'topk_softmax':
    case 'sparsemixer':
      return value * shareError(distance, terms, error) + SMALLEST_NORMAL;
    case 'sigmoid':
      return value * (error + FUNCTION_ROUNDINGS * FLOAT_ROUNDING) + SMALLEST_NORMAL;
    case 'sqrtsoftplus':
      return value * (error + FUNCTION_ROUNDINGS * FLOAT_ROUNDING) + Math.sqrt(SMALLEST_NORMAL);
    case 'raw':
      return error;
  }
}

/** Errors of the weights of one token, NaN where a slot is empty. */
export function weightErrors(
  block: RoutedBlock,
  row: LogitRow,
  ids: ArrayLike<number>,
  inputs: RoutingInputs,
): number[] {
  const { router } = block;
  const plain = { ...router, normalize: { kind: 'none' }, scale: 1 } as const;
  const weights = Array.from(referenceRouting({ ...block, router: plain }, row.values, inputs).weights);
  const logits = Array.from(ids, (id) => row.values[id] ?? NaN);
  const highest = highestOf(router.post === 'softmax' ? logits : row.values);
  const scoring =
    router.post === 'none' ? router.scoring.kind : router.post === 'sigmoid' ? 'sigmoid' : 'topk_softmax';
  const errors = weights.map((weight, slot) =>
    valueError(scoring, weight, highest - (logits[slot] ?? NaN), row.values.length, row.error),
  );
  if (router.scoring.kind === 'sparsemixer') return errors;
  return normalizedErrors(router, weights, errors);
}

/** w / d * scale: to first order, with a tenth more for the rest. */
function normalizedErrors({ normalize, scale }: Router, weights: number[], errors: number[]): number[] {
  const divisor = divisorOf(normalize, weights, errors);
  const isVague = divisor.error > Math.abs(divisor.value) / 16;
  return weights.map((weight, slot) => {
    if (isVague) return Infinity;
    const share = Math.abs(weight / divisor.value);
    const error =
      (errors[slot] ?? NaN) / Math.abs(divisor.value) + share * (divisor.error / Math.abs(divisor.value));
    return Math.abs(scale) * (1.1 * error + 4 * FLOAT_ROUNDING * share + SMALLEST_NORMAL);
  });
}

function divisorOf(
  normalize: Router['normalize'],
  weights: number[],
  errors: number[],
): { value: number; error: number } {
  const filled = weights.filter((weight) => !Number.isNaN(weight));
  const sum = filled.reduce((total, weight) => total + weight, 0);
  const magnitude = filled.reduce((total, weight) => total + Math.abs(weight), 0);
  const inputError = errors.reduce((total, error) => total + (Number.isNaN(error) ? 0 : error), 0);
  const roundings = weights.length / 32 + 8;
  const sumError = inputError + roundings * FLOAT_ROUNDING * magnitude;
  switch (normalize.kind) {
    case 'none':
      return { value: 1, error: 0 };
    case 'sum':
      return {
        value: sum + normalize.epsilon,
        error: sumError + FLOAT_ROUNDING * (magnitude + normalize.epsilon),
      };
    case 'floor':
      return { value: Math.max(sum, normalize.floor), error: sumError };
    case 'p_norm': {
      const { p } = normalize;
      const norm = filled.reduce((total, weight) => total + Math.abs(weight) ** p, 0) ** (1 / p);
      // A norm never grows faster than the sum of the magnitudes.
      const relative = (2 * POWER_ROUNDINGS + roundings) * FLOAT_ROUNDING;
      return { value: norm, error: inputError + norm * relative };
    }
  }
}

/** What an expert, or a group, is chosen by. */
export interface Choice {
  readonly index: number;
  /** NaN for an expert that cannot be selected. */
  readonly value: number;
  readonly error: number;
  /** The same for choices that every right kernel finds equal. */
  readonly origin: string;
}

/** The choice of each expert. Without bias and groups the logits themselves decide. */
export function choicesOf(
  block: RoutedBlock,
  row: LogitRow,
  selectionBias: ArrayLike<number> | null,
): readonly Choice[] {
  const { router } = block;
  const usesLogits = selectionBias === null && router.groups === null;
  const scores = usesLogits ? row.values : scoresOf(block, row.values);
  const highest = highestOf(row.values);
  const kind = usesLogits ? 'raw' : router.scoring.kind;
  return Array.from(scores, (score, index) => {
    const logit = row.values[index] ?? NaN;
    const bias = selectionBias?.[index] ?? 0;
    const own = valueError(kind, score, highest - logit, scores.length, row.error);
    const roundings = usesLogits ? 0 : 2 * FLOAT_ROUNDING * (Math.abs(score) + Math.abs(bias));
    return { index, value: score + bias, error: own + roundings, origin: `${logit} ${bias}` };
  });
}

/** The reference's scores: those that it gives when it selects every expert. */
function scoresOf({ numExperts, numZeroExperts, router }: RoutedBlock, logits: Float64Array): Float64Array {
  const topK = numExperts + numZeroExperts;
  const everyExpert = {
    ...router,
    selectionBias: false,
    groups: null,
    selection: { kind: 'top_k' },
    post: 'none',
    normalize: { kind: 'none' },
    scale: 1,
  } as const;
  const inputs = { selectionBias: null, tokenTable: null, tokenIds: null };
  const { ids, weights } = referenceRouting(
    { numExperts, numZeroExperts, topK, router: everyExpert },
    logits,
    inputs,
  );
  const scores = new Float64Array(topK).fill(NaN);
  ids.forEach((id, slot) => {
    if (id < topK) scores[id] = weights[slot] ?? NaN;
  });
  return scores;
}
