// Parts that rows of the model table have in common: routers, experts, shared experts, and names of tensors.

import type { BlockTraitsInput, TensorRole } from '../block.js';
import type { LayerRule } from './layers.js';
import type { Keys, LayerConfig } from './config.js';
import {
  activation,
  choice,
  count,
  flag,
  natural,
  only,
  real,
  when,
  type Reader,
  type Template,
} from './readers.js';

type RouterTemplate = Template<BlockTraitsInput['router']>;
type ExpertsTemplate = Template<NonNullable<BlockTraitsInput['experts']>>;
type SharedInput = NonNullable<BlockTraitsInput['shared']>;
export type GluInput = NonNullable<SharedInput['glu']>;
type SharedTraits = Partial<{ readonly [K in keyof SharedInput]: Template<SharedInput[K]> }>;

/** Names of tensors within the block's module, with their shape where it is not the one that the role implies. */
export type TensorNames = Readonly<Partial<Record<TensorRole, string | TensorWithShape>>>;
interface TensorWithShape {
  readonly name: string;
  readonly shape: Template<readonly number[]>;
}

/** One row of the model table. */
export interface ModelRow {
  /** What `model_type` says, of the whole model and of its text part. */
  readonly types: readonly [string, ...string[]];
  readonly block: { readonly [K in keyof BlockTraitsInput]: Template<BlockTraitsInput[K]> };
  /** For every role that a block of this type can have. */
  readonly tensors: TensorNames;
  readonly layers: LayerRule;
  /** Tensors that lie in checkpoints, and that nothing reads, by the roles that they have in other models. */
  readonly ignored?: readonly TensorRole[];
  /** Experts of each pool, where tokens of text and of images have experts of their own; of one pool nothing. */
  readonly pools?: (config: LayerConfig) => readonly number[];
}

export const hiddenSize = count('hidden_size');
export const moeIntermediateSize = count('moe_intermediate_size');
export const intermediateSize = count('intermediate_size');
export const expertsPerToken = count('num_experts_per_tok');

export const NO_NORMALIZING = { kind: 'none' } as const;
export const SUM = { kind: 'sum', epsilon: 0 } as const;
export const SUM_1E20 = { kind: 'sum', epsilon: 1e-20 } as const;
export const plainGlu = { kind: 'plain', activation: activation('hidden_act', 'silu') } as const;

/** Softmax over all experts, the best of them, their weights divided by their sum. */
export const softmaxRouter = {
  scoring: { kind: 'softmax' },
  normalize: SUM,
} as const satisfies RouterTemplate;

/** The same with the division left to `norm_topk_prob`. */
export function softmaxRouterWithSwitch(ifAbsent: boolean): RouterTemplate {
  return {
    scoring: { kind: 'softmax' },
    normalize: when(flag('norm_topk_prob', ifAbsent), SUM, NO_NORMALIZING),
  };
}

/** The best logits, their weights a softmax over themselves. */
export const softmaxOfSelected = {
  scoring: { kind: 'raw' },
  post: 'softmax',
} as const satisfies RouterTemplate;

/** Keys that could name another scoring than the sigmoid that the type has. */
const sigmoidScoring = {
  kind: choice(
    ['scoring_func', 'score_function', 'moe_router_activation_func'],
    // dots.llm1 names the way of choosing where the scoring is asked for.
    { sigmoid: 'sigmoid', noaux_tc: 'sigmoid' },
    'sigmoid',
  ),
} as const;

/** Sigmoid scores, chosen with a bias, weights divided by their sum. */
export const biasedSigmoidRouter = {
  scoring: sigmoidScoring,
  selectionBias: true,
  normalize: SUM,
} as const satisfies RouterTemplate;

/** What DeepSeek calls a choice with a bias that no loss trains. */
const biasedTopK = choice('topk_method', { noaux_tc: true }, 'noaux_tc');

/** Weights over their sum if the switch says so; a single weight stays what it is. */
export function sumOfSeveral(isNormalized: Reader<boolean>, topK: Reader<number> = expertsPerToken) {
  return when((config) => isNormalized(config) && topK(config) > 1, SUM_1E20, NO_NORMALIZING);
}

interface GroupedRouterKeys {
  readonly groups: Keys;
  readonly normalize: Keys;
}

interface GroupedRouterDefaults {
  readonly count: number;
  readonly keep: number;
  readonly normalize: boolean;
  readonly scale: number;
}

/** Sigmoid scores, chosen with a bias within the groups whose two best sum up highest. */
export function groupedSigmoidRouter(
  defaults: GroupedRouterDefaults,
  keys: GroupedRouterKeys = { groups: 'n_group', normalize: 'norm_topk_prob' },
): RouterTemplate {
  return {
    scoring: sigmoidScoring,
    selectionBias: biasedTopK,
    groups: groupsIfSome(
      natural(keys.groups, defaults.count),
      natural('topk_group', defaults.keep),
      'top2_sum',
    ),
    normalize: when(flag(keys.normalize, defaults.normalize), SUM_1E20, NO_NORMALIZING),
    scale: real('routed_scaling_factor', defaults.scale),
  };
}

/** Keeping all groups is no limit. */
export function groupsIfSome(
  groupCount: Reader<number>,
  keep: Reader<number>,
  score: 'top2_sum' | 'max',
): Template<BlockTraitsInput['router']['groups']> {
  return (config: LayerConfig) => {
    const isLimit = keep(config) !== groupCount(config);
    return isLimit ? { count: groupCount, keep, score } : null;
  };
}

export const plainExperts: ExpertsTemplate = { glu: plainGlu };

/** Several shared experts, each as wide as a routed one, in one MLP; null if there are none. */
export function sharedExperts(
  keys: Keys,
  ifAbsent: number,
  traits: SharedTraits = {},
  width: Reader<number> = moeIntermediateSize,
): Template<SharedInput | null> {
  const number = natural(keys, ifAbsent);
  const some = { intermediateSize: product(number, width), glu: plainGlu, ...traits };
  return when((config) => number(config) > 0, some, null);
}

/** 0 stands for no cap. */
export function softcapAt(key: string, ifAbsent: number): Reader<number | null> {
  const cap = real(key, ifAbsent);
  return (config) => (cap(config) > 0 ? cap(config) : null);
}

/** Models without shared experts, whose configurations still may have the key. */
export function noShared(key: string): Template<null> {
  return when((config) => only(natural(key, 0), key, 0)(config) === 0, null, null);
}

export function product(a: Reader<number>, b: Reader<number>): Reader<number> {
  return (config) => a(config) * b(config);
}

export const STACKED = {
  expert_gate_up: 'experts.gate_up_proj',
  expert_down: 'experts.down_proj',
} as const satisfies TensorNames;

export const GATE_AND_STACKED = { router: 'gate.weight', ...STACKED } as const satisfies TensorNames;

/** Names of the MLP in the given submodule. */
export function sharedNames(module: string): TensorNames {
  return {
    shared_gate: `${module}.gate_proj.weight`,
    shared_gate_bias: `${module}.gate_proj.bias`,
    shared_up: `${module}.up_proj.weight`,
    shared_up_bias: `${module}.up_proj.bias`,
    shared_down: `${module}.down_proj.weight`,
    shared_down_bias: `${module}.down_proj.bias`,
  };
}

export const CORRECTED_GATE = {
  ...GATE_AND_STACKED,
  selection_bias: 'gate.e_score_correction_bias',
} as const satisfies TensorNames;

export const SHARED_EXPERTS = sharedNames('shared_experts');
export const SHARED_EXPERT = sharedNames('shared_expert');
