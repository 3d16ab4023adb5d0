// What the drop-in router selects from one token's logits: softmax over all experts, the highest of them, and their weights. An
// expert whose logit is no number has no probability; infinities count as the largest numbers of float.

import { finite } from './router.js';

export interface DropInRouting {
  /** num_experts where a slot has no expert. */
  readonly ids: readonly number[];
  /** In the order of the ids; NaN where a logit that is no number left the slot empty, zero where there are fewer experts. */
  readonly weights: readonly number[];
  /** Of every expert. */
  readonly probabilities: readonly number[];
}

export function dropInRouting(given: readonly number[], topK: number): DropInRouting {
  const logits = given.map(finite);
  const candidates = logits.flatMap((logit, expert) => (Number.isNaN(logit) ? [] : [{ logit, expert }]));
  const highest = Math.max(...candidates.map(({ logit }) => logit));
  const scores = logits.map((logit) => (Number.isNaN(logit) ? 0 : Math.exp(logit - highest)));
  const total = scores.reduce((sum, score) => sum + score, 0);
  const probabilities = scores.map((score) => (total === 0 ? 0 : score / total));
  const chosen = candidates.sort((a, b) => b.logit - a.logit || a.expert - b.expert).slice(0, topK);
  const selected = chosen.reduce((sum, { expert }) => sum + (probabilities[expert] ?? 0), 0);
  const slots = Array.from({ length: topK }, (_, slot) => {
    const expert = chosen[slot]?.expert;
    if (expert !== undefined)
      return { id: expert, weight: (probabilities[expert] ?? 0) / Math.max(selected, 1e-8) };
    return { id: logits.length, weight: slot < logits.length ? NaN : 0 };
  });
  return { ids: slots.map(({ id }) => id), weights: slots.map(({ weight }) => weight), probabilities };
}
