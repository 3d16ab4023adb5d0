// Every model type read from a configuration with the keys that its config.json has. The expected blocks are written in full,
// as differences from one plain block.

import { describe, expect, test } from 'vitest';
import type { MoeBlock } from '../../generator/spec/block.js';
import { modelTypes, readBlock } from '../../generator/spec/models/index.js';

const SIZES = { hiddenSize: 64, intermediateSize: 32, numExperts: 8, topK: 2 };
const PLAIN: Omit<MoeBlock, 'tensors'> = {
  ...SIZES,
  numZeroExperts: 0,
  router: {
    scoring: { kind: 'softmax' },
    logitBias: false,
    selectionBias: false,
    groups: null,
    selection: { kind: 'top_k' },
    post: 'none',
    normalize: { kind: 'none' },
    scale: 1,
  },
  experts: {
    gateUp: 'concatenated',
    gateUpOrder: 'out_in',
    downOrder: 'out_in',
    bias: false,
    glu: { kind: 'plain', activation: 'silu' },
    weightOn: 'output',
  },
  latent: null,
  routedScale: 1,
  outputBias: false,
  shared: null,
};
const SHARED: NonNullable<MoeBlock['shared']> = {
  intermediateSize: 32,
  layout: 'separate',
  bias: false,
  glu: { kind: 'plain', activation: 'silu' },
  sigmoidGate: false,
  combine: 'sum',
};
const SUM = { kind: 'sum', epsilon: 0 } as const;
const SUM_1E20 = { kind: 'sum', epsilon: 1e-20 } as const;
const SIGMOID = { scoring: { kind: 'sigmoid' }, selectionBias: true } as const;
const OF_SELECTED = { scoring: { kind: 'raw' }, post: 'softmax' } as const;

interface Difference extends Omit<Partial<MoeBlock>, 'router' | 'experts' | 'tensors'> {
  readonly router?: Partial<MoeBlock['router']>;
  readonly experts?: Partial<MoeBlock['experts']>;
}

/** Keys of the sizes; everything else that a type reads is left to its default. */
const DENSE_WIDTH = { intermediate_size: 999 };
const OWN_WIDTH = { ...DENSE_WIDTH, moe_intermediate_size: 32 };
const LOCAL = { num_local_experts: 8, num_experts_per_tok: 2 };
const NUM = { num_experts: 8, num_experts_per_tok: 2 };
const ROUTED = { n_routed_experts: 8, num_experts_per_tok: 2 };

const TABLE: Readonly<Record<string, readonly [Record<string, unknown>, Difference, readonly string[]]>> = {
  mixtral: [{ intermediate_size: 32, ...LOCAL }, { router: { normalize: SUM } }, ['gate.weight']],
  minimax: [{ intermediate_size: 32, ...LOCAL }, { router: { normalize: SUM } }, ['gate.weight']],
  olmoe: [{ intermediate_size: 32, ...NUM }, {}, ['gate.weight']],
  flex_olmo: [{ intermediate_size: 32, ...NUM }, {}, ['gate.weight']],
  qwen3_moe: [{ ...OWN_WIDTH, ...LOCAL }, {}, ['gate.weight']],
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

test('the table has 37 types, and each is tested', () => {
  expect(modelTypes()).toHaveLength(37);
  expect(Object.keys(TABLE).sort()).toEqual(modelTypes());
});

describe('each type becomes its block', () => {
  test.each(Object.entries(TABLE))('%s', (type, [keys, difference, names]) => {
    const { tensors, ...traits } = readBlock({ model_type: type, hidden_size: 64, ...keys }, 1, 'c');
    expect(traits).toEqual({
      ...PLAIN,
      ...difference,
      router: { ...PLAIN.router, ...difference.router },
      experts: { ...PLAIN.experts, ...difference.experts },
    });
    expect(Object.values(tensors).map(({ name }) => name)).toEqual(expect.arrayContaining([...names]));
  });
});

test('tensors have the shapes that the checkpoint gives them', () => {
  const shapesOf = (type: string) => {
    const { tensors } = readBlock({ model_type: type, hidden_size: 64, ...TABLE[type]?.[0] }, 1, 'c');
    return Object.fromEntries(Object.entries(tensors).map(([role, { shape }]) => [role, shape]));
  };
  expect(shapesOf('longcat_flash')).toEqual({
    router: [12, 64],
    selection_bias: [12],
    expert_gate_up: [12, 64, 64],
    expert_down: [8, 64, 32],
  });
  expect(shapesOf('ernie4_5_moe')).toMatchObject({ selection_bias: [1, 8], shared_gate: [64, 64] });
  expect(shapesOf('dbrx')).toEqual({
    router: [8, 64],
    expert_gate: [256, 64],
    expert_up: [256, 64],
    expert_down: [256, 64],
  });
  expect(shapesOf('nllb_moe')).toEqual({
    router: [8, 64],
    expert_up: [32, 64],
    expert_up_bias: [32],
    expert_down: [64, 32],
    expert_down_bias: [64],
  });
  expect(shapesOf('gpt_oss')).toEqual({
    router: [8, 64],
    router_bias: [8],
    expert_gate_up: [8, 64, 64],
    expert_gate_up_bias: [8, 64],
    expert_down: [8, 32, 64],
    expert_down_bias: [8, 64],
  });
});
