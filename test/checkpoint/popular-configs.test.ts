// Configurations of models that many people run, and of what tools make of them, shortened to the keys that decide: the formats, the first
// layer with experts, and what some of the tensors are called.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { configuredLayers } from '../../generator/checkpoint/formats/configured-layers.js';
import { describeModel, layerGroups } from '../../generator/checkpoint/model.js';
import type { TensorRole } from '../../generator/description/block.js';
import { blockLayers } from '../../generator/description/models/index.js';
import type { FormatMix } from '../../generator/description/weights.js';
import { emptyFolder } from './fixtures.js';

const { folder, remove } = emptyFolder();
afterAll(remove);

const MIXTRAL = {
  ...{ model_type: 'mixtral', torch_dtype: 'bfloat16', hidden_size: 6144, intermediate_size: 16384 },
  ...{ num_local_experts: 8, num_experts_per_tok: 2, num_hidden_layers: 2 },
};
const QWEN3 = {
  ...{ model_type: 'qwen3_moe', torch_dtype: 'bfloat16', hidden_size: 2048, moe_intermediate_size: 768 },
  ...{ num_experts: 8, num_experts_per_tok: 2, num_hidden_layers: 2, norm_topk_prob: true },
};
const DEEPSEEK = {
  ...{ torch_dtype: 'bfloat16', hidden_size: 4096, moe_intermediate_size: 1408, n_routed_experts: 8 },
  ...{ n_shared_experts: 2, num_experts_per_tok: 6, n_group: 1, topk_group: 1, norm_topk_prob: true },
  ...{ routed_scaling_factor: 2.5, first_k_dense_replace: 1, num_hidden_layers: 4, hidden_act: 'silu' },
};
const LLAMA4 = {
  model_type: 'llama4',
  torch_dtype: 'bfloat16',
  text_config: {
    ...{ model_type: 'llama4_text', hidden_size: 5120, intermediate_size: 8192, num_local_experts: 8 },
    ...{ num_experts_per_tok: 1, num_hidden_layers: 4, interleave_moe_layer_step: 2 },
  },
};
const compressed = (weights: object, ignore: readonly string[], format = 'pack-quantized') => ({
  quantization_config: {
    ...{ quant_method: 'compressed-tensors', format, ignore },
    config_groups: { group_0: { targets: ['Linear'], weights } },
  },
});
const EXPERTS = (format: string): FormatMix => ({ router: 'bf16', gate_up: format, down: format });
const WITH_SHARED = (format: string, shared = format): FormatMix => ({
  ...EXPERTS(format),
  ...{ shared_gate_up: shared, shared_down: shared },
});

interface Popular {
  readonly config: object;
  readonly layers: readonly number[];
  readonly formats: FormatMix;
  readonly tensors: Partial<Record<TensorRole, string>>;
}

