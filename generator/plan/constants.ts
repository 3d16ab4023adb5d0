// The function constants: a name has the same index in every kernel, so that a host can bind one set of values for all.

import type { Glu, MoeBlock } from '../description/block.js';
import type { GenerationSpec } from '../description/generation.js';
import type { FunctionConstant } from './types.js';

const CONSTANTS = {
  hidden_size: { index: 0, type: 'uint', note: 'width of the model' },
  intermediate_size: { index: 1, type: 'uint', note: 'inner width of one expert' },
  num_experts: { index: 2, type: 'uint', note: 'at most 1,024' },
  top_k: { index: 3, type: 'uint', note: 'experts per token' },
  norm_topk_prob: { index: 4, type: 'bool', note: 'weights of a token sum to one' },
  has_router_bias: { index: 5, type: 'bool', note: 'router_bias is added' },
  block_m: { index: 6, type: 'uint', note: 'rows per tile' },
  block_n: { index: 7, type: 'uint', note: 'columns of gate_up per tile' },
  down_block_n: { index: 8, type: 'uint', note: 'columns of down per tile' },
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
  router_temperature: { index: 30, type: 'float', note: 'divides the logits' },
  router_softcap: { index: 31, type: 'float', note: 'logits stay below it' },
  router_norm_epsilon: { index: 32, type: 'float', note: "added to the mean square of the router's input" },
  router_norm_factor: { index: 33, type: 'float', note: "multiplies the router's input" },
  expert_norm_epsilon: { index: 34, type: 'float', note: "added to the mean square of the experts' input" },
  latent_norm_epsilon: { index: 35, type: 'float', note: 'added to the mean square of the latent sum' },
  routed_norm_epsilon: { index: 36, type: 'float', note: 'added to the mean square of the routed sum' },
  shared_norm_epsilon: {
    index: 37,
    type: 'float',
    note: "added to the mean square of the shared expert's input",
  },
  shared_output_norm_epsilon: {
    index: 38,
    type: 'float',
    note: "added to the mean square of the shared expert's output",
  },
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
  situ_beta: { index: 52, type: 'float', note: 'bound of the gate' },
  situ_linear_beta: { index: 53, type: 'float', note: 'bound of up' },
  shared_situ_beta: { index: 54, type: 'float', note: "bound of the shared expert's gate" },
  shared_situ_linear_beta: { index: 55, type: 'float', note: "bound of the shared expert's up" },
  adjugate_intermediate_size: { index: 56, type: 'uint', note: 'inner width of an adjugate expert' },
  experts_per_adjugate: { index: 57, type: 'uint', note: 'neighbours that share an adjugate expert' },
  adjugate_scale: { index: 58, type: 'float', note: "multiplies an adjugate expert's output" },
  adjugate_block_n: { index: 59, type: 'uint', note: "columns of the adjugate experts' gate_up per tile" },
  adjugate_down_block_n: { index: 60, type: 'uint', note: "columns of the adjugate experts' down per tile" },
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
  adjugate,
  latent,
  shared,
}: MoeBlock): Partial<Record<ConstantName, number | boolean>> {
  return {
    ...(latent !== null && { latent_size: latent.size }),
    ...gluConstants(experts.glu, ''),
    ...(adjugate !== null && {
      adjugate_intermediate_size: adjugate.intermediateSize,
      experts_per_adjugate: adjugate.expertsPerGroup,
      adjugate_scale: adjugate.scale,
    }),
    ...(experts.inputNorm !== null && { expert_norm_epsilon: experts.inputNorm.epsilon }),
    ...(experts.outputNorm !== null && { routed_norm_epsilon: experts.outputNorm.epsilon }),
    ...(latent?.norm != null && { latent_norm_epsilon: latent.norm.epsilon }),
    shared_intermediate_size: shared?.intermediateSize ?? 0,
    ...(shared !== null && gluConstants(shared.glu, 'shared_')),
    ...(shared?.inputNorm != null && { shared_norm_epsilon: shared.inputNorm.epsilon }),
    ...(shared?.outputNorm != null && { shared_output_norm_epsilon: shared.outputNorm.epsilon }),
  };
}

function gluConstants(glu: Glu, prefix: '' | 'shared_'): Partial<Record<ConstantName, number>> {
  switch (glu.kind) {
    case 'plain':
      return {};
    case 'clamp_before':
    case 'clamp_after':
      return { [`${prefix}swiglu_limit`]: glu.limit };
    case 'oai':
      return { [`${prefix}swiglu_limit`]: glu.limit, [`${prefix}swiglu_alpha`]: glu.alpha };
    case 'situ':
      return { [`${prefix}situ_beta`]: glu.beta, [`${prefix}situ_linear_beta`]: glu.linearBeta };
  }
}

const OUTPUT_SCALES = { sum: 1, average: 0.5, equal_power: Math.SQRT1_2, softmax: 1 } as const;

/** What a block does not have gets the value that changes nothing. */
function outputConstants({ shared, ...block }: MoeBlock): Partial<Record<ConstantName, number | boolean>> {
  return {
    has_zero_experts: block.numZeroExperts > 0,
    routed_scale: block.routedScale,
    has_output_bias: block.outputBias,
    has_shared_expert: shared !== null,
    has_shared_sigmoid: shared?.sigmoidGate ?? false,
    output_scale: OUTPUT_SCALES[shared?.combine ?? 'sum'],
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
    ...(router.temperature !== 1 && { router_temperature: router.temperature }),
    ...(router.softcap !== null && { router_softcap: router.softcap }),
    ...(router.norm !== null && {
      router_norm_epsilon: router.norm.epsilon,
      router_norm_factor: router.norm.factor,
    }),
  };
}

/** Experts that one router or index threadgroup can hold. */
export const MAX_EXPERTS = 1024;
