// Rows of the model table whose router is a softmax: over all experts, or over the selected ones.

import {
  encoderThenDecoder,
  everyLayer,
  everyOf,
  afterDense,
  interval,
  layersIf,
  listedNumbers,
  periodic,
  sparseStep,
} from './layers.js';
import type { LayerConfig } from './config.js';
import { nllbIntermediateSize, nllbRouter } from './nllb.js';
import {
  expertsPerToken,
  GATE_AND_STACKED,
  groupsIfSome,
  hiddenSize,
  intermediateSize,
  moeIntermediateSize,
  NO_NORMALIZING,
  noShared,
  plainExperts,
  plainGlu,
  product,
  SHARED_EXPERT,
  SHARED_EXPERTS,
  sharedExperts,
  sharedNames,
  softmaxRouter,
  softmaxRouterWithSwitch,
  STACKED,
  SUM,
  sumOfSeveral,
  type ModelRow,
} from './parts.js';
import {
  activation,
  choice,
  count,
  countPerLayer,
  firstOf,
  flag,
  isNull,
  natural,
  naturalPerLayer,
  ofFirstPool,
  ofPool,
  real,
  when,
} from './readers.js';

/** A list by layer in the original configurations, which transformers does not have. */
const hunyuanWidth = firstOf('moe_intermediate_size', countPerLayer, intermediateSize);

/** Models for images and text have experts for each, and the text's block is the one that is described. */
const ernieWidth = ofPool('moe_intermediate_size', count);
const ernieExperts = firstOf('moe_num_experts', () => ofPool('moe_num_experts', count), count('num_experts'));

/** A token of an image has a router and experts of its own, and the shared expert in common with the text. */
function erniePools({ values }: LayerConfig): readonly number[] {
  const [widths, experts]: unknown[] = [values['moe_intermediate_size'], values['moe_num_experts']];
  if (!Array.isArray(widths)) return [];
  // One number of experts is that of each.
  const counts: readonly unknown[] = Array.isArray(experts) ? experts : widths.map(() => experts);
  return counts.filter((count): count is number => typeof count === 'number' && count > 0);
}

/** As wide as its key says, its output scaled by a sigmoid of the token. */
const gatedSharedExpert = {
  intermediateSize: count('shared_expert_intermediate_size'),
  glu: plainGlu,
  sigmoidGate: true,
} as const;
const gatedSharedTensors = {
  ...GATE_AND_STACKED,
  ...SHARED_EXPERT,
  shared_sigmoid_gate: 'shared_expert_gate.weight',
} as const;

const mixtral: ModelRow = {
  types: ['mixtral'],
  block: {
    hiddenSize,
    intermediateSize,
    numExperts: count('num_local_experts'),
    topK: expertsPerToken,
    router: softmaxRouter,
    experts: plainExperts,
  },
  tensors: GATE_AND_STACKED,
  layers: everyLayer,
};

const olmoe: ModelRow = {
  types: ['olmoe'],
  block: {
    hiddenSize,
    intermediateSize,
    numExperts: count('num_experts'),
    topK: expertsPerToken,
    router: softmaxRouterWithSwitch(false),
    experts: plainExperts,
  },
  tensors: GATE_AND_STACKED,
  layers: everyLayer,
};

const qwen3Moe: ModelRow = {
  types: ['qwen3_moe', 'mellum'],
  block: {
    hiddenSize,
    intermediateSize: moeIntermediateSize,
    numExperts: count(['num_local_experts', 'num_experts']),
    topK: expertsPerToken,
    router: softmaxRouterWithSwitch(false),
    experts: plainExperts,
  },
  tensors: GATE_AND_STACKED,
  layers: sparseStep,
};

const qwen2Moe: ModelRow = {
  types: ['qwen2_moe'],
  block: {
    hiddenSize,
    intermediateSize: moeIntermediateSize,
    numExperts: count('num_experts'),
    topK: expertsPerToken,
    router: softmaxRouterWithSwitch(false),
    experts: plainExperts,
    shared: gatedSharedExpert,
  },
  tensors: gatedSharedTensors,
  layers: sparseStep,
};