const CASES: Readonly<Record<string, Popular>> = {
  'Mixtral-8x22B AWQ': {
    config: {
      ...MIXTRAL,
      quantization_config: { quant_method: 'awq', bits: 4, group_size: 128, version: 'gemm' },
    },
    layers: [0, 1],
    formats: EXPERTS('affine4_g128_f32'),
    tensors: { expert_down: 'model.layers.{layer}.block_sparse_moe.experts.{expert}.w2.qweight' },
  },
  'Qwen3-30B-A3B GPTQ': {
    config: {
      ...QWEN3,
      quantization_config: { quant_method: 'gptq', bits: 4, group_size: 128, desc_act: false },
    },
    layers: [0, 1],
    formats: EXPERTS('affine4_g128_f32'),
    tensors: { expert_gate: 'model.layers.{layer}.mlp.experts.{expert}.gate_proj.qweight' },
  },
  'Qwen3-30B-A3B NVFP4 of llm-compressor': {
    config: {
      ...QWEN3,
      ...compressed({ num_bits: 4, type: 'float', strategy: 'tensor_group', group_size: 16 }, [
        ...['lm_head', 're:.*mlp.gate$'],
      ]),
    },
    layers: [0, 1],
    formats: EXPERTS('nvfp4_divided'),
    tensors: { expert_up: 'model.layers.{layer}.mlp.experts.{expert}.up_proj.weight_packed' },
  },
  'Qwen3-30B-A3B int4 with zero points': {
    config: {
      ...QWEN3,
      ...compressed({ num_bits: 4, type: 'int', group_size: 128, symmetric: false }, ['re:.*mlp.gate$']),
    },
    layers: [0, 1],
    formats: EXPERTS('affine4_g128_f32'),
    tensors: { expert_up: 'model.layers.{layer}.mlp.experts.{expert}.up_proj.weight_packed' },
  },
  'Kimi-K2-Thinking': {
    config: {
      ...{ ...DEEPSEEK, model_type: 'kimi_k2', scoring_func: 'sigmoid', topk_method: 'noaux_tc' },
      ...compressed({ num_bits: 4, type: 'int', strategy: 'group', group_size: 32, symmetric: true }, [
        ...['re:.*self_attn.*', 're:.*shared_experts.*', 're:.*mlp\\.(gate|up|gate_up|down)_proj.*'],
      ]),
    },
    layers: [1, 2, 3],
    formats: WITH_SHARED('affine4_g32_bf16', 'bf16'),
    tensors: { shared_down: 'model.layers.{layer}.mlp.shared_experts.down_proj.weight' },
  },
  // Says under "scoring_func" how it selects.
  'dots.llm1': {
    config: { ...DEEPSEEK, model_type: 'dots1', scoring_func: 'noaux_tc' },
    layers: [1, 2, 3],
    formats: WITH_SHARED('bf16'),
    tensors: { selection_bias: 'model.layers.{layer}.mlp.gate.e_score_correction_bias' },
  },
  'DeepSeek, each second layer': {
    config: { ...DEEPSEEK, model_type: 'deepseek_v3', moe_layer_freq: 2 },
    layers: [2],
    formats: WITH_SHARED('bf16'),
    tensors: {},
  },
  // The gate is a parameter of its own there, which MLX never quantises.
  'GLM-4.5 in MLX, MXFP4': {
    config: {
      ...{ ...DEEPSEEK, model_type: 'glm4_moe' },
      quantization: { group_size: 32, bits: 4, mode: 'mxfp4' },
    },
    layers: [1, 2, 3],
    formats: WITH_SHARED('mxfp4'),
    tensors: { expert_down: 'model.layers.{layer}.mlp.switch_mlp.down_proj.weight' },
  },
  'Llama-4-Maverick FP8': {
    config: {
      ...LLAMA4,
      ...compressed(
        { num_bits: 8, type: 'float', strategy: 'channel' },
        ['re:.*lm_head', 're:.*self_attn', 're:.*router', 're:.*vision_model', 'Llama4TextAttention'],
        'float-quantized',
      ),
    },
    layers: [1, 3],
    formats: WITH_SHARED('fp8_channel_bf16'),
    tensors: {
      expert_down: 'language_model.model.layers.{layer}.feed_forward.experts.{expert}.down_proj.weight',
    },
  },
  'MiniMax-M3': {
    config: {
      model_type: 'minimax_m3_vl',
      torch_dtype: 'bfloat16',
      text_config: {
        ...{ model_type: 'minimax_m3_vl_text', hidden_size: 6144, intermediate_size: 3072 },
        ...{ num_local_experts: 8, num_experts_per_tok: 4, shared_intermediate_size: 3072 },
        ...{ num_hidden_layers: 3, moe_layer_freq: [0, 1, 1] },
      },
    },
    layers: [1, 2],
    formats: WITH_SHARED('bf16'),
    tensors: {
      selection_bias: 'language_model.model.layers.{layer}.block_sparse_moe.e_score_correction_bias',
      shared_gate: 'language_model.model.layers.{layer}.block_sparse_moe.shared_experts.gate_proj.weight',
    },
  },
  'DeepSeek-V4.1-Flash': {
    config: {
      ...{ model_type: 'deepseek_v41', torch_dtype: 'bfloat16', vision_config: {} },
      text_config: {
        ...{ ...DEEPSEEK, model_type: 'deepseek_v41_text', expert_dtype: 'fp4', moe_intermediate_size: 2304 },
        ...{ n_shared_experts: 1, scoring_func: 'sqrtsoftplus', swiglu_limit: 10 },
      },
      quantization_config: { quant_method: 'fp8', scale_fmt: 'ue8m0', weight_block_size: [32, 32] },
    },
    layers: [0, 1, 2, 3],
    formats: WITH_SHARED('mxfp4', 'fp8_32x32_ue8m0'),
    tensors: {
      marked_selection_bias: 'layers.{layer}.ffn.gate.bias_vl',
      expert_down: 'layers.{layer}.ffn.experts.{expert}.w2.weight',
    },
  },
  'Qwen3-30B-A3B W8A8': {
    config: {
      ...QWEN3,
      ...compressed({ num_bits: 8, type: 'int', strategy: 'channel' }, ['re:.*mlp.gate$'], 'int-quantized'),
    },
    layers: [0, 1],
    formats: { router: 'bf16', gate_up: 'affine8_g128_bf16', down: 'affine8_g128_bf16' },
    tensors: { expert_up: 'model.layers.{layer}.mlp.experts.{expert}.up_proj.weight' },
  },
  'Qwen3-30B-A3B GPTQ, mixed': {
    config: {
      ...QWEN3,
      quantization_config: {
        ...{ quant_method: 'gptq', bits: 4, group_size: 128, checkpoint_format: 'gptq_v2' },
        dynamic: { '+:.*down_proj': { bits: 8, group_size: 32 }, '-:.*mlp\\.gate$': {} },
      },
    },
    layers: [0, 1],
    formats: { router: 'bf16', gate_up: 'affine4_g128_f32', down: 'affine8_g32_f32' },
    tensors: { expert_down: 'model.layers.{layer}.mlp.experts.{expert}.down_proj.qweight' },
  },
  'Qwen3-Next-80B-A3B FP8': {
    config: {
      ...QWEN3,
      ...{ model_type: 'qwen3_next', moe_intermediate_size: 512, shared_expert_intermediate_size: 512 },
      quantization_config: {
        ...{ quant_method: 'fp8', fmt: 'e4m3', weight_block_size: [128, 128] },
        modules_to_not_convert: [
          'lm_head',
          'model.layers.0.mlp.gate',
          'model.layers.0.mlp.shared_expert_gate',
        ],
      },
    },
    layers: [0, 1],
    formats: WITH_SHARED('fp8_128x128_f32'),
    tensors: { shared_sigmoid_gate: 'model.layers.{layer}.mlp.shared_expert_gate.weight' },
  },
  'MiMo-V2-Flash FP8': {
    config: {
      ...DEEPSEEK,
      ...{ model_type: 'mimo_v2_flash', n_shared_experts: null, routed_scaling_factor: null },
      ...{ moe_layer_freq: [0, 1, 0, 1], scoring_func: 'sigmoid', topk_method: 'noaux_tc' },
      quantization_config: {
        ...{ quant_method: 'fp8', weight_block_size: [128, 128] },
        ignored_layers: ['model.layers.0.self_attn.o_proj'],
      },
    },
    layers: [1, 3],
    formats: EXPERTS('fp8_128x128_f32'),
    tensors: { selection_bias: 'model.layers.{layer}.mlp.gate.e_score_correction_bias' },
  },
  'Nemotron-3-Nano FP8': {
    config: {
      ...DEEPSEEK,
      ...{ model_type: 'nemotron_h', hybrid_override_pattern: 'ME*E', mlp_hidden_act: 'relu2' },
      ...{ moe_shared_expert_intermediate_size: 3712, n_shared_experts: 1 },
      quantization_config: {
        ...{ quant_method: 'modelopt', quant_algo: 'FP8', kv_cache_quant_algo: 'FP8' },
        exclude_modules: ['lm_head', 'backbone.layers.*.mixer.gate'],
      },
    },
    layers: [1, 3],
    formats: WITH_SHARED('fp8_tensor_f32'),
    tensors: { expert_up: 'backbone.layers.{layer}.mixer.experts.{expert}.up_proj.weight' },
  },
  'GLM-4.5-Air FP8 by row': {
    config: {
      ...{ ...DEEPSEEK, model_type: 'glm4_moe' },
      ...compressed(
        { num_bits: 8, type: 'float', strategy: 'channel', symmetric: true },
        ['re:.*mlp.gate$', 'lm_head'],
        'float-quantized',
      ),
    },
    layers: [1, 2, 3],
    formats: WITH_SHARED('fp8_channel_bf16'),
    tensors: { shared_up: 'model.layers.{layer}.mlp.shared_experts.up_proj.weight' },
  },
  'GroveMoE in bytes, a scale and a zero point for each matrix': {
    config: {
      ...{ ...QWEN3, model_type: 'grove_moe', parallel_expert_intermediate_size: 128 },
      ...compressed(
        { num_bits: 8, type: 'int', strategy: 'tensor', symmetric: false },
        ['re:.*mlp.gate$'],
        'int-quantized',
      ),
    },
    layers: [0, 1],
    formats: {
      ...EXPERTS('affine8_g128_f32'),
      ...{ adjugate_gate_up: 'affine8_g128_f32', adjugate_down: 'affine8_g128_f32' },
    },
    tensors: { adjugate_up: 'model.layers.{layer}.mlp.chunk_experts.{expert}.up_proj.weight' },
  },
  Step3: {
    config: {
      model_type: 'step3_vl',
      torch_dtype: 'bfloat16',
      text_config: {
        ...{ model_type: 'step3_text', hidden_size: 7168, moe_intermediate_size: 5120, moe_num_experts: 8 },
        ...{ moe_top_k: 3, share_expert_dim: 5120, num_hidden_layers: 6, moe_layers_enum: '4,5' },
        norm_expert_weight: false,
      },
    },
    layers: [4, 5],
    formats: WITH_SHARED('bf16'),
    tensors: { router: 'model.layers.{layer}.moe.gate.weight' },
  },
};

test.each(Object.entries(CASES))('%s', async (name, { config, layers, formats, tensors }) => {
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(config));
  const [group, ...others] = layerGroups((await describeModel(file)).layers);
  expect(others).toEqual([]);
  expect(group).toMatchObject({ layers, formats });
  for (const [role, tensor] of Object.entries(tensors)) {
    expect(group?.block.tensors[role as TensorRole]?.name).toBe(tensor);
  }
  const [block, ...more] = configuredLayers(config, blockLayers(config, name), name).blocks;
  expect(more).toEqual([]);
  expect(block?.layers).toEqual(layers);
  if (block?.formats !== undefined) expect(block.formats).toEqual(formats);
});
