// Rows of the model table whose router scores each expert by itself (sigmoid, sqrtsoftplus) or not at all, without groups.

import type { LayerConfig } from './config.js';
import {
  afterDense,
  everyLayer,
  everyNth,
  exceptListed,
  listedFlags,
  listedNumbers,
  listedTypes,
  sparseStep,
} from './layers.js';
import {
  biasedSigmoidRouter,
  CORRECTED_GATE,
  expertsPerToken,
  hiddenSize,
  intermediateSize,
  moeIntermediateSize,
  NO_NORMALIZING,
  product,
  softcapAt,
  SUM,
  sumOfSeveral,
  noShared,
  plainExperts,
  plainGlu,
  SHARED_EXPERT,
  SHARED_EXPERTS,
  sharedExperts,
  STACKED,
  SUM_1E20,
  type GluInput,
  type ModelRow,
} from './parts.js';
import {
  activation,
  choice,
  count,
  flag,
  layerLimit,
  natural,
  real,
  textList,
  when,
  type Template,
} from './readers.js';

const routedExperts = count(['n_routed_experts', 'num_local_experts']);

/** The hidden activation is fixed, whatever `hidden_act` says. */
const minimaxM3Glu = {
  kind: 'oai',
  limit: real('swiglu_limit', 7),
  alpha: real('swiglu_alpha', 1.702),
} as const;

const deepseekV4Glu = {
  kind: 'clamp_before',
  activation: activation('hidden_act', 'silu'),
  limit: real('swiglu_limit', 10),
} as const;

const deepseekV4Scoring = {
  kind: choice(
    'scoring_func',
    { sqrtsoftplus: 'sqrtsoftplus', sigmoid: 'sigmoid', softmax: 'softmax' },
    'sqrtsoftplus',
  ),
} as const;

/** A limit of 0 is none. */
const deepseekV41Glu = when((config) => real('swiglu_limit', 10)(config) > 0, deepseekV4Glu, plainGlu);

