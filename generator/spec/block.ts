// A MoE block in model-independent words: everything that a kernel, a reference or a manifest may ask about one layer's
// block, and nothing else. It is read from a model's configuration (models/) or from a file written by hand (read-block.ts).
// The schema is the only definition; the types are derived from it. In files the keys are written in snake_case.

import { z } from 'zod';
import { ACTIVATIONS } from './activations.js';

const size = z.int().positive();
const ratio = z.number().positive();

const activation = z.enum(ACTIVATIONS);

/**
 * How gate and up become the hidden activation.
 * - plain: act(gate) * up; without a gate matrix: act(up)
 * - clamp_before: act(min(gate, limit)) * clip(up, -limit, limit)
 * - clamp_after: min(act(gate), limit) * clip(up, -limit, limit)
 * - oai: g * sigmoid(alpha * g) * (clip(up, -limit, limit) + 1) with g = min(gate, limit)
 */
const glu = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('plain'), activation }),
  z.strictObject({ kind: z.literal('clamp_before'), activation, limit: ratio }),
  z.strictObject({ kind: z.literal('clamp_after'), activation, limit: ratio }),
  z.strictObject({ kind: z.literal('oai'), limit: ratio, alpha: ratio }),
]);

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
  scoring,
  /** A per-expert bias is added to the logits. */
  logitBias: z.boolean().default(false),
  /** A per-expert bias is added to the scores for selecting; the weights never see it. */
  selectionBias: z.boolean().default(false),
  groups: groups.nullable().default(null),
  selection: selection.default({ kind: 'top_k' }),
  /** Applied to the scores of the selected experts, before normalizing. */
  post: z.enum(['none', 'softmax', 'sigmoid']).default('none'),
  normalize: normalize.default({ kind: 'none' }),
  /** Multiplies the weights, after normalizing. */
  scale: z.number().default(1),
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
});

/** An expert that every token visits; its input is always the block's own. Its matrices lie as [out, in]. */
const shared = z.strictObject({
  intermediateSize: size,
  layout: z.enum(['separate', 'packed', 'ungated']).default('separate'),
  bias: z.boolean().default(false),
  glu: glu.default({ kind: 'plain', activation: 'silu' }),
  /** Its output is multiplied by sigmoid(x * v), v being one row of hidden_size values. */
  sigmoidGate: z.boolean().default(false),
  /** routed + shared, or half of that. */
  combine: z.enum(['sum', 'average']).default('sum'),
});

/** The experts work in a space of `size` dimensions: a projection before them, another after their weighted sum. */
const latent = z.strictObject({ size, bias: z.boolean().default(false) });

export const TENSOR_ROLES = [
  'router',
  'router_bias',
  'selection_bias',
  'token_table',
  'expert_gate_up',
  'expert_gate_up_bias',
  'expert_gate',
  'expert_gate_bias',
  'expert_up',
  'expert_up_bias',
  'expert_down',
  'expert_down_bias',
  'latent_in',
  'latent_in_bias',
  'latent_out',
  'latent_out_bias',
  'shared_gate_up',
  'shared_gate_up_bias',
  'shared_gate',
  'shared_gate_bias',
  'shared_up',
  'shared_up_bias',
  'shared_down',
  'shared_down_bias',
  'shared_sigmoid_gate',
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
