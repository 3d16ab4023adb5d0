// Options of the models that no recorded block has: other sizes, groups, clamps that bite, tables, latent spaces, biases. The
// parameters are filled by rule, and the reference says what must come out.

import { describe, expect, it } from 'vitest';
import { LAYER_PATHS } from '../../generator/plan/layer.js';
import { blockLayers } from '../../generator/description/models/index.js';
import type { ActivationDtype } from '../../generator/description/dtypes.js';
import { validateModel } from '../../generator/validate/validate.js';
import { OPTION_BLOCKS } from '../support/option-blocks.js';
import { openBlockTexts, hostDevice } from '../support/host-kernels.js';

/** Not twice the inner width, no multiple of a tile, an odd inner width. */
const SIZES = { hidden_size: 60, num_hidden_layers: 2 };
const OWN_WIDTH = { ...SIZES, intermediate_size: 999, moe_intermediate_size: 37 };
const WIDTH = { ...SIZES, intermediate_size: 37 };

const MODELS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'a single expert': {
    ...{ model_type: 'mixtral', ...WIDTH, num_local_experts: 1, num_experts_per_tok: 1 },
  },
  'every expert selected, gelu': {
    ...{ model_type: 'minimax', ...WIDTH, num_local_experts: 5, num_experts_per_tok: 5, hidden_act: 'gelu' },
  },
  'sigmoid of the selected, half of the sum with the shared expert': {
    ...{ model_type: 'cohere2_moe', ...WIDTH, num_experts: 8, num_experts_per_tok: 3, num_shared_experts: 2 },
    ...{ expert_selection_fn: 'sigmoid', norm_topk_prob: true },
    shared_expert_combination_strategy: 'average',
  },
  'other experts in every layer': {
    ...{ model_type: 'hunyuan_v1_moe', ...WIDTH, num_experts: [4, 9], moe_topk: [1, 3] },
  },
  'an output bias and tanh gelu': {
    ...{ model_type: 'jetmoe', ...WIDTH, num_local_experts: 8, num_experts_per_tok: 3 },
    activation_function: 'gelu_pytorch_tanh',
  },
  '512 experts and 256 zero experts': {
    ...{ model_type: 'longcat_flash', ...SIZES, num_layers: 2, expert_ffn_hidden_size: 37, moe_topk: 12 },
    ...{ n_routed_experts: 512, zero_expert_num: 256, routed_scaling_factor: 6 },
  },
  'groups by their best expert, shared biases': {
    ...{ model_type: 'deepseek_v2', ...OWN_WIDTH, n_routed_experts: 24, num_experts_per_tok: 5 },
    ...{ topk_method: 'group_limited_greedy', n_group: 4, topk_group: 2, routed_scaling_factor: 16 },
    ...{ n_shared_experts: 2, mlp_bias: true, first_k_dense_replace: 0 },
  },
  'groups by their two best, latent space': {
    ...{
      model_type: 'nemotron_h',
      ...OWN_WIDTH,
      n_routed_experts: 12,
      num_experts_per_tok: 3,
      mlp_bias: true,
    },
    ...{ n_group: 3, topk_group: 2, moe_latent_size: 28, moe_shared_expert_intermediate_size: 33 },
    ...{ layers_block_type: ['moe', 'mamba'], routed_scaling_factor: 2 },
  },
  'no selection bias, no normalizing': {
    ...{ model_type: 'lfm2_moe', ...OWN_WIDTH, num_experts: 9, num_experts_per_tok: 4, num_dense_layers: 0 },
    ...{ use_expert_bias: false, norm_topk_prob: false, routed_scaling_factor: 3 },
  },
  'clamped units, packed': {
    ...{ model_type: 'minimax_m3_vl', ...WIDTH, num_local_experts: 9, num_experts_per_tok: 4 },
    ...{ shared_intermediate_size: 43, swiglu_limit: 0.5 },
  },
  'limits after the activation, by layer': {
    ...{ model_type: 'step3p7', ...OWN_WIDTH, n_routed_experts: 9, num_experts_per_tok: 4, mlp_bias: true },
    ...{ share_expert_dim: 43, moe_router_scaling_factor: 3, moe_layers_enum: '0,1' },
    ...{ swiglu_limits: [0.25, 0], swiglu_limits_shared: [0, 0.125] },
  },
  'limits before the activation, a table of experts': {
    ...{ model_type: 'deepseek_v4', ...SIZES, moe_intermediate_size: 37, n_routed_experts: 9 },
    ...{ num_experts_per_tok: 4, vocab_size: 100, swiglu_limit: 0.25, mlp_bias: true },
    mlp_layer_types: ['hash_moe', 'moe'],
  },
  'several weighted inputs': {
    ...{ model_type: 'llama4', ...WIDTH, intermediate_size_mlp: 99, interleave_moe_layer_step: 1 },
    ...{ num_local_experts: 6, num_experts_per_tok: 3 },
  },
  'weights over their norm, transposed down': {
    ...{ model_type: 'dbrx', d_model: 60, n_layers: 2 },
    ffn_config: { ffn_hidden_size: 37, moe_num_experts: 6, moe_top_k: 3, moe_normalize_expert_weights: 2 },
  },
  'a tensor for each expert, biases': {
    ...{ model_type: 'nllb_moe', d_model: 60, encoder_ffn_dim: 37, decoder_ffn_dim: 29, num_experts: 8 },
    ...{ encoder_layers: 1, decoder_layers: 1, encoder_sparse_step: 1, decoder_sparse_step: 1 },
  },
  'many rivals': {
    ...{ model_type: 'phimoe', ...WIDTH, num_local_experts: 16, num_experts_per_tok: 2 },
    router_jitter_noise: 0.3,
  },
};

const device = hostDevice();
const CHOICE = { paths: LAYER_PATHS, checks: [], seed: 1 } as const;

async function run(name: string, dtype: ActivationDtype) {
  const layers = blockLayers(MODELS[name], name);
  const model = { name, layers, numTokens: 19 };
  const verdicts = await validateModel(device, openBlockTexts, model, {
    ...{ ...CHOICE, activation: dtype, weight: dtype, intermediate: dtype },
  });
  expect(verdicts).toHaveLength(layers.blocks.length);
  return verdicts;
}

describe('options of models', () => {
  it.each(Object.keys(MODELS))('%s, in f32', async (name) => {
    for (const { ok, identical, rel_error } of await run(name, 'f32')) {
      expect({ ok, identical }).toEqual({ ok: true, identical: true });
      expect(rel_error).toBeLessThan(2e-6);
    }
  });

  it.each(Object.entries(OPTION_BLOCKS))('%s, in f32', async (name, block) => {
    const layers = { numLayers: 1, blocks: [{ block, layers: [0] }], denseLayers: [] };
    const verdicts = await validateModel(
      device,
      openBlockTexts,
      { name, layers, numTokens: 19 },
      { ...CHOICE, activation: 'f32', weight: 'f32', intermediate: 'f32' },
    );
    const [{ ok, identical, rel_error } = {}] = verdicts;
    expect({ ok, identical }).toEqual({ ok: true, identical: true });
    expect(rel_error).toBeLessThan(2e-6);
  });

  it('takes what storing clamped values costs for the limit, in bf16', async () => {
    const [verdict] = await run('clamped units, packed', 'bf16');
    expect(verdict).toMatchObject({ ok: true, identical: true });
    expect(verdict?.limit).toBeGreaterThan(2.6e-3);
    expect(verdict?.limit).toBeLessThan(2 ** -8);
  });
});
