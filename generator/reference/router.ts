// Router logits into the experts of each token and their weights, in plain loops.
//
// Ties go to the lowest index, among experts and among groups. An expert whose logit is NaN counts as absent: it has no
// probability and is never selected; infinities count as the largest numbers of float. One whose selection bias is NaN has its probability, but is never selected either. A slot
// that cannot be filled gets the id after the last expert, num_experts + num_zero_experts, and the weight NaN; the other slots
// of its token are weighted without it.

import type { MoeBlock, Router } from '../description/block.js';
import { sigmoid, softplus } from './activations.js';

export type RoutedBlock = Pick<MoeBlock, 'numExperts' | 'numZeroExperts' | 'topK' | 'router'>;

export interface RoutingInputs {
  /** One value per expert, or null where the router has no selection bias. */
  readonly selectionBias: ArrayLike<number> | null;
  /** The same for marked tokens, and which tokens are marked, where the router tells them apart. */
  readonly markedSelectionBias?: ArrayLike<number> | null;
  readonly tokenMarks?: ArrayLike<number> | null;
  /** A factor for each expert's weight. */
  readonly expertScale?: ArrayLike<number> | null;
  /** [vocab_size, top_k] expert ids and the id of each token, where the experts come from a table. */
  readonly tokenTable: ArrayLike<number> | null;
  readonly tokenIds: ArrayLike<number> | null;
}

export interface Routing {
  readonly numTokens: number;
  readonly topK: number;
  /** [tokens, top_k], in the order of selection. */
  readonly ids: Uint32Array;
  readonly weights: Float64Array;
}

interface Slot {
  readonly id: number;
  readonly weight: number;
}

/** `logits` are [tokens, experts]. */
export function referenceRouting(block: RoutedBlock, logits: Float64Array, inputs: RoutingInputs): Routing {
  const { topK } = block;
  const numScored = block.numExperts + block.numZeroExperts;
  const numTokens = logits.length / numScored;
  const ids = new Uint32Array(numTokens * topK).fill(numScored);
  const weights = new Float64Array(numTokens * topK).fill(NaN);
  for (let token = 0; token < numTokens; token += 1) {
    const row = logits.subarray(token * numScored, (token + 1) * numScored);
    routeToken(block, row, inputs, token).forEach(({ id, weight }, slot) => {
      ids[token * topK + slot] = id;
      weights[token * topK + slot] = weight;
    });
  }
  return { numTokens, topK, ids, weights };
}

const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** Infinities become the largest numbers of float; NaN stays. */
export function finite(value: number): number {
  return Math.min(Math.max(value, -LARGEST), LARGEST);
}

function routeToken(block: RoutedBlock, given: Float64Array, inputs: RoutingInputs, token: number): Slot[] {
  const { router, topK } = block;
  const logits = given.map(finite);
  if (router.scoring.kind === 'sparsemixer') return pickBySparsemixer(logits, topK, router.scoring.epsilon);
  const scores = scoreLogits(router.scoring.kind, logits);
  // In order of rank, which probabilities that are too small for any number no longer show.
  const ranks = router.scoring.kind === 'softmax' && isRankedAlone(router) ? logits : scores;
  const selected = selectExperts(block, ranks, inputs, token);
  const weights = selected.map((id) => scores[id] ?? NaN);
  const finished = normalizeWeights(router.normalize, applyPost(router.post, weights)).map(
    (w) => w * router.scale,
  );
  return selected.map((id, slot) => ({
    id,
    weight: (finished[slot] ?? NaN) * (inputs.expertScale == null ? 1 : (inputs.expertScale[id] ?? NaN)),
  }));
}

/** Whether nothing but its own score decides an expert's rank. */
function isRankedAlone({ selectionBias, groups, selection }: Router): boolean {
  return !selectionBias && groups === null && selection.kind === 'top_k';
}

/** Scores of absent experts are NaN. */
function scoreLogits(
  kind: Exclude<Router['scoring']['kind'], 'sparsemixer'>,
  logits: Float64Array,
): Float64Array {
  switch (kind) {
    case 'softmax':
      return softmaxOfPresent(logits);
    case 'sigmoid':
      return logits.map(sigmoid);
    case 'sqrtsoftplus':
      return logits.map((logit) => Math.sqrt(softplus(logit)));
    case 'raw':
      return logits;
  }
}

