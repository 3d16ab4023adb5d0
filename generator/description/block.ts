// A MoE block in model-independent words: everything that a kernel, a reference or a manifest may ask about one layer's
// block, and nothing else. It is read from a model's configuration (models/) or from a file written by hand (read-block.ts).
// The schema is the only definition; the types are derived from it. In files the keys are written in snake_case.

import { z } from 'zod';
import { ACTIVATIONS } from './activations.js';

/** Kernels hold sizes as 32-bit numbers, and add the size of a tile to them. */
const size = z
  .int()
  .positive()
  .max(2 ** 31 - 1);
const ratio = z.number().positive();

const activation = z.enum(ACTIVATIONS);

/**
 * How gate and up become the hidden activation.
 * - plain: act(gate) * up; without a gate matrix: act(up)
 * - clamp_before: act(min(gate, limit)) * clip(up, -limit, limit)
 * - clamp_after: min(act(gate), limit) * clip(up, -limit, limit)
 * - oai: g * sigmoid(alpha * g) * (clip(up, -limit, limit) + 1) with g = min(gate, limit)
 * - situ: beta * tanh(gate / beta) * sigmoid(gate) * linear_beta * tanh(up / linear_beta)
 */
const glu = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('plain'), activation }),
  z.strictObject({ kind: z.literal('clamp_before'), activation, limit: ratio }),
  z.strictObject({ kind: z.literal('clamp_after'), activation, limit: ratio }),
  z.strictObject({ kind: z.literal('oai'), limit: ratio, alpha: ratio }),
  z.strictObject({ kind: z.literal('situ'), beta: ratio, linearBeta: ratio }),
]);

/** Each token over its root mean square: x / sqrt(mean(x^2) + epsilon), times a vector of weights. */
const norm = z.strictObject({ epsilon: z.number().nonnegative() });

/**
 * What a logit becomes. `raw` selects on the logits themselves. `sparsemixer` picks twice: the weight of a pick is its
 * softmax over the experts that lie within the relative margin 2 * epsilon of it and were not picked before.
 */
const scoring = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['softmax', 'sigmoid', 'sqrtsoftplus', 'raw']) }),
  z.strictObject({ kind: z.literal('sparsemixer'), epsilon: ratio }),
]);

/** Only the `keep` best of `count` equal, contiguous groups may be selected from; `score` says how a group is rated. */
const groups = z.strictObject({ count: size, keep: size, score: z.enum(['top2_sum', 'max']) });

/** `token_table` takes the experts of a token from row token_id of a table; an expert may then repeat within a token. */
const selection = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('top_k') }),
  z.strictObject({ kind: z.literal('token_table'), vocabSize: size }),
]);

/** w / (sum + epsilon), w / max(sum, floor), or w / (sum of |w|^p)^(1/p), over the selected experts of a token. */
const normalize = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('sum'), epsilon: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal('floor'), floor: ratio }),
  z.strictObject({ kind: z.literal('p_norm'), p: ratio }),
]);

const router = z.strictObject({
  /** What the router multiplies: the block's input, or states of its own, such as those before attention. */
  input: z.enum(['block', 'own']).default('block'),
  /** The router's input is normalised, and multiplied by a factor beside the weights of the norm. */
  norm: norm
    .extend({ factor: z.number().default(1) })
    .nullable()
    .default(null),
  scoring,
  /** A per-expert bias is added to the logits. */
  logitBias: z.boolean().default(false),
  /** Divides the logits, after the bias. */
  temperature: ratio.default(1),
  /** A logit becomes cap * tanh(logit / cap), after the temperature. */
  softcap: ratio.nullable().default(null),
  /** A per-expert bias is added to the scores for selecting; the weights never see it. */
  selectionBias: z.boolean().default(false),
  /** Tokens that are marked, such as those of images, are selected with another bias instead. */
  markedSelectionBias: z.boolean().default(false),
  groups: groups.nullable().default(null),
  selection: selection.default({ kind: 'top_k' }),
  /** Applied to the scores of the selected experts, before normalizing. */
  post: z.enum(['none', 'softmax', 'sigmoid']).default('none'),
  normalize: normalize.default({ kind: 'none' }),
  /** Multiplies the weights, after normalizing. */
  scale: z.number().default(1),
  /** A factor for each expert multiplies its weight, at the very end. */
  expertScale: z.boolean().default(false),
});

/** How the dimensions of a weight matrix lie: [out, in] computes x * W^T, [in, out] computes x * W. */
const order = z.enum(['out_in', 'in_out']);

const experts = z.strictObject({
  /** One matrix with the gate half first, one with gate and up alternating, two matrices, or no gate at all. */
  gateUp: z.enum(['concatenated', 'interleaved', 'separate', 'ungated']).default('concatenated'),
  gateUpOrder: order.default('out_in'),
  downOrder: order.default('out_in'),
  /** Gate, up and down each have a bias; that of down is multiplied by the expert's weight too. */
  bias: z.boolean().default(false),
  glu: glu.default({ kind: 'plain', activation: 'silu' }),
  /** What the routing weight multiplies: the output of down, or the input of gate and up. */
  weightOn: z.enum(['output', 'input']).default('output'),
  /** Of the experts' input; the router and the shared expert do not see it. */
  inputNorm: norm.nullable().default(null),
  /** Of the weighted sum of the routed experts, before `routed_scale`. */
  outputNorm: norm.nullable().default(null),
});

