// Rows of the model table whose router scores each expert with a sigmoid and selects within groups of experts, as deepseek_v3
// does. Most of them differ from it in keys and defaults only.

import { afterDense, everyLayer, hybridLayers, listedFlags, listedTypes } from './layers.js';
import {
  CORRECTED_GATE,
  expertsPerToken,
  GATE_AND_STACKED,
  groupedSigmoidRouter,
  groupsIfSome,
  hiddenSize,
  moeIntermediateSize,
  noShared,
  plainExperts,
  plainGlu,
  SHARED_EXPERTS,
  sharedExperts,
  sumOfSeveral,
  type ModelRow,
} from './parts.js';
import { activation, choice, count, firstOf, flag, natural, real, text, when } from './readers.js';

const routedExperts = count(['n_routed_experts', 'num_local_experts']);

const deepseekV3: ModelRow = {
  types: ['deepseek_v3', 'deepseek_v32', 'kimi_k2', 'kimi_k25', 'joyai_llm_flash'],
  block: {
    hiddenSize,
    intermediateSize: moeIntermediateSize,
    numExperts: routedExperts,
    topK: expertsPerToken,
    router: groupedSigmoidRouter({ count: 8, keep: 4, normalize: true, scale: 2.5 }),
    experts: plainExperts,
    shared: sharedExperts('n_shared_experts', 1),
  },
  tensors: { ...CORRECTED_GATE, ...SHARED_EXPERTS },
  layers: afterDense('first_k_dense_replace', 3),
};

/** SiTU, whose two bounds the configuration has, or a plain unit. */
const kimiGlu = when(
  (config) => text('hidden_act')(config) === 'situ',
  {
    kind: 'situ',
    beta: real('activation_situ_beta', 4),
    linearBeta: real('activation_situ_linear_beta', 25),
  } as const,
  plainGlu,
);

const UNGROUPED = { count: 1, keep: 1, normalize: true, scale: 1 } as const;