export const sigmoidRows: readonly ModelRow[] = [
  {
    types: ['afmoe'],
    block: {
      hiddenSize,
      intermediateSize: moeIntermediateSize,
      numExperts: count('num_experts'),
      topK: expertsPerToken,
      router: { ...biasedSigmoidRouter, normalize: SUM_1E20, scale: real('route_scale', 1) },
      experts: plainExperts,
      shared: sharedExperts('num_shared_experts', 2),
    },
    tensors: { router: 'router.gate.weight', selection_bias: 'expert_bias', ...STACKED, ...SHARED_EXPERTS },
    layers: afterDense('num_dense_layers', 1),
  },
  {
    types: ['lfm2_moe'],
    block: {
      hiddenSize,
      intermediateSize: moeIntermediateSize,
      numExperts: count('num_experts'),
      topK: expertsPerToken,
      router: {
        scoring: { kind: 'sigmoid' },
        selectionBias: flag('use_expert_bias', true),
        normalize: when(flag('norm_topk_prob', true), { kind: 'sum', epsilon: 1e-6 }, NO_NORMALIZING),
        scale: real('routed_scaling_factor', 1),
      },
      experts: { glu: { kind: 'plain', activation: 'silu' } },
    },
    tensors: { router: 'gate.weight', selection_bias: 'expert_bias', ...STACKED },
    layers: afterDense('num_dense_layers', 2),
  },
  {
    types: ['minimax_m2'],
    block: {
      hiddenSize,
      intermediateSize,
      numExperts: count('num_local_experts'),
      topK: expertsPerToken,
      router: { ...biasedSigmoidRouter, selectionBias: flag('use_routing_bias', true) },
      experts: plainExperts,
      shared: noShared('shared_intermediate_size'),
    },
    tensors: { router: 'gate.weight', selection_bias: 'e_score_correction_bias', ...STACKED },
    layers: everyLayer,
  },
  {
    types: ['minimax_m3_vl', 'minimax_m3_vl_text', 'minimax_m3'],
    block: {
      hiddenSize,
      intermediateSize,
      numExperts: count(['num_local_experts', 'num_experts']),
      topK: expertsPerToken,
      router: biasedSigmoidRouter,
      experts: { glu: minimaxM3Glu },
      routedScale: real('routed_scaling_factor', 2),
      shared: { intermediateSize: count('shared_intermediate_size'), layout: 'packed', glu: minimaxM3Glu },
    },
    tensors: {
      ...CORRECTED_GATE,
      shared_gate_up: 'shared_experts.gate_up_proj.weight',
      shared_down: 'shared_experts.down_proj.weight',
    },
    layers: listedTypes(listedFlags('moe_layer_freq', everyLayer)),
  },
  {
    types: ['step3p7', 'step3p5', 'step3p7_text'],
    block: {
      hiddenSize,
      intermediateSize: moeIntermediateSize,
      numExperts: count(['n_routed_experts', 'moe_num_experts', 'num_local_experts', 'num_experts']),
      topK: count(['num_experts_per_tok', 'moe_top_k']),
      router: { ...biasedSigmoidRouter, selectionBias: flag('use_moe_router_bias', true) },
      experts: { glu: limitedGlu('swiglu_limits') },
      routedScale: real('moe_router_scaling_factor', 1),
      shared: {
        intermediateSize: count(['share_expert_dim', 'share_expert_dims']),
        bias: flag('mlp_bias', false),
        glu: limitedGlu('swiglu_limits_shared'),
      },
    },
    tensors: { ...CORRECTED_GATE, ...SHARED_EXPERTS },
    layers: listedTypes(listedNumbers('moe_layers_enum', afterDense('first_k_dense_replace', 3))),
  },
  {
    types: ['deepseek_v4'],
    block: {
      hiddenSize,
      intermediateSize: count(['moe_intermediate_size', 'intermediate_size']),
      numExperts: routedExperts,
      topK: expertsPerToken,
      router: {
        scoring: deepseekV4Scoring,
        selectionBias: when(isHashLayer, false, true),
        selection: when(
          isHashLayer,
          { kind: 'token_table', vocabSize: count('vocab_size') },
          { kind: 'top_k' },
        ),
        normalize: SUM_1E20,
        scale: real('routed_scaling_factor', 1.5),
      },
      experts: { glu: deepseekV4Glu },
      shared: {
        intermediateSize: count(['moe_intermediate_size', 'intermediate_size']),
        bias: flag('mlp_bias', false),
        glu: deepseekV4Glu,
      },
    },
    tensors: { ...CORRECTED_GATE, token_table: 'gate.tid2eid', ...SHARED_EXPERTS },
    layers: everyLayer,
  },
  {
    // After the discussion of vllm-project/vllm#56201 and tests of its readers; there is no code of the makers to compare with.
    types: ['deepseek_v41'],
    block: {
      hiddenSize,
      intermediateSize: moeIntermediateSize,
      numExperts: routedExperts,
      topK: expertsPerToken,
      router: {
        temperature: real('gate_temp', 1),
        scoring: deepseekV4Scoring,
        selectionBias: true,
        markedSelectionBias: hasVision,
        normalize: sumOfSeveral(flag('norm_topk_prob', true)),
        scale: real(['routed_scaling_factor', 'route_scale'], 1),
      },
      experts: { glu: deepseekV41Glu },
      shared: sharedExperts('n_shared_experts', 1, { glu: deepseekV41Glu }),
    },
    tensors: { ...CORRECTED_GATE, marked_selection_bias: 'gate.bias_vl', ...SHARED_EXPERTS },
    layers: everyLayer,
  },
  {
    types: ['laguna'],
    block: {
      hiddenSize,
      intermediateSize: moeIntermediateSize,
      numExperts: count('num_experts'),
      topK: expertsPerToken,
      router: {
        ...biasedSigmoidRouter,
        scoring: {
          kind: choice(
            'moe_router_score_func',
            { sigmoid: 'sigmoid', sqrtsoftplus: 'sqrtsoftplus' },
            'sigmoid',
          ),
        },
        softcap: softcapAt('moe_router_logit_softcapping', 0),
      },
      experts: plainExperts,
      routedScale: real('moe_routed_scaling_factor', 1),
      shared: { intermediateSize: count('shared_expert_intermediate_size'), glu: plainGlu },
    },
    tensors: { ...CORRECTED_GATE, ...SHARED_EXPERTS },
    layers: listedTypes(exceptListed('mlp_only_layers', [0])),
  },
  {
    types: ['klear'],
    block: {
      hiddenSize,
      intermediateSize: moeIntermediateSize,
      numExperts: count('num_experts'),
      topK: expertsPerToken,
      router: {
        scoring: { kind: 'sigmoid' },
        selectionBias: true,
        normalize: when(flag('norm_topk_prob', true), SUM, NO_NORMALIZING),
      },
      experts: plainExperts,
      shared: {
        intermediateSize: product(count('n_shared_experts'), moeIntermediateSize),
        glu: plainGlu,
        combine: 'softmax',
      },
    },
    tensors: {
      router: 'gate.weight',
      selection_bias: 'expert_bias',
      ...STACKED,
      ...SHARED_EXPERTS,
      shared_mix: 'coefficient.weight',
      shared_mix_bias: 'coefficient.bias',
    },
    layers: sparseStep,
  },
  {
    types: ['smallthinker'],
    block: {
      hiddenSize,
      intermediateSize: count('moe_ffn_hidden_size'),
      numExperts: count('moe_num_primary_experts'),
      topK: count('moe_num_active_primary_experts'),
      router: {
        // The router sees the states before attention.
        input: when(flag('moe_enable_early_router', true), 'own', 'block'),
        scoring: { kind: 'raw' },
        post: when(flag('moe_primary_router_apply_softmax', false), 'softmax', 'sigmoid'),
        normalize: when(flag('moe_primary_router_apply_softmax', false), NO_NORMALIZING, SUM),
      },
      experts: {
        gateUp: 'separate',
        glu: { kind: 'plain', activation: activation('hidden_act', 'relu') },
      },
      shared: noShared('moe_shared_primary_experts'),
    },
    tensors: {
      router: 'primary_router.weight',
      expert_gate: 'experts.{expert}.gate.weight',
      expert_up: 'experts.{expert}.up.weight',
      expert_down: 'experts.{expert}.down.weight',
    },
    layers: listedFlags('moe_layer_layout', everyLayer),
  },
  {
    types: ['llama4', 'llama4_text'],
    block: {
      hiddenSize,
      intermediateSize,
      numExperts: count('num_local_experts'),
      topK: expertsPerToken,
      router: { scoring: { kind: 'raw' }, post: 'sigmoid' },
      experts: { gateUpOrder: 'in_out', downOrder: 'in_out', glu: plainGlu, weightOn: 'input' },
      shared: { intermediateSize, glu: plainGlu },
    },
    tensors: { router: 'router.weight', ...STACKED, ...SHARED_EXPERT },
    layers: listedNumbers('moe_layers', everyNth('interleave_moe_layer_step', 1)),
  },
  {
    types: ['phimoe'],
    block: {
      hiddenSize,
      intermediateSize,
      numExperts: count('num_local_experts'),
      topK: expertsPerToken,
      router: { scoring: { kind: 'sparsemixer', epsilon: real('router_jitter_noise', 0.01) } },
      experts: plainExperts,
    },
    tensors: { router: 'router.weight', ...STACKED },
    layers: everyLayer,
  },
];

/** Clamped after the activation, if the layer has a limit. */
function limitedGlu(key: string): Template<GluInput> {
  const limit = layerLimit(key);
  const act = activation('hidden_act', 'silu');
  return when(
    (config) => limit(config) === null,
    { kind: 'plain', activation: act },
    { kind: 'clamp_after', activation: act, limit: (config: LayerConfig) => limit(config) ?? NaN },
  );
}

/** The first layers select by token; a list says which, or the number of them. */
function isHashLayer(config: LayerConfig): boolean {
  const types = textList('mlp_layer_types', ['hash_moe', 'moe'])(config);
  if (types === null) return config.layer < natural('num_hash_layers', 3)(config);
  return types[config.layer] === 'hash_moe';
}

/** Experts that see images too select the tokens of these with a bias of their own. */
function hasVision({ values, outer }: LayerConfig): boolean {
  return [values, ...outer].some(({ vision_config: vision }) => vision !== undefined && vision !== null);
}