export const softmaxRows: readonly ModelRow[] = [
  mixtral,
  {
    ...mixtral,
    types: ['minimax', 'minimax_text_01', 'minimax_m1'],
    block: { ...mixtral.block, shared: noShared('shared_intermediate_size') },
  },
  olmoe,
  {
    ...olmoe,
    types: ['flex_olmo'],
    block: { ...olmoe.block, numExperts: count(['num_experts', 'num_local_experts']) },
  },
  qwen3Moe,
  {
    ...qwen3Moe,
    types: ['qwen3_omni_moe'],
    block: { ...qwen3Moe.block, router: softmaxRouterWithSwitch(true) },
  },
  {
    ...qwen3Moe,
    types: ['qwen3_vl_moe', 'qwen3_vl_moe_text'],
    block: { ...qwen3Moe.block, router: softmaxRouter },
  },
  qwen2Moe,
  {
    ...qwen2Moe,
    types: ['qwen3_next', 'qwen4_exp'],
    block: { ...qwen2Moe.block, router: softmaxRouterWithSwitch(true) },
  },
  {
    ...qwen2Moe,
    types: ['qwen3_5_moe', 'qwen3_5_moe_text'],
    block: { ...qwen2Moe.block, router: softmaxRouter },
    layers: everyLayer,
  },
  {
    types: ['hunyuan_v1_moe', 'hunyuan', 'hunyuan_moe', 'HunYuanMoEV1'],
    block: {
      hiddenSize,
      intermediateSize: hunyuanWidth,
      numExperts: countPerLayer(['num_experts', 'num_local_experts']),
      topK: countPerLayer('moe_topk'),
      router: softmaxRouter,
      experts: plainExperts,
      shared: {
        intermediateSize: product(naturalPerLayer('num_shared_expert', 1), hunyuanWidth),
        glu: plainGlu,
      },
    },
    tensors: { router: 'gate.wg.weight', ...STACKED, ...sharedNames('shared_mlp') },
    layers: afterDense('moe_layer_num_skipped', 0),
  },
  {
    types: ['jamba'],
    block: {
      hiddenSize,
      intermediateSize,
      numExperts: count(['num_experts', 'num_local_experts']),
      topK: expertsPerToken,
      router: { scoring: { kind: 'softmax' } },
      experts: plainExperts,
    },
    tensors: { router: 'router.weight', ...STACKED },
    layers: layersIf(
      (config) => natural(['num_experts', 'num_local_experts'], 16)(config) > 1,
      periodic('expert_layer_period', 'expert_layer_offset', 2, 1),
    ),
  },
  {
    types: ['ernie4_5_moe', 'ernie4_5_moe_vl', 'ernie4_5_vl_moe'],
    block: {
      hiddenSize,
      intermediateSize: ernieWidth,
      numExperts: ernieExperts,
      topK: count(['moe_k', 'num_experts_per_tok']),
      router: {
        scoring: { kind: 'softmax' },
        selectionBias: true,
        normalize: { kind: 'floor', floor: real('moe_norm_min', 1e-12) },
      },
      experts: plainExperts,
      shared: sharedExperts(
        'moe_num_shared_experts',
        2,
        { bias: flag('use_bias', false) },
        ofFirstPool(ernieWidth),
      ),
    },
    tensors: {
      ...GATE_AND_STACKED,
      ...SHARED_EXPERTS,
      selection_bias: {
        name: 'gate.moe_statics.e_score_correction_bias',
        shape: [1, ernieExperts],
      },
    },
    layers: interval,
    pools: erniePools,
  },
  {
    types: ['longcat_flash'],
    block: {
      hiddenSize,
      intermediateSize: count('expert_ffn_hidden_size'),
      numExperts: count(['n_routed_experts', 'num_local_experts']),
      numZeroExperts: natural('zero_expert_num', 0),
      topK: count(['moe_topk', 'num_experts_per_tok']),
      router: { scoring: { kind: 'softmax' }, selectionBias: true, scale: real('routed_scaling_factor', 6) },
      experts: plainExperts,
    },
    tensors: {
      router: 'router.classifier.weight',
      selection_bias: 'router.e_score_correction_bias',
      // The experts without weights have slices here, which nothing reads.
      expert_gate_up: {
        name: 'experts.gate_up_proj',
        shape: [
          (config) =>
            count(['n_routed_experts', 'num_local_experts'])(config) + natural('zero_expert_num', 0)(config),
          (config) => 2 * count('expert_ffn_hidden_size')(config),
          hiddenSize,
        ],
      },
      expert_down: 'experts.down_proj',
    },
    layers: everyOf('num_layers'),
  },
  {
    types: ['deepseek_v2'],
    block: {
      hiddenSize,
      intermediateSize: moeIntermediateSize,
      numExperts: count(['n_routed_experts', 'num_experts']),
      topK: expertsPerToken,
      router: {
        scoring: { kind: 'softmax' },
        groups: choice(
          'topk_method',
          { greedy: null, group_limited_greedy: groupsIfSome(count('n_group'), count('topk_group'), 'max') },
          'greedy',
        ),
        scale: real('routed_scaling_factor', 1),
      },
      experts: plainExperts,
      shared: sharedExperts('n_shared_experts', 2, { bias: flag('mlp_bias', false) }),
    },
    tensors: { ...GATE_AND_STACKED, ...SHARED_EXPERTS },
    layers: afterDense('first_k_dense_replace', 0),
  },
  {
    // The first of the family, in its makers' own code.
    types: ['deepseek'],
    block: {
      hiddenSize,
      intermediateSize: moeIntermediateSize,
      numExperts: count('n_routed_experts'),
      topK: expertsPerToken,
      router: { scoring: { kind: 'softmax' }, normalize: sumOfSeveral(flag('norm_topk_prob', false)) },
      experts: plainExperts,
      shared: sharedExperts('n_shared_experts', 0),
    },
    tensors: { ...GATE_AND_STACKED, ...SHARED_EXPERTS },
    layers: afterDense('first_k_dense_replace', 0),
  },
  {
    // As vLLM has it.
    types: ['step3_text', 'step3', 'step3_vl'],
    block: {
      hiddenSize,
      intermediateSize: moeIntermediateSize,
      numExperts: count('moe_num_experts'),
      topK: count('moe_top_k'),
      router: {
        scoring: { kind: 'softmax' },
        normalize: when(flag('norm_expert_weight', true), SUM, NO_NORMALIZING),
      },
      experts: plainExperts,
      shared: { intermediateSize: count('share_expert_dim'), glu: plainGlu },
    },
    tensors: { ...GATE_AND_STACKED, ...sharedNames('share_expert') },
    layers: listedNumbers('moe_layers_enum', afterDense('first_k_dense_replace', 1)),
  },
  {
    types: ['dbrx'],
    block: {
      hiddenSize: count(['d_model', 'hidden_size']),
      intermediateSize: count('ffn_config.ffn_hidden_size'),
      numExperts: count('ffn_config.moe_num_experts'),
      topK: count('ffn_config.moe_top_k'),
      router: {
        scoring: { kind: 'softmax' },
        normalize: when(isNull('ffn_config.moe_normalize_expert_weights'), NO_NORMALIZING, {
          kind: 'p_norm',
          p: real('ffn_config.moe_normalize_expert_weights', 1),
        }),
      },
      experts: {
        gateUp: 'separate',
        downOrder: 'in_out',
        glu: { kind: 'plain', activation: activation('ffn_config.ffn_act_fn.name', 'silu') },
      },
    },
    tensors: dbrxTensors(),
    layers: everyOf(['n_layers', 'num_hidden_layers']),
  },
  {
    types: ['nllb_moe'],
    block: {
      hiddenSize: count(['d_model', 'hidden_size']),
      intermediateSize: nllbIntermediateSize,
      numExperts: count('num_experts'),
      topK: 2,
      router: nllbRouter,
      experts: {
        gateUp: 'ungated',
        bias: true,
        glu: { kind: 'plain', activation: activation('activation_function', 'relu') },
      },
      routedScale: (config) => 1 - real('moe_token_dropout', 0.2)(config),
    },
    tensors: {
      router: 'router.classifier.weight',
      router_bias: 'router.classifier.bias',
      expert_up: 'experts.expert_{expert}.fc1.weight',
      expert_up_bias: 'experts.expert_{expert}.fc1.bias',
      expert_down: 'experts.expert_{expert}.fc2.weight',
      expert_down_bias: 'experts.expert_{expert}.fc2.bias',
    },
    layers: encoderThenDecoder,
  },
];

/** The rows of all experts lie below each other in two dimensions. */
function dbrxTensors(): ModelRow['tensors'] {
  const rows = product(count('ffn_config.moe_num_experts'), count('ffn_config.ffn_hidden_size'));
  const shape = [rows, count(['d_model', 'hidden_size'])];
  return {
    router: 'router.layer.weight',
    expert_gate: { name: 'experts.mlp.w1', shape },
    expert_up: { name: 'experts.mlp.v1', shape },
    expert_down: { name: 'experts.mlp.w2', shape },
  };
}
