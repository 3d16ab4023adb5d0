// The other model types: scores of each expert by itself, or none at all.

import { LOCAL, NUM, OWN_WIDTH, ROUTED, type ModelCase } from './model-keys.js';
import { SHARED, SIGMOID, SUM, SUM_1E20 } from './plain-block.js';

export const SIGMOID_CASES: Readonly<Record<string, ModelCase>> = {
  deepseek_v3: [
    { ...OWN_WIDTH, ...ROUTED, n_group: 4, topk_group: 2 },
    {
      router: {
        ...SIGMOID,
        groups: { count: 4, keep: 2, score: 'top2_sum' },
        normalize: SUM_1E20,
        scale: 2.5,
      },
      shared: SHARED,
    },
    ['gate.e_score_correction_bias', 'shared_experts.gate_proj.weight'],
  ],
  dots1: [
    { ...OWN_WIDTH, ...ROUTED, n_shared_experts: 2 },
    { router: SIGMOID, shared: { ...SHARED, intermediateSize: 64 } },
    ['gate.e_score_correction_bias'],
  ],
  exaone_moe: [
    { ...OWN_WIDTH, ...NUM },
    { router: { ...SIGMOID, normalize: SUM_1E20, scale: 2.5 }, shared: SHARED },
    ['gate.weight'],
  ],
  glm4_moe: [
    { ...OWN_WIDTH, ...ROUTED },
    { router: { ...SIGMOID, normalize: SUM_1E20 }, shared: SHARED },
    ['gate.weight'],
  ],
  glm4_moe_lite: [
    { ...OWN_WIDTH, ...ROUTED },
    { router: { ...SIGMOID, normalize: SUM_1E20, scale: 1.8 }, shared: SHARED },
    ['gate.weight'],
  ],
  glm_moe_dsa: [
    { ...OWN_WIDTH, ...ROUTED },
    { router: { ...SIGMOID, normalize: SUM_1E20, scale: 2.5 }, shared: SHARED },
    ['gate.weight'],
  ],
  solar_open: [
    { ...OWN_WIDTH, ...ROUTED },
    { router: { ...SIGMOID, normalize: SUM_1E20 }, shared: SHARED },
    ['gate.weight'],
  ],
  kimi_linear: [
    { ...OWN_WIDTH, num_experts: 8, num_experts_per_token: 2 },
    { router: { ...SIGMOID, normalize: SUM_1E20, scale: 2.446 }, shared: SHARED },
    ['gate.weight'],
  ],
  mimo_v2_flash: [
    { ...OWN_WIDTH, ...ROUTED, routed_scaling_factor: null, n_shared_experts: null },
    { router: { ...SIGMOID, normalize: SUM_1E20 } },
    ['gate.e_score_correction_bias'],
  ],
  nemotron_h: [
    { ...OWN_WIDTH, ...ROUTED, moe_shared_expert_intermediate_size: 48, moe_latent_size: null },
    {
      router: { ...SIGMOID, normalize: SUM_1E20 },
      experts: { gateUp: 'ungated', glu: { kind: 'plain', activation: 'relu2' } },
      shared: {
        ...SHARED,
        intermediateSize: 48,
        layout: 'ungated',
        glu: { kind: 'plain', activation: 'relu2' },
      },
    },
    ['experts.up_proj', 'shared_experts.up_proj.weight'],
  ],
  afmoe: [
    { ...OWN_WIDTH, ...NUM, route_scale: 1.5 },
    {
      router: { ...SIGMOID, normalize: SUM_1E20, scale: 1.5 },
      shared: { ...SHARED, intermediateSize: 64 },
    },
    ['router.gate.weight', 'expert_bias'],
  ],
  lfm2_moe: [
    { ...OWN_WIDTH, ...NUM, hidden_act: 'relu' },
    { router: { ...SIGMOID, normalize: { kind: 'sum', epsilon: 1e-6 } } },
    ['gate.weight', 'expert_bias'],
  ],
  minimax_m2: [
    { intermediate_size: 32, ...LOCAL },
    { router: { ...SIGMOID, normalize: SUM } },
    ['e_score_correction_bias'],
  ],
  minimax_m3_vl: [
    { intermediate_size: 32, ...LOCAL, shared_intermediate_size: 48 },
    {
      router: { ...SIGMOID, normalize: SUM },
      experts: { glu: { kind: 'oai', limit: 7, alpha: 1.702 } },
      routedScale: 2,
      shared: {
        ...SHARED,
        intermediateSize: 48,
        layout: 'packed',
        glu: { kind: 'oai', limit: 7, alpha: 1.702 },
      },
    },
    ['shared_experts.gate_up_proj.weight', 'gate.e_score_correction_bias'],
  ],
  step3p7: [
    { ...OWN_WIDTH, ...ROUTED, share_expert_dim: 48 },
    { router: { ...SIGMOID, normalize: SUM }, shared: { ...SHARED, intermediateSize: 48 } },
    ['gate.e_score_correction_bias'],
  ],
  deepseek_v4: [
    { moe_intermediate_size: 32, ...ROUTED, vocab_size: 100, n_shared_experts: 5 },
    {
      router: {
        scoring: { kind: 'sqrtsoftplus' },
        selection: { kind: 'token_table', vocabSize: 100 },
        normalize: SUM_1E20,
        scale: 1.5,
      },
      experts: { glu: { kind: 'clamp_before', activation: 'silu', limit: 10 } },
      shared: { ...SHARED, glu: { kind: 'clamp_before', activation: 'silu', limit: 10 } },
    },
    ['gate.tid2eid'],
  ],
  deepseek_v41: [
    { ...OWN_WIDTH, ...ROUTED, gate_temp: 2, vision_config: {}, routed_scaling_factor: 1.5 },
    {
      router: {
        scoring: { kind: 'sqrtsoftplus' },
        temperature: 2,
        selectionBias: true,
        markedSelectionBias: true,
        normalize: SUM_1E20,
        scale: 1.5,
      },
      experts: { glu: { kind: 'clamp_before', activation: 'silu', limit: 10 } },
      shared: { ...SHARED, glu: { kind: 'clamp_before', activation: 'silu', limit: 10 } },
    },
    ['gate.e_score_correction_bias', 'gate.bias_vl'],
  ],
  laguna: [
    {
      ...OWN_WIDTH,
      ...NUM,
      shared_expert_intermediate_size: 48,
      moe_router_logit_softcapping: 30,
      moe_routed_scaling_factor: 2.5,
    },
    {
      router: { ...SIGMOID, normalize: SUM, softcap: 30 },
      routedScale: 2.5,
      shared: { ...SHARED, intermediateSize: 48 },
    },
    ['gate.e_score_correction_bias', 'shared_experts.gate_proj.weight'],
  ],
  klear: [
    { ...OWN_WIDTH, ...NUM, n_shared_experts: 2, norm_topk_prob: true },
    {
      router: { ...SIGMOID, normalize: SUM },
      shared: { ...SHARED, intermediateSize: 64, combine: 'softmax' },
    },
    ['expert_bias', 'coefficient.weight', 'coefficient.bias'],
  ],
  smallthinker: [
    { moe_ffn_hidden_size: 32, moe_num_primary_experts: 8, moe_num_active_primary_experts: 2 },
    {
      router: { input: 'own', scoring: { kind: 'raw' }, post: 'sigmoid', normalize: SUM },
      experts: { gateUp: 'separate', glu: { kind: 'plain', activation: 'relu' } },
    },
    ['primary_router.weight', 'experts.{expert}.gate.weight'],
  ],
  gemma4: [
    {
      intermediate_size: 40,
      moe_intermediate_size: 32,
      num_experts: 8,
      top_k_experts: 2,
      num_hidden_layers: 4,
      hidden_activation: 'gelu_pytorch_tanh',
      rms_norm_eps: 1e-6,
    },
    {
      router: { norm: { epsilon: 1e-6, factor: 0.125 }, normalize: SUM, expertScale: true },
      experts: {
        glu: { kind: 'plain', activation: 'gelu_tanh' },
        inputNorm: { epsilon: 1e-6 },
        outputNorm: { epsilon: 1e-6 },
      },
      shared: {
        ...SHARED,
        intermediateSize: 40,
        glu: { kind: 'plain', activation: 'gelu_tanh' },
        inputNorm: { epsilon: 1e-6 },
        outputNorm: { epsilon: 1e-6 },
      },
    },
    [
      'router.scale',
      'router.per_expert_scale',
      'pre_feedforward_layernorm_2.weight',
      'post_feedforward_layernorm_1.weight',
      'mlp.down_proj.weight',
    ],
  ],
  grok: [
    { intermediate_size: 40, moe_intermediate_size: 32, ...LOCAL, residual_moe: true },
    {
      router: { softcap: 30 },
      experts: { gateUp: 'separate', glu: { kind: 'plain', activation: 'gelu_tanh' } },
      shared: {
        ...SHARED,
        intermediateSize: 40,
        glu: { kind: 'plain', activation: 'gelu_tanh' },
        combine: 'equal_power',
      },
    },
    ['block_sparse_moe.experts.{expert}.w1.weight', 'mlp.up_proj.weight'],
  ],
  llama4: [
    { intermediate_size: 32, intermediate_size_mlp: 999, ...LOCAL },
    {
      router: { scoring: { kind: 'raw' }, post: 'sigmoid' },
      experts: { gateUpOrder: 'in_out', downOrder: 'in_out', weightOn: 'input' },
      shared: SHARED,
    },
    ['router.weight', 'shared_expert.gate_proj.weight'],
  ],
  phimoe: [
    { intermediate_size: 32, ...LOCAL },
    { router: { scoring: { kind: 'sparsemixer', epsilon: 0.01 } } },
    ['router.weight'],
  ],
};
