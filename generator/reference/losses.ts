// What training watches in a router: how evenly it loads its experts, how large its logits are, how sure it is.

import { softmaxOfPresent } from './router.js';

function rowsOf(logits: Float64Array, numExperts: number): Float64Array[] {
  const numTokens = logits.length / numExperts;
  return Array.from({ length: numTokens }, (_, token) =>
    logits.subarray(token * numExperts, (token + 1) * numExperts),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * num_experts * sum over experts of f * P, with f the expert's selections per token and P its mean probability. Perfect
 * balance gives top_k; no tokens give NaN.
 */
export function referenceLoadBalanceLoss(logits: Float64Array, selections: Uint32Array): number {
  const numExperts = selections.length;
  const rows = rowsOf(logits, numExperts).map(softmaxOfPresent);
  return selections.reduce((sum, count, expert) => {
    const probability = mean(rows.map((row) => row[expert] ?? NaN));
    return sum + numExperts * (count / rows.length) * probability;
  }, 0);
}

/** Mean over tokens of the squared logarithm of the sum of exponentials. */
export function referenceZLoss(logits: Float64Array, numExperts: number): number {
  return mean(rowsOf(logits, numExperts).map((row) => logSumExp(row) ** 2));
}

/** Mean over tokens of -sum of p * ln p; an expert with p = 0 adds nothing. */
export function referenceRouterEntropy(logits: Float64Array, numExperts: number): number {
  const entropies = rowsOf(logits, numExperts).map((row) =>
    softmaxOfPresent(row).reduce((sum, p) => sum - (p === 0 ? 0 : p * Math.log(p)), 0),
  );
  return mean(entropies);
}

function logSumExp(row: Float64Array): number {
  const highest = row.reduce((best, value) => Math.max(best, value), -Infinity);
  return highest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - highest), 0));
}