/** An expert that every token visits; its input is the block's own, perhaps normalised. Its matrices lie as [out, in]. */
const shared = z.strictObject({
  intermediateSize: size,
  layout: z.enum(['separate', 'packed', 'ungated']).default('separate'),
  bias: z.boolean().default(false),
  glu: glu.default({ kind: 'plain', activation: 'silu' }),
  /** Its output is multiplied by sigmoid(x * v), v being one row of hidden_size values. */
  sigmoidGate: z.boolean().default(false),
  /**
   * routed + shared; half of that; that over the square root of two; or both weighted by a softmax of two logits of the token,
   * the routed experts' first.
   */
  combine: z.enum(['sum', 'average', 'equal_power', 'softmax']).default('sum'),
  inputNorm: norm.nullable().default(null),
  outputNorm: norm.nullable().default(null),
});

/**
 * Each group of neighbouring experts has a smaller expert besides, of the same kind: whatever goes into an expert of the group goes into
 * it too, and its output times `scale` is added to that expert's output. Its matrices lie as [out, in].
 */
const adjugate = z.strictObject({
  expertsPerGroup: size,
  intermediateSize: size,
  /** Of gate and up, where the experts have a gate. */
  layout: z.enum(['separate', 'packed']).default('separate'),
  scale: z.number().default(1),
});

/** The experts work in a space of `size` dimensions: a projection before them, another after their weighted sum. */
const latent = z.strictObject({
  size,
  bias: z.boolean().default(false),
  /** Of the weighted sum, before the projection out. */
  norm: norm.nullable().default(null),
});

export const TENSOR_ROLES = [
  'router',
  'router_bias',
  'router_norm',
  'selection_bias',
  'marked_selection_bias',
  'expert_scale',
  'token_table',
  'expert_norm',
  'expert_gate_up',
  'expert_gate_up_bias',
  'expert_gate',
  'expert_gate_bias',
  'expert_up',
  'expert_up_bias',
  'expert_down',
  'expert_down_bias',
  'adjugate_gate_up',
  'adjugate_gate',
  'adjugate_up',
  'adjugate_down',
  'latent_in',
  'latent_in_bias',
  'latent_norm',
  'latent_out',
  'latent_out_bias',
  'routed_norm',
  'shared_norm',
  'shared_gate_up',
  'shared_gate_up_bias',
  'shared_gate',
  'shared_gate_bias',
  'shared_up',
  'shared_up_bias',
  'shared_down',
  'shared_down_bias',
  'shared_output_norm',
  'shared_sigmoid_gate',
  'shared_mix',
  'shared_mix_bias',
  'output_bias',
] as const;
export type TensorRole = (typeof TENSOR_ROLES)[number];

/** What a block is, without the tensors that hold its parameters. */
export const blockTraits = z.strictObject({
  hiddenSize: size,
  intermediateSize: size,
  /** Experts with weights. */
  numExperts: size,
  /** Further experts, numbered from `num_experts` on, that return their input; the router scores them like the others. */
  numZeroExperts: z.int().nonnegative().default(0),
  topK: size,
  router,
  experts: experts.prefault({}),
  adjugate: adjugate.nullable().default(null),
  latent: latent.nullable().default(null),
  /** Multiplies the weighted sum of the routed experts, not the shared expert. */
  routedScale: z.number().default(1),
  /** A bias of hidden_size values, added once per token after `routed_scale`. */
  outputBias: z.boolean().default(false),
  shared: shared.nullable().default(null),
});

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export type Activation = (typeof ACTIVATIONS)[number];
export type Glu = DeepReadonly<z.output<typeof glu>>;
export type Router = DeepReadonly<z.output<typeof router>>;
export type Experts = DeepReadonly<z.output<typeof experts>>;
export type Adjugate = DeepReadonly<z.output<typeof adjugate>>;
export type SharedExpert = DeepReadonly<z.output<typeof shared>>;
export type BlockTraits = DeepReadonly<z.output<typeof blockTraits>>;
/** The same, without what has a default. */
export type BlockTraitsInput = DeepReadonly<z.input<typeof blockTraits>>;

/** A tensor of the checkpoint, named within the block's module. */
export interface CheckpointTensor {
  /** `{expert}` in it means one tensor per expert, and a shape without that dimension. */
  readonly name: string;
  readonly shape: readonly number[];
}

export interface MoeBlock extends BlockTraits {
  /** Which tensor plays which role, for exactly the roles that this block has. */
  readonly tensors: Readonly<Partial<Record<TensorRole, CheckpointTensor>>>;
}
