// Model types whose router is a softmax, over all experts or over the selected ones.

import { LOCAL, NUM, OWN_WIDTH, ROUTED, type ModelCase } from './model-keys.js';
import { OF_SELECTED, SHARED, SIGMOID, SUM, SUM_1E20 } from './plain-block.js';

export const SOFTMAX_CASES: Readonly<Record<string, ModelCase>> = {
  mixtral: [{ intermediate_size: 32, ...LOCAL }, { router: { normalize: SUM } }, ['gate.weight']],
  minimax: [{ intermediate_size: 32, ...LOCAL }, { router: { normalize: SUM } }, ['gate.weight']],
  olmoe: [{ intermediate_size: 32, ...NUM }, {}, ['gate.weight']],
  flex_olmo: [{ intermediate_size: 32, ...NUM }, {}, ['gate.weight']],
  qwen3_moe: [{ ...OWN_WIDTH, ...LOCAL }, {}, ['gate.weight']],
  grove_moe: [
    { ...OWN_WIDTH, ...NUM, parallel_expert_intermediate_size: 16 },
    {
      router: { normalize: SUM },
      experts: { gateUp: 'separate' },
      adjugate: { expertsPerGroup: 2, intermediateSize: 16, layout: 'separate', scale: 0.05 },
    },
    ['gate.weight', 'chunk_experts.{expert}.up_proj.weight'],
  ],
  qwen3_vl_moe: [{ ...OWN_WIDTH, ...LOCAL }, { router: { normalize: SUM } }, ['gate.weight']],
  qwen2_moe: [
    { ...OWN_WIDTH, ...NUM, shared_expert_intermediate_size: 48 },
    { shared: { ...SHARED, intermediateSize: 48, sigmoidGate: true } },
    ['gate.weight', 'shared_expert.gate_proj.weight', 'shared_expert_gate.weight'],
  ],
  qwen3_next: [
    { ...OWN_WIDTH, ...NUM, shared_expert_intermediate_size: 48 },
    { router: { normalize: SUM }, shared: { ...SHARED, intermediateSize: 48, sigmoidGate: true } },
    ['shared_expert.down_proj.weight'],
  ],
  qwen3_5_moe: [
    { ...OWN_WIDTH, ...NUM, shared_expert_intermediate_size: 48, norm_topk_prob: false },
    { router: { normalize: SUM }, shared: { ...SHARED, intermediateSize: 48, sigmoidGate: true } },
    ['shared_expert.up_proj.weight'],
  ],
  granitemoe: [{ intermediate_size: 32, ...LOCAL }, { router: OF_SELECTED }, ['router.weight']],
  granitemoeshared: [
    { intermediate_size: 32, ...LOCAL, shared_intermediate_size: 48 },
    { router: OF_SELECTED, shared: { ...SHARED, intermediateSize: 48, layout: 'packed' } },
    ['block_sparse_moe.router.layer.weight', 'shared_mlp.input_linear.weight'],
  ],
  granitemoehybrid: [
    { intermediate_size: 32, ...LOCAL, shared_intermediate_size: 0 },
    { router: OF_SELECTED },
    ['block_sparse_moe.input_linear.weight', 'block_sparse_moe.output_linear.weight'],
  ],
  aria: [
    { intermediate_size: 32, moe_num_experts: 8, moe_topk: 2, moe_num_shared_experts: 2 },
    {
      router: OF_SELECTED,
      experts: { gateUpOrder: 'in_out', downOrder: 'in_out' },
      shared: { ...SHARED, intermediateSize: 64 },
    },
    ['router.weight', 'experts.fc1.weight', 'experts.fc2.weight', 'shared_experts.up_proj.weight'],
  ],
  deepseek: [
    { ...OWN_WIDTH, ...ROUTED, n_shared_experts: 2, norm_topk_prob: true },
    { router: { normalize: SUM_1E20 }, shared: { ...SHARED, intermediateSize: 64 } },
    ['gate.weight', 'shared_experts.gate_proj.weight'],
  ],
  step3_text: [
    { ...OWN_WIDTH, moe_num_experts: 8, moe_top_k: 2, share_expert_dim: 48, norm_expert_weight: true },
    { router: { normalize: SUM }, shared: { ...SHARED, intermediateSize: 48 } },
    ['gate.weight', 'share_expert.down_proj.weight'],
  ],
  jamba: [{ intermediate_size: 32, ...NUM }, {}, ['router.weight', 'experts.gate_up_proj']],
  qwen3_omni_moe: [{ ...OWN_WIDTH, ...NUM }, { router: { normalize: SUM } }, ['gate.weight']],
  bailing_moe: [
    {
      ...OWN_WIDTH,
      ...NUM,
      num_shared_experts: 2,
      moe_shared_expert_intermediate_size: 24,
      moe_router_enable_expert_bias: true,
      score_function: 'sigmoid',
      n_group: 4,
      topk_group: 2,
      routed_scaling_factor: 2.5,
    },
    {
      router: {
        ...SIGMOID,
        groups: { count: 4, keep: 2, score: 'top2_sum' },
        normalize: SUM_1E20,
        scale: 2.5,
      },
      shared: { ...SHARED, intermediateSize: 48 },
    },
    ['gate.expert_bias', 'shared_experts.gate_proj.weight'],
  ],
  jetmoe: [
    { intermediate_size: 32, ...LOCAL, hidden_act: 'relu' },
    { router: OF_SELECTED, outputBias: true },
    ['router.layer.weight', 'input_linear.weight', 'output_linear.weight', 'bias'],
  ],
  gpt_oss: [
    { intermediate_size: 32, ...LOCAL, hidden_act: 'relu', swiglu_limit: 1 },
    {
      router: { ...OF_SELECTED, logitBias: true },
      experts: {
        gateUp: 'interleaved',
        gateUpOrder: 'in_out',
        downOrder: 'in_out',
        bias: true,
        glu: { kind: 'oai', limit: 7, alpha: 1.702 },
      },
    },
    ['router.bias', 'experts.gate_up_proj_bias', 'experts.down_proj_bias'],
  ],
  cohere2_moe: [{ intermediate_size: 32, ...NUM }, { router: OF_SELECTED }, ['gate.weight']],
  hunyuan_v1_moe: [
    { intermediate_size: 32, num_experts: 8, moe_topk: [9, 2] },
    { router: { normalize: SUM }, shared: SHARED },
    ['gate.wg.weight', 'shared_mlp.gate_proj.weight'],
  ],
  ernie4_5_moe: [
    { ...OWN_WIDTH, moe_num_experts: 8, moe_k: 2 },
    {
      router: { selectionBias: true, normalize: { kind: 'floor', floor: 1e-12 } },
      shared: { ...SHARED, intermediateSize: 64 },
    },
    ['gate.moe_statics.e_score_correction_bias', 'shared_experts.down_proj.weight'],
  ],
  longcat_flash: [
    { expert_ffn_hidden_size: 32, n_routed_experts: 8, zero_expert_num: 4, moe_topk: 2, router_bias: true },
    { numZeroExperts: 4, router: { selectionBias: true, scale: 6 } },
    ['router.classifier.weight', 'router.e_score_correction_bias'],
  ],
  deepseek_v2: [
    { ...OWN_WIDTH, ...ROUTED, norm_topk_prob: true },
    { shared: { ...SHARED, intermediateSize: 64 } },
    ['gate.weight'],
  ],
  dbrx: [
    { d_model: 64, ffn_config: { ffn_hidden_size: 32, moe_num_experts: 8, moe_top_k: 2 } },
    { router: { normalize: { kind: 'p_norm', p: 1 } }, experts: { gateUp: 'separate', downOrder: 'in_out' } },
    ['experts.mlp.w1', 'experts.mlp.v1', 'experts.mlp.w2'],
  ],
  nllb_moe: [
    {
      d_model: 64,
      encoder_ffn_dim: 32,
      decoder_ffn_dim: 16,
      encoder_layers: 2,
      decoder_layers: 2,
      num_experts: 8,
    },
    {
      router: { normalize: { kind: 'floor', floor: 2 ** -23 } },
      experts: { gateUp: 'ungated', bias: true, glu: { kind: 'plain', activation: 'relu' } },
      routedScale: 0.8,
    },
    ['router.classifier.weight', 'experts.expert_{expert}.fc1.weight', 'experts.expert_{expert}.fc2.bias'],
  ],
};
