import { expect, test } from 'vitest';
import { blockLayers } from '../../generator/description/models/index.js';

const KEYS = {
  hidden_size: 64,
  intermediate_size: 32,
  moe_intermediate_size: 32,
  num_hidden_layers: 6,
  num_experts_per_tok: 2,
};
const LOCAL = { num_local_experts: 8 };
const NUM = { num_experts: 8 };
const ROUTED = { n_routed_experts: 8, n_group: 1, topk_group: 1 };
const SHARED = { shared_expert_intermediate_size: 8 };

test.each<[string, Record<string, unknown>, readonly number[]]>([
  ['mixtral', LOCAL, []],
  ['olmoe', NUM, []],
  ['afmoe', { ...NUM, num_dense_layers: 2 }, [0, 1]],
  ['afmoe', NUM, [0]],
  ['lfm2_moe', NUM, [0, 1]],
  ['deepseek_v2', { ...ROUTED, first_k_dense_replace: 1 }, [0]],
  ['deepseek_v3', ROUTED, [0, 1, 2]],
  ['deepseek_v3', { ...ROUTED, first_k_dense_replace: 1, moe_layer_freq: 2 }, [0, 1, 3, 5]],
  ['dots1', ROUTED, []],
  ['glm4_moe', ROUTED, [0]],
  ['glm4_moe_lite', ROUTED, [0]],
  [
    'glm4_moe_lite',
    { ...ROUTED, mlp_layer_types: ['sparse', 'dense', 'sparse', 'dense', 'sparse', 'sparse'] },
    [1, 3],
  ],
  ['glm_moe_dsa', ROUTED, [0, 1, 2]],
  ['exaone_moe', { ...NUM, first_k_dense_replace: 2 }, [0, 1]],
  ['kimi_linear', { ...NUM, num_expert_group: 1 }, [0]],
  ['solar_open', { ...ROUTED, first_k_dense_replace: 3 }, []],
  ['cohere2_moe', { ...NUM, first_k_dense_replace: 1 }, [0]],
  ['mimo_v2_flash', ROUTED, [0]],
  ['mimo_v2_flash', { ...ROUTED, moe_layer_freq: [0, 1, 1, 0, 1, 1] }, [0, 3]],
  ['minimax_m3_vl', { ...LOCAL, shared_intermediate_size: 8, moe_layer_freq: [0, 0, 1, 1, 1, 1] }, [0, 1]],
  ['minimax_m3_vl', { ...LOCAL, shared_intermediate_size: 8 }, []],
  ['step3p7', { ...ROUTED, share_expert_dim: 8, moe_layers_enum: '4,5' }, [0, 1, 2, 3]],
  ['step3p7', { ...ROUTED, share_expert_dim: 8, moe_layers_enum: [1, 5] }, [0, 2, 3, 4]],
  ['step3p7', { ...ROUTED, share_expert_dim: 8 }, [0, 1, 2]],
  ['qwen3_moe', { ...LOCAL, decoder_sparse_step: 2 }, [0, 2, 4]],
  ['qwen3_moe', { ...LOCAL, mlp_only_layers: [1, 4] }, [1, 4]],
  ['qwen3_moe', { ...LOCAL, decoder_sparse_step: 0 }, [0, 1, 2, 3, 4, 5]],
  ['qwen2_moe', { ...NUM, ...SHARED, decoder_sparse_step: 3, mlp_only_layers: [5] }, [0, 1, 3, 4, 5]],
  ['qwen3_5_moe', { ...NUM, ...SHARED, decoder_sparse_step: 2 }, []],
  ['llama4', { ...LOCAL, interleave_moe_layer_step: 2 }, [0, 2, 4]],
  ['llama4', { ...LOCAL, moe_layers: [0, 5] }, [1, 2, 3, 4]],
  ['ernie4_5_moe', NUM, [0]],
  [
    'ernie4_5_moe',
    { ...NUM, moe_layer_start_index: 2, moe_layer_end_index: 4, moe_layer_interval: 2 },
    [0, 1, 2, 4, 5],
  ],
  ['ernie4_5_moe', { ...NUM, moe_layer_end_index: -1 }, [0]],
])('%s %o', (type, keys, dense) => {
  const { numLayers, denseLayers, blocks } = blockLayers({ model_type: type, ...KEYS, ...keys }, 'c');
  expect(numLayers).toBe(6);
  expect(denseLayers).toEqual(dense);
  expect(blocks.flatMap(({ layers }) => layers).length).toBe(6 - dense.length);
});

test('layers of a hybrid model', () => {
  const nemotron = { model_type: 'nemotron_h', ...KEYS, ...ROUTED, moe_shared_expert_intermediate_size: 8 };
  const listed = { ...nemotron, layers_block_type: ['linear_attention', 'moe', 'full_attention', 'moe'] };
  expect(blockLayers(listed, 'c')).toMatchObject({ numLayers: 4, denseLayers: [0, 2] });
  expect(blockLayers({ ...nemotron, hybrid_override_pattern: 'MEM*E' }, 'c')).toMatchObject({
    numLayers: 5,
    denseLayers: [0, 2, 3],
  });
  expect(() => blockLayers(nemotron, 'c')).toThrow(
    'layers_block_type must be a list with the type of each layer, got nothing',
  );
});

test('layers of an encoder and a decoder, each with its width', () => {
  const nllb = {
    model_type: 'nllb_moe',
    d_model: 64,
    encoder_layers: 4,
    decoder_layers: 3,
    encoder_sparse_step: 2,
    decoder_sparse_step: 3,
    encoder_ffn_dim: 32,
    decoder_ffn_dim: 16,
    num_experts: 4,
  };
  const { blocks, denseLayers } = blockLayers(nllb, 'c');
  expect(blocks.map(({ block, layers }) => [block.intermediateSize, layers])).toEqual([
    [32, [1, 3]],
    [16, [6]],
  ]);
  expect(denseLayers).toEqual([0, 2, 4, 5]);
});

test('layers with equal blocks come together, in the order of the first of them', () => {
  const step = { model_type: 'step3p7', ...KEYS, ...ROUTED, share_expert_dim: 8 };
  const limits = { swiglu_limits: [0, 0, 0, 7, 0, 7], swiglu_limits_shared: [0, 0, 0, 7, 0, 7] };
  const { blocks } = blockLayers({ ...step, ...limits }, 'c');
  expect(blocks.map(({ block, layers }) => [block.experts.glu.kind, layers])).toEqual([
    ['clamp_after', [3, 5]],
    ['plain', [4]],
  ]);
});

test('counts of layers under other keys, and lists that are too short', () => {
  const longcat = {
    model_type: 'longcat_flash',
    ...KEYS,
    ...LOCAL,
    expert_ffn_hidden_size: 8,
    num_layers: 3,
  };
  expect(blockLayers(longcat, 'c').numLayers).toBe(3);
  const dbrx = { ffn_hidden_size: 8, moe_num_experts: 4, moe_top_k: 1 };
  expect(blockLayers({ model_type: 'dbrx', d_model: 64, n_layers: 5, ffn_config: dbrx }, 'c').numLayers).toBe(
    5,
  );
  const short = { model_type: 'glm4_moe_lite', ...KEYS, ...ROUTED, mlp_layer_types: ['dense', 'sparse'] };
  expect(() => blockLayers(short, 'c')).toThrow(
    'mlp_layer_types[2] must be there, because the model has that layer, got nothing',
  );
});