/** Softmax over the values that are numbers; NaN stays NaN. */
export function softmaxOfPresent(values: Float64Array): Float64Array {
  const present = values.filter((value) => !Number.isNaN(value));
  const highest = present.reduce((best, value) => Math.max(best, value), -Infinity);
  const sum = present.reduce((total, value) => total + Math.exp(value - highest), 0);
  return values.map((value) => Math.exp(value - highest) / sum);
}

function selectExperts(
  block: RoutedBlock,
  scores: Float64Array,
  inputs: RoutingInputs,
  token: number,
): number[] {
  const { router, topK } = block;
  if (router.selection.kind === 'token_table') {
    return lookUpExperts(scores, inputs, token, topK);
  }
  const isMarked = router.markedSelectionBias && (inputs.tokenMarks?.[token] ?? 0) !== 0;
  const bias = isMarked ? inputs.markedSelectionBias : inputs.selectionBias;
  const choice = scores.map((score, id) => finite(score + (router.selectionBias ? (bias?.[id] ?? NaN) : 0)));
  if (router.groups !== null) dropGroups(choice, router.groups);
  return topIndices(choice, topK);
}

/** A slot whose expert is absent gets the id after the last expert, whose score is nothing. */
function lookUpExperts(scores: Float64Array, inputs: RoutingInputs, token: number, topK: number): number[] {
  const row = inputs.tokenIds?.[token] ?? NaN;
  return Array.from({ length: topK }, (_, slot) => {
    const id = inputs.tokenTable?.[row * topK + slot] ?? scores.length;
    return Number.isNaN(scores[id] ?? NaN) ? scores.length : id;
  });
}

/** Experts outside the groups that are kept become NaN, which is absent. */
function dropGroups(choice: Float64Array, groups: NonNullable<Router['groups']>): void {
  const groupSize = choice.length / groups.count;
  const ratings = Float64Array.from({ length: groups.count }, (_, group) => {
    const members = choice.subarray(group * groupSize, (group + 1) * groupSize);
    return topIndices(members, groups.score === 'max' ? 1 : 2)
      .map((id) => members[id] ?? NaN)
      .reduce((sum, value) => sum + value, 0);
  });
  const kept = new Set(topIndices(ratings, groups.keep));
  choice.forEach((_, id) => {
    if (!kept.has(Math.floor(id / groupSize))) choice[id] = NaN;
  });
}

/** Indices of the `count` highest values, highest first, of equal ones the lowest index first; never that of a NaN. */
function topIndices(values: Float64Array, count: number): number[] {
  const present = Array.from(values.keys()).filter((index) => !Number.isNaN(values[index]));
  return present.sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b).slice(0, count);
}

function applyPost(post: Router['post'], weights: number[]): number[] {
  switch (post) {
    case 'none':
      return weights;
    case 'softmax':
      return Array.from(softmaxOfPresent(Float64Array.from(weights)));
    case 'sigmoid':
      return weights.map(sigmoid);
  }
}

function normalizeWeights(normalize: Router['normalize'], weights: number[]): number[] {
  const divisor = weightDivisor(normalize, weights);
  return weights.map((weight) => weight / divisor);
}

function weightDivisor(normalize: Router['normalize'], weights: number[]): number {
  const filled = weights.filter((weight) => !Number.isNaN(weight));
  const sum = filled.reduce((total, weight) => total + weight, 0);
  switch (normalize.kind) {
    case 'none':
      return 1;
    case 'sum':
      return sum + normalize.epsilon;
    case 'floor':
      return Math.max(sum, normalize.floor);
    case 'p_norm':
      return (
        filled.reduce((total, weight) => total + Math.abs(weight) ** normalize.p, 0) ** (1 / normalize.p)
      );
  }
}

/** Each round picks the highest logit still there; its rivals are judged by the original logits. */
function pickBySparsemixer(logits: Float64Array, topK: number, epsilon: number): Slot[] {
  const picks: Slot[] = [];
  const live = logits.slice();
  for (let round = 0; round < topK; round += 1) {
    const [best] = topIndices(live, 1);
    if (best === undefined) break;
    const highest = live[best] ?? NaN;
    const rivals = live.map((value, id) => {
      const logit = logits[id] ?? NaN;
      const isFar = (highest - logit) / Math.max(Math.abs(logit), highest) > 2 * epsilon;
      return isFar ? NaN : value;
    });
    picks.push({ id: best, weight: softmaxOfPresent(rivals)[best] ?? NaN });
    live[best] = NaN;
  }
  return picks;
}
