// The function constants: a name has the same index in every kernel, so that a host can bind one set of values for all.

import type { MoeBlock } from '../spec/block.js';
import type { GenerationSpec } from '../spec/generation.js';
import type { FunctionConstant } from './types.js';

const CONSTANTS = {
  hidden_size: { index: 0, type: 'uint', note: 'width of the model' },
  intermediate_size: { index: 1, type: 'uint', note: 'inner width of one expert' },
  num_experts: { index: 2, type: 'uint', note: 'at most 1,024' },
  top_k: { index: 3, type: 'uint', note: 'experts per token' },
  norm_topk_prob: { index: 4, type: 'bool', note: 'weights of a token sum to one' },
  has_router_bias: { index: 5, type: 'bool', note: 'router_bias is added' },
  block_m: { index: 6, type: 'uint', note: 'rows per tile' },
  block_n: { index: 7, type: 'uint', note: 'columns per tile' },
  num_zero_experts: {
    index: 20,
    type: 'uint',
    note: 'experts without weights, numbered last',
  },
  has_selection_bias: { index: 21, type: 'bool', note: 'selection_bias is added to choose' },
  num_groups: { index: 22, type: 'uint', note: 'of neighbouring experts, at most 32' },
  top_groups: { index: 23, type: 'uint', note: 'groups that may be selected from' },
  vocab_size: { index: 24, type: 'uint', note: 'rows of token_table' },
  norm_epsilon: { index: 25, type: 'float', note: 'added to the sum of the weights' },
  norm_floor: { index: 26, type: 'float', note: 'least divisor of the weights' },
  norm_p: { index: 27, type: 'float', note: 'power of the norm of the weights' },
  weight_scale: { index: 28, type: 'float', note: 'multiplies the weights' },
  sparsemixer_epsilon: { index: 29, type: 'float', note: 'half the relative margin of a rival' },
  latent_size: { index: 40, type: 'uint', note: 'width in which the experts work' },
  shared_intermediate_size: { index: 41, type: 'uint', note: 'inner width of the shared expert' },
  swiglu_limit: { index: 42, type: 'float', note: 'limit of gate and up' },
  swiglu_alpha: { index: 43, type: 'float', note: 'factor within the sigmoid' },
  shared_swiglu_limit: { index: 44, type: 'float', note: "limit of the shared expert's gate and up" },
  shared_swiglu_alpha: { index: 45, type: 'float', note: "factor within the shared expert's sigmoid" },
  has_zero_experts: { index: 46, type: 'bool', note: 'zero experts return their input' },
  routed_scale: { index: 47, type: 'float', note: 'multiplies the weighted sum' },
  has_output_bias: { index: 48, type: 'bool', note: 'output_bias is added' },
  has_shared_expert: { index: 49, type: 'bool', note: 'shared_output is added' },
  has_shared_sigmoid: { index: 50, type: 'bool', note: 'it has the factor shared_sigmoid' },
  output_scale: { index: 51, type: 'float', note: 'multiplies the whole sum' },
} as const satisfies Record<string, Omit<FunctionConstant, 'name'>>;

export type ConstantName = keyof typeof CONSTANTS;

/** The constants of a kernel; for a given block those that it fixes have their values. */
export function constants({ block }: GenerationSpec, ...names: readonly ConstantName[]): FunctionConstant[] {
  const fixed = block === null ? {} : blockConstants(block);
  return names.map((name) => {
    const value = fixed[name];
    return { name, ...CONSTANTS[name], ...(value === undefined ? {} : { value }) };
  });
}

/** What a block says about the constants; tiles are chosen per batch and stay open. */
export function blockConstants(block: MoeBlock): Partial<Record<ConstantName, number | boolean>> {
  return {
    hidden_size: block.hiddenSize,
    intermediate_size: block.intermediateSize,
    num_experts: block.numExperts,
    top_k: block.topK,
    ...routerConstants(block),
    ...expertConstants(block),
    ...outputConstants(block),
  };
}

function expertConstants({
  experts,
  latent,
  shared,
}: MoeBlock): Partial<Record<ConstantName, number | boolean>> {
  return {
    ...(latent !== null && { latent_size: latent.size }),
    ...(experts.glu.kind !== 'plain' && { swiglu_limit: experts.glu.limit }),
    ...(experts.glu.kind === 'oai' && { swiglu_alpha: experts.glu.alpha }),
    shared_intermediate_size: shared?.intermediateSize ?? 0,
    ...(shared !== null && shared.glu.kind !== 'plain' && { shared_swiglu_limit: shared.glu.limit }),
    ...(shared?.glu.kind === 'oai' && { shared_swiglu_alpha: shared.glu.alpha }),
  };
}

/** What a block does not have gets the value that changes nothing. */
function outputConstants({ shared, ...block }: MoeBlock): Partial<Record<ConstantName, number | boolean>> {
  return {
    has_zero_experts: block.numZeroExperts > 0,
    routed_scale: block.routedScale,
    has_output_bias: block.outputBias,
    has_shared_expert: shared !== null,
    has_shared_sigmoid: shared?.sigmoidGate ?? false,
    output_scale: shared?.combine === 'average' ? 0.5 : 1,
  };
}

/** What a router's kind does not have gets the value that changes nothing. */
export function routerConstants({
  numZeroExperts,
  router,
}: Pick<MoeBlock, 'numZeroExperts' | 'router'>): Partial<Record<ConstantName, number | boolean>> {
  const { groups, selection, normalize, scoring } = router;
  return {
    num_zero_experts: numZeroExperts,
    norm_topk_prob: normalize.kind !== 'none',
    has_router_bias: router.logitBias,
    has_selection_bias: router.selectionBias,
    num_groups: groups?.count ?? 1,
    top_groups: groups?.keep ?? 1,
    vocab_size: selection.kind === 'token_table' ? selection.vocabSize : 0,
    norm_epsilon: normalize.kind === 'sum' ? normalize.epsilon : 0,
    norm_floor: normalize.kind === 'floor' ? normalize.floor : 0,
    norm_p: normalize.kind === 'p_norm' ? normalize.p : 1,
    weight_scale: router.scale,
    sparsemixer_epsilon: scoring.kind === 'sparsemixer' ? scoring.epsilon : 0,
  };
}

/** Experts that one router or index threadgroup can hold. */
export const MAX_EXPERTS = 1024;
