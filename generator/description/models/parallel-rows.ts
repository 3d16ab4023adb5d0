// Rows of the model table whose experts work beside others: a dense branch that is a whole MLP of the model's own width, or smaller experts
// that neighbours share.

import { everyLayer, layersIf, sparseStep } from './layers.js';
import type { LayerConfig } from './config.js';
import {
  expertsPerToken,
  hiddenSize,
  moeIntermediateSize,
  plainGlu,
  softcapAt,
  softmaxRouter,
  STACKED,
  SUM,
  type ModelRow,
} from './parts.js';
import { activation, count, firstOf, flag, natural, real } from './readers.js';

/** Of the norms of a layer. */
const norm = { epsilon: real('rms_norm_eps', 1e-6) } as const;

const gemmaGlu = { kind: 'plain', activation: activation('hidden_activation', 'gelu_tanh') } as const;
const grokGlu = { kind: 'plain', activation: activation('hidden_act', 'gelu_tanh') } as const;

export const parallelRows: readonly ModelRow[] = [
  {
    // The block is the layer between attention and the last norm: its input is the residual stream.
    types: ['gemma4', 'gemma4_unified'],
    block: {
      hiddenSize,
      intermediateSize: count(['moe_intermediate_size', 'expert_intermediate_size']),
      numExperts: count('num_experts'),
      topK: count('top_k_experts'),
      router: {
        norm: { ...norm, factor: (config) => hiddenSize(config) ** -0.5 },
        scoring: { kind: 'softmax' },
        normalize: SUM,
        expertScale: true,
      },
      experts: { glu: gemmaGlu, inputNorm: norm, outputNorm: norm },
      shared: { intermediateSize: gemmaWidth, glu: gemmaGlu, inputNorm: norm, outputNorm: norm },
    },
    tensors: {
      router: 'router.proj.weight',
      router_norm: 'router.scale',
      expert_scale: 'router.per_expert_scale',
      ...STACKED,
      expert_norm: 'pre_feedforward_layernorm_2.weight',
      routed_norm: 'post_feedforward_layernorm_2.weight',
      shared_norm: 'pre_feedforward_layernorm.weight',
      shared_gate: 'mlp.gate_proj.weight',
      shared_up: 'mlp.up_proj.weight',
      shared_down: 'mlp.down_proj.weight',
      shared_output_norm: 'post_feedforward_layernorm_1.weight',
    },
    layers: layersIf(flag('enable_moe_block', false), everyLayer),
  },
  {
    // As the makers serve it (inclusionAI/GroveMoE): 2, 128 and 0.05 stand in their code, and `norm_topk_prob` is not asked for. They
    // choose by the sigmoid of the logits, in the order of which the softmax lies too.
    types: ['grove_moe'],
    block: {
      hiddenSize,
      intermediateSize: moeIntermediateSize,
      numExperts: count('num_experts'),
      topK: expertsPerToken,
      router: softmaxRouter,
      experts: { gateUp: 'separate', glu: plainGlu },
      adjugate: {
        expertsPerGroup: natural('experts_per_group', 2),
        intermediateSize: natural('parallel_expert_intermediate_size', 128),
        scale: real('expert_group_scale', 0.05),
      },
    },
    tensors: {
      router: 'gate.weight',
      expert_gate: 'experts.{expert}.gate_proj.weight',
      expert_up: 'experts.{expert}.up_proj.weight',
      expert_down: 'experts.{expert}.down_proj.weight',
      adjugate_gate: 'chunk_experts.{expert}.gate_proj.weight',
      adjugate_up: 'chunk_experts.{expert}.up_proj.weight',
      adjugate_down: 'chunk_experts.{expert}.down_proj.weight',
    },
    layers: sparseStep,
    // Of `expert_bias`, which no code reads.
    ignored: ['selection_bias'],
  },
  {
    // As the makers serve it (sgl-project/sglang); the activation is that of their first model.
    types: ['grok', 'grok1', 'grok2'],
    block: {
      hiddenSize,
      intermediateSize: firstOf('moe_intermediate_size', count, count('intermediate_size')),
      numExperts: count(['num_local_experts', 'num_experts']),
      topK: expertsPerToken,
      router: { softcap: softcapAt('router_logit_softcapping', 30), scoring: { kind: 'softmax' } },
      experts: { gateUp: 'separate', glu: grokGlu },
      shared: (config: LayerConfig) =>
        flag('residual_moe', false)(config)
          ? { intermediateSize: count('intermediate_size'), glu: grokGlu, combine: 'equal_power' }
          : null,
    },
    tensors: {
      router: 'block_sparse_moe.gate.weight',
      expert_gate: 'block_sparse_moe.experts.{expert}.w1.weight',
      expert_up: 'block_sparse_moe.experts.{expert}.w3.weight',
      expert_down: 'block_sparse_moe.experts.{expert}.w2.weight',
      shared_gate: 'mlp.gate_proj.weight',
      shared_up: 'mlp.up_proj.weight',
      shared_down: 'mlp.down_proj.weight',
    },
    layers: everyLayer,
  },
];

/** The last layers share their keys and values, and may be twice as wide for it. */
function gemmaWidth(config: LayerConfig): number {
  const width = count('intermediate_size')(config);
  const shared = natural('num_kv_shared_layers', 0)(config);
  const isShared = config.layer >= count('num_hidden_layers')(config) - shared;
  return isShared && flag('use_double_wide_mlp', false)(config) ? 2 * width : width;
}
