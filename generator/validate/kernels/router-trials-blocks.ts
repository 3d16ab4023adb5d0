// The routers that a variant is tried with: each option off, on, and on beside others that are off; and what a router reads beside
// its logits.

import { MAX_EXPERTS } from '../../plan/constants.js';
import type { RoutedBlock, RoutingInputs } from '../../reference/router.js';
import type { Router } from '../../description/block.js';
import type { RouterVariant } from '../../description/routers.js';
import type { Inputs } from '../job.js';
import type { Random } from '../random.js';
import type { KernelCase } from './cases.js';
import { spoilBias } from './nonfinite-numbers.js';
import { store } from './trial.js';

interface Options {
  readonly hasZeroExperts: boolean;
  readonly logitBias: boolean;
  readonly selectionBias: boolean;
  readonly normalize: Router['normalize'];
  readonly scale: number;
  /** At most so many groups. */
  readonly groups: number;
}

const OPTIONS: readonly Options[] = [
  {
    hasZeroExperts: false,
    logitBias: false,
    selectionBias: false,
    normalize: { kind: 'none' },
    scale: 1,
    groups: 1,
  },
  {
    hasZeroExperts: true,
    logitBias: true,
    selectionBias: true,
    normalize: { kind: 'sum', epsilon: 0.125 },
    scale: 2.5,
    groups: 8,
  },
  {
    hasZeroExperts: false,
    logitBias: true,
    selectionBias: false,
    normalize: { kind: 'sum', epsilon: 0 },
    scale: 1,
    groups: 32,
  },
];

const VOCAB_SIZE = 50;

/** All of these numbers are floats. */
const FIXED_NORMALIZE = {
  none: { kind: 'none' },
  floor: { kind: 'floor', floor: 0.375 },
  p_norm: { kind: 'p_norm', p: 1.5 },
} as const;
const GROUP_SCORES = { top2_groups: 'top2_sum', max_groups: 'max', top_k: null, table: null } as const;
const SPARSEMIXER_EPSILON = 0.0625;

export function blocksOf(variant: RouterVariant, { numExperts, topK }: KernelCase): RoutedBlock[] {
  return OPTIONS.map((options) => {
    const numZeroExperts = options.hasZeroExperts
      ? Math.min(Math.ceil(numExperts / 2), MAX_EXPERTS - numExperts)
      : 0;
    const router = routerOf(variant, options, numExperts + numZeroExperts, topK);
    return { numExperts, numZeroExperts, topK, router };
  });
}

/** What the general set does not have. */
const PLAIN_ROUTER = {
  input: 'block',
  norm: null,
  temperature: 1,
  softcap: null,
  markedSelectionBias: false,
  expertScale: false,
} as const;

function routerOf(variant: RouterVariant, options: Options, numScored: number, topK: number): Router {
  const { scoring, post, selection } = variant;
  const isTopK = selection !== 'table' && scoring !== 'sparsemixer';
  const score = GROUP_SCORES[selection];
  return {
    ...PLAIN_ROUTER,
    scoring: scoring === 'sparsemixer' ? { kind: scoring, epsilon: SPARSEMIXER_EPSILON } : { kind: scoring },
    logitBias: options.logitBias,
    selectionBias: isTopK && options.selectionBias,
    groups: score === null ? null : { ...groupsFor(numScored, topK, options.groups), score },
    selection: selection === 'table' ? { kind: 'token_table', vocabSize: VOCAB_SIZE } : { kind: 'top_k' },
    post,
    normalize: variant.normalize === 'sum' ? options.normalize : FIXED_NORMALIZE[variant.normalize],
    scale: scoring === 'sparsemixer' ? 1 : options.scale,
  };
}

/** The most groups of at least two experts, and as few of them as hold top_k experts. */
function groupsFor(numScored: number, topK: number, most: number): { count: number; keep: number } {
  const isCount = (count: number) => numScored % count === 0 && numScored / count >= 2;
  const counts = Array.from({ length: most }, (_, index) => most - index);
  const count = counts.find(isCount) ?? 1;
  return { count, keep: Math.ceil((topK * count) / numScored) };
}

/** What a router reads beside its logits. */
export function routingInputs(
  { numExperts, numZeroExperts, topK, router }: RoutedBlock,
  { numTokens, routing, numbers }: KernelCase,
  random: Random,
): { readonly reference: RoutingInputs; readonly bytes: Inputs } {
  const numScored = numExperts + numZeroExperts;
  const bias = router.selectionBias ? store('f32', biasesOf(routing, numbers, numScored, random)) : null;
  const vocabSize = router.selection.kind === 'token_table' ? router.selection.vocabSize : 0;
  const table = vocabSize > 0 ? store('u32', tableOf(vocabSize, numScored, topK, random)) : null;
  const ids = table === null ? null : store('u32', tokenIds(numTokens, vocabSize, random));
  return {
    reference: {
      selectionBias: bias?.values ?? null,
      tokenTable: table?.values ?? null,
      tokenIds: ids?.values ?? null,
    },
    bytes: {
      ...(bias !== null && { selection_bias: bias.bytes }),
      ...(table !== null && { token_table: table.bytes }),
      ...(ids !== null && { token_ids: ids.bytes }),
    },
  };
}

/** One token is in no row of the table. */
function tokenIds(numTokens: number, vocabSize: number, random: Random): number[] {
  return Array.from({ length: numTokens }, (_, token) => (token === 6 ? vocabSize : random.below(vocabSize)));
}

/**
 * Biases that change the selection: few different ones where ties are wanted; negative ones where experts are missing, so that
 * a group without any expert rates above the others, and one of them NaN, for an expert whose logit is a number.
 */
function biasesOf(
  routing: KernelCase['routing'],
  numbers: KernelCase['numbers'],
  numScored: number,
  random: Random,
): Float32Array {
  const spread = random.spread(numScored, 0.5);
  if (numbers === 'nonfinite') spoilBias(spread, numScored);
  if (routing === 'ties') return spread.map((_, expert) => (expert % 2) / 4);
  return routing === 'nan' ? spread.map((bias, expert) => (expert === 1 ? NaN : bias - 2)) : spread;
}

/** Experts may repeat in a row; some ids are no expert. */
function tableOf(vocabSize: number, numScored: number, topK: number, random: Random): number[] {
  const entry = () => {
    if (random.below(40) > 0) return random.below(numScored);
    return random.below(2) === 0 ? numScored : 2 ** 32 - 1;
  };
  return Array.from({ length: vocabSize * topK }, entry);
}