export const groupedSigmoidRows: readonly ModelRow[] = [
  deepseekV3,
  {
    ...deepseekV3,
    types: ['dots1'],
    block: {
      ...deepseekV3.block,
      router: groupedSigmoidRouter({ ...UNGROUPED, normalize: false }),
      shared: sharedExperts('n_shared_experts', 0),
    },
    layers: afterDense('first_k_dense_replace', 0),
  },
  {
    ...deepseekV3,
    types: ['exaone_moe'],
    block: {
      ...deepseekV3.block,
      numExperts: count('num_experts'),
      router: groupedSigmoidRouter({ ...UNGROUPED, scale: 2.5 }),
      shared: sharedExperts('num_shared_experts', 1),
    },
    layers: listedTypes(afterDense('first_k_dense_replace', 1)),
  },
  {
    ...deepseekV3,
    types: ['glm4_moe', 'glm4v_moe'],
    block: { ...deepseekV3.block, router: groupedSigmoidRouter(UNGROUPED) },
    layers: afterDense('first_k_dense_replace', 1),
  },
  {
    ...deepseekV3,
    types: ['glm4_moe_lite'],
    block: { ...deepseekV3.block, router: groupedSigmoidRouter({ ...UNGROUPED, scale: 1.8 }) },
    layers: listedTypes(afterDense('first_k_dense_replace', 1)),
  },
  {
    ...deepseekV3,
    types: ['glm_moe_dsa'],
    block: { ...deepseekV3.block, router: groupedSigmoidRouter({ ...UNGROUPED, scale: 2.5 }) },
    layers: listedTypes(afterDense('first_k_dense_replace', 3)),
  },
  {
    ...deepseekV3,
    types: ['solar_open'],
    block: { ...deepseekV3.block, router: groupedSigmoidRouter(UNGROUPED) },
    layers: everyLayer,
  },
  {
    ...deepseekV3,
    types: ['kimi_linear', 'kimi_k3'],
    block: {
      ...deepseekV3.block,
      experts: { glu: kimiGlu },
      latent: when(
        (config) => natural('routed_expert_hidden_size', 0)(config) > 0,
        {
          size: count('routed_expert_hidden_size'),
          norm: when(flag('latent_moe_use_norm', false), { epsilon: real('rms_norm_eps', 1e-5) }, null),
        },
        null,
      ),
      numExperts: count(['num_experts', 'num_local_experts']),
      topK: count(['num_experts_per_token', 'num_experts_per_tok']),
      router: groupedSigmoidRouter(
        { ...UNGROUPED, scale: 2.446 },
        { groups: ['num_expert_group', 'n_group'], normalize: ['moe_renormalize', 'norm_topk_prob'] },
      ),
      shared: sharedExperts(['num_shared_experts', 'n_shared_experts'], 1, { glu: kimiGlu }),
    },
    tensors: {
      ...CORRECTED_GATE,
      ...SHARED_EXPERTS,
      latent_in: 'routed_expert_down_proj.weight',
      latent_norm: 'routed_expert_norm.weight',
      latent_out: 'routed_expert_up_proj.weight',
    },
    layers: listedTypes(afterDense('first_k_dense_replace', 1)),
  },
  {
    ...deepseekV3,
    types: ['mimo_v2_flash', 'mimo_v2'],
    block: {
      ...deepseekV3.block,
      router: groupedSigmoidRouter(UNGROUPED),
      shared: noShared('n_shared_experts'),
    },
    tensors: CORRECTED_GATE,
    layers: listedTypes(listedFlags('moe_layer_freq', afterDense('first_k_dense_replace', 1))),
  },
  {
    types: ['bailing_moe', 'bailing_moe_v2', 'bailing_hybrid', 'bailing_moe_linear'],
    block: {
      hiddenSize,
      intermediateSize: moeIntermediateSize,
      numExperts: count('num_experts'),
      topK: expertsPerToken,
      router: {
        scoring: {
          kind: choice('score_function', { softmax: 'softmax', sigmoid: 'sigmoid' }, 'softmax'),
        },
        selectionBias: flag('moe_router_enable_expert_bias', false),
        groups: groupsIfSome(natural('n_group', 1), natural('topk_group', 1), 'top2_sum'),
        normalize: sumOfSeveral(flag('norm_topk_prob', true)),
        scale: real('routed_scaling_factor', 1),
      },
      experts: plainExperts,
      shared: when(
        flag('moe_router_enable_shared_expert', true),
        sharedExperts(
          'num_shared_experts',
          0,
          {},
          firstOf('moe_shared_expert_intermediate_size', count, moeIntermediateSize),
        ),
        null,
      ),
    },
    tensors: { ...GATE_AND_STACKED, selection_bias: 'gate.expert_bias', ...SHARED_EXPERTS },
    layers: afterDense('first_k_dense_replace', 0),
  },
  {
    types: ['nemotron_h'],
    block: {
      ...deepseekV3.block,
      router: groupedSigmoidRouter(UNGROUPED),
      experts: {
        gateUp: 'ungated',
        glu: { kind: 'plain', activation: activation('mlp_hidden_act', 'relu2') },
      },
      latent: when(
        (config) => natural('moe_latent_size', 0)(config) > 0,
        { size: count('moe_latent_size'), bias: flag('mlp_bias', false) },
        null,
      ),
      shared: {
        intermediateSize: count('moe_shared_expert_intermediate_size'),
        layout: 'ungated',
        bias: flag('mlp_bias', false),
        glu: { kind: 'plain', activation: activation('mlp_hidden_act', 'relu2') },
      },
    },
    tensors: {
      router: 'gate.weight',
      selection_bias: 'gate.e_score_correction_bias',
      expert_up: 'experts.up_proj',
      expert_down: 'experts.down_proj',
      latent_in: 'fc1_latent_proj.weight',
      latent_in_bias: 'fc1_latent_proj.bias',
      latent_out: 'fc2_latent_proj.weight',
      latent_out_bias: 'fc2_latent_proj.bias',
      ...SHARED_EXPERTS,
    },
    layers: hybridLayers,
  },
];
