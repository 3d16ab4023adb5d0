// The format of each projection, as a configuration alone tells it, by the ways in which the tools write it.

import { describe, expect, test } from 'vitest';
import { quantizationBeside } from '../../generator/checkpoint/formats/beside.js';
import { configuredLayers } from '../../generator/checkpoint/formats/configured-layers.js';
import { configuredDtype, readQuantization } from '../../generator/checkpoint/formats/quantization.js';
import { matches } from '../../generator/checkpoint/formats/patterns.js';
import { blockLayers } from '../../generator/description/models/index.js';

const EXPERT = ['model.layers.0.mlp.experts.0.gate_proj'];
const SHARED = ['model.layers.0.mlp.shared_experts.gate_proj'];
const ROUTER = ['model.layers.0.mlp.gate'];

/** Of an expert, the shared expert and the router. */
function formats(section: object, others: object = {}): string[] {
  const quantization = readQuantization({ quantization_config: section, ...others }, 'config.json');
  return [EXPERT, SHARED, ROUTER].map((modules) => quantization.formatOf(modules, modules === ROUTER));
}

const grouped = (weights: object, others: object = {}) => ({
  quant_method: 'compressed-tensors',
  config_groups: { group_0: { targets: ['Linear'], weights } },
  ...others,
});

describe('the format of an expert, the shared expert and the router', () => {
  test.each<[string, object, readonly string[]]>([
    [
      'FP8 in blocks',
      { quant_method: 'fp8', weight_block_size: [128, 128] },
      ['fp8_128x128_f32', 'fp8_128x128_f32', 'bf16'],
    ],
    ['FP8 for a whole matrix', { quant_method: 'fp8' }, ['fp8_tensor_f32', 'fp8_tensor_f32', 'bf16']],
    [
      'FP8, modules left out by a part of their name',
      { quant_method: 'fp8', modules_to_not_convert: ['shared_experts', 'gate'] },
      ['fp8_tensor_f32', 'bf16', 'bf16'],
    ],
    [
      'MXFP4, modules left out by a pattern',
      { quant_method: 'mxfp4', modules_to_not_convert: ['model.layers.*.mlp.shared_experts'] },
      ['mxfp4', 'bf16', 'bf16'],
    ],
    [
      'integers in groups, modules left out by an expression',
      grouped({ num_bits: 4, type: 'int', group_size: 32, symmetric: true }, { ignore: ['re:.*shared_.*'] }),
      ['int4_g32_bf16', 'bf16', 'bf16'],
    ],
    [
      'integers with zero points',
      grouped({ num_bits: 8, type: 'int', group_size: 128, symmetric: false }),
      ['int8_g128_bf16_asym', 'int8_g128_bf16_asym', 'bf16'],
    ],
    [
      'bytes by row',
      grouped({ num_bits: 8, type: 'int', strategy: 'channel' }, { format: 'int-quantized' }),
      ['i8_channel_bf16', 'i8_channel_bf16', 'bf16'],
    ],
    [
      'bytes for a whole matrix, with zero points',
      grouped(
        { num_bits: 8, type: 'int', strategy: 'tensor', symmetric: false },
        { format: 'int-quantized' },
      ),
      ['i8_tensor_bf16_asym', 'i8_tensor_bf16_asym', 'bf16'],
    ],
    [
      'bytes in groups',
      grouped({ num_bits: 8, type: 'int', strategy: 'group', group_size: 64 }, { format: 'int-quantized' }),
      ['i8_g64_bf16', 'i8_g64_bf16', 'bf16'],
    ],
    [
      'FP8 by row',
      grouped({ num_bits: 8, type: 'float', strategy: 'channel' }),
      ['fp8_channel_bf16', 'fp8_channel_bf16', 'bf16'],
    ],
    [
      'NVFP4 whose factor divides',
      grouped({ num_bits: 4, type: 'float', group_size: 16 }),
      ['nvfp4_divided', 'nvfp4_divided', 'bf16'],
    ],
    [
      'MXFP4 for some modules alone',
      {
        quant_method: 'compressed-tensors',
        config_groups: {
          group_0: {
            targets: ['re:.*experts\\.\\d+.*'],
            weights: { num_bits: 4, type: 'float', group_size: 32 },
          },
        },
      },
      ['mxfp4', 'bf16', 'bf16'],
    ],
    ['NVFP4 of ModelOpt', { quant_method: 'modelopt', quant_algo: 'NVFP4' }, ['nvfp4', 'nvfp4', 'bf16']],
    [
      'FP8 of ModelOpt',
      { quant_algo: 'FP8', exclude_modules: ['*shared*'] },
      ['fp8_tensor_f32', 'bf16', 'bf16'],
    ],
    [
      'ModelOpt by layers',
      {
        quant_method: 'modelopt',
        quant_algo: 'MIXED_PRECISION',
        quantized_layers: { 'model.layers.0.mlp.experts': { quant_algo: 'W4A16_NVFP4', group_size: 16 } },
      },
      ['nvfp4', 'bf16', 'bf16'],
    ],
    [
      'GPTQ',
      { quant_method: 'gptq', bits: 4, group_size: 128, desc_act: false },
      ['int4_g128_f16_asym', 'int4_g128_f16_asym', 'bf16'],
    ],
    [
      'GPTQ, modules left out by an expression',
      { quant_method: 'gptq', bits: 4, group_size: 128, dynamic: { '-:.*shared_experts.*': {} } },
      ['int4_g128_f16_asym', 'bf16', 'bf16'],
    ],
    [
      'GPTQ, the first pattern that a name begins with',
      {
        ...{ quant_method: 'gptq', bits: 4, group_size: 128 },
        dynamic: {
          'experts\\.0': { bits: 2 },
          '+:model\\.layers\\.\\d+\\.mlp\\.experts': { bits: 8, group_size: 32 },
          '.*gate_proj': { bits: 3, group_size: -1 },
        },
      },
      ['int8_g32_f16_asym', 'int3_channel_f16_asym', 'bf16'],
    ],
    [
      "GPTQ, reordered terms in modules that are nobody's here",
      {
        ...{ quant_method: 'gptq', bits: 4, group_size: 64 },
        dynamic: { '.*self_attn': { desc_act: true } },
      },
      ['int4_g64_f16_asym', 'int4_g64_f16_asym', 'bf16'],
    ],
    [
      'AutoRound, a name before an expression, and groups that stay',
      {
        ...{ quant_method: 'auto-round', bits: 4, group_size: 64, packing_format: 'auto_round:auto_gptq' },
        extra_config: {
          'experts\\.\\d+\\.gate': { bits: 2, group_size: 32 },
          'model.layers.0.mlp.experts.0.gate_proj': { bits: 8 },
          shared_experts: { bits: 3 },
        },
      },
      ['int8_g64_f16_asym', 'int3_g64_f16_asym', 'bf16'],
    ],
    [
      'AutoRound, as GPTQ packs',
      {
        ...{ quant_method: 'auto-round', bits: 4, group_size: 64, packing_format: 'auto_round:auto_gptq' },
        extra_config: { '.*shared_experts.*': { bits: 16, data_type: 'fp' } },
      },
      ['int4_g64_f16_asym', 'bf16', 'bf16'],
    ],
    [
      'MXFP4 of Quark',
      {
        ...{ quant_method: 'quark', exclude: ['re:.*shared_experts.*'], layer_quant_config: {} },
        global_quant_config: { weight: { dtype: 'fp4', group_size: 32, scale_format: 'e8m0' } },
      },
      ['mxfp4', 'bf16', 'bf16'],
    ],
    [
      'FP8 of Quark',
      {
        quant_method: 'quark',
        global_quant_config: { weight: { dtype: 'fp8_e4m3', qscheme: 'per_channel', group_size: null } },
      },
      ['fp8_channel_f32', 'fp8_channel_f32', 'bf16'],
    ],
    [
      'AWQ',
      { quant_method: 'awq', bits: 4, group_size: 64, version: 'gemm' },
      ['int4_g64_f16_asym', 'int4_g64_f16_asym', 'bf16'],
    ],
    [
      'MLX, an override for the router and none for the shared expert',
      {
        ...{ group_size: 64, bits: 4, 'model.layers.0.mlp.gate': { group_size: 32, bits: 8 } },
        'model.layers.0.mlp.shared_experts.gate_proj': false,
      },
      ['affine4_g64_bf16', 'bf16', 'affine8_g32_bf16'],
    ],
    [
      'MLX without factors',
      { group_size: 16, bits: 4, mode: 'nvfp4' },
      ['nvfp4_plain', 'nvfp4_plain', 'nvfp4_plain'],
    ],
  ])('%s', (_, section, expected) => {
    expect(formats(section)).toEqual(expected);
  });

  test('experts in FP4 among FP8, whose scales are bytes', () => {
    const section = { quant_method: 'fp8', weight_block_size: [32, 32], scale_fmt: 'ue8m0' };
    const expected = ['mxfp4', 'fp8_32x32_ue8m0', 'bf16'];
    expect(formats(section, { expert_dtype: 'fp4' })).toEqual(expected);
  });

  test('scales of the type of what is not quantised', () => {
    expect(formats({ group_size: 64, bits: 6 }, { torch_dtype: 'float16' })[0]).toBe('affine6_g64_f16');
  });

  test('nothing is quantised where there is no section', () => {
    const { method } = readQuantization({ torch_dtype: 'bfloat16', quantization_config: null }, 'c');
    expect(method).toBe('none');
  });
});

test.each<[string, string, boolean]>([
  ['gate', 'model.layers.0.mlp.gate', true],
  ['gate', 'model.layers.0.mlp.experts.0.gate_proj', false],
  ['mlp.gate', 'model.layers.0.mlp.gate', true],
  ['model.layers.1', 'model.layers.10.mlp.gate', false],
  ['model.layers.1', 'model.layers.1.mlp.gate', true],
  ['*mlp.gate*', 'model.layers.1.mlp.gate', true],
  ['mtp*', 'model.layers.1.mlp.gate', false],
  ['re:.*self_attn.*', 'model.layers.1.mlp.gate', false],
  ['re:model\\.layers\\.1\\..*', 'model.layers.1.mlp.gate', true],
])('"%s" means %s: %s', (pattern, module, isMeant) => {
  expect(matches(pattern, module)).toBe(isMeant);
});

describe('refusals by name', () => {
  test.each<[object, RegExp]>([
    [
      { quant_method: 'bitsandbytes', load_in_4bit: true },
      /quant_method that is supported, got "bitsandbytes"/,
    ],
    [{ quant_method: 'quark' }, /a configuration that tells the format of all weights/],
    [
      { quant_method: 'gptq', bits: 4, group_size: 128, dynamic: { '.*gate_proj': { desc_act: true } } },
      /got desc_act/,
    ],
    [
      { quant_method: 'gptq', bits: 4, group_size: 128, dynamic: { '-:(?#comment)(?<!x': {} } },
      /an expression for names of modules, got "\(\?#comment/,
    ],
    [
      grouped({ num_bits: 4, type: 'int', strategy: 'tensor' }, { format: 'int-quantized' }),
      /bytes with a scale for each matrix, row or group of 32, 64 or 128, got 4 bits by tensor/,
    ],
    [
      grouped({ num_bits: 8, type: 'int', group_size: 16, strategy: 'group' }, { format: 'int-quantized' }),
      /bytes with a scale for each matrix, row or group of 32, 64 or 128, got 8 bits by g16/,
    ],
    [
      { quant_method: 'auto-round', bits: 4, group_size: 128, packing_format: 'auto_round:llm_compressor' },
      /packed as GPTQ or AWQ packs them, got auto_round:llm_compressor/,
    ],
    [{ load_in_8bit: true }, /a quant_method, got none/],
    [{ quant_method: 'modelopt', quant_algo: 'W4A8_AWQ' }, /quant_algo that is supported, got "W4A8_AWQ"/],
    [{ quant_method: 'gptq', bits: 4, group_size: 128, desc_act: true }, /got desc_act/],
    [{ quant_method: 'gptq', group_size: 128 }, /bits/],
    [{ quant_method: 'fp8', weight_block_size: [1, 128] }, /square blocks of weights, got 1 x 128/],
    [grouped({ num_bits: 4, type: 'float', group_size: 64 }), /4-bit float in groups of 64/],
  ])('%j', (section, message) => {
    expect(() => formats(section)).toThrow(message);
    expect(() => formats(section)).toThrow(
      expect.objectContaining({ code: 'checkpoint/unknown-quantization' }),
    );
  });
});

describe('the layers of a model', () => {
  const MIXTRAL = {
    ...{ model_type: 'mixtral', hidden_size: 64, intermediate_size: 32, torch_dtype: 'float16' },
    ...{ num_local_experts: 8, num_experts_per_tok: 2, num_hidden_layers: 3 },
  };
  const read = (config: object, beside: unknown = null) =>
    configuredLayers(config, blockLayers(config, 'c'), 'c', beside).blocks;

  test('have a block for each mix of formats', () => {
    const own = 'model.layers.1.block_sparse_moe.switch_mlp';
    const quantization = { group_size: 32, bits: 4, [`${own}.down_proj`]: { group_size: 32, bits: 8 } };
    const blocks = read({ ...MIXTRAL, quantization });
    expect(blocks.map(({ layers, formats: mix }) => [layers, mix?.down])).toEqual([
      [[0, 2], 'affine4_g32_f16'],
      [[1], 'affine8_g32_f16'],
    ]);
  });

  test('need one format for gate and up', () => {
    const quantization = {
      ...{ group_size: 32, bits: 4 },
      ...{ 'model.layers.1.block_sparse_moe.switch_mlp.up_proj': { group_size: 32, bits: 8 } },
    };
    const message = /one format for gate_up of layer 1, got affine4_g32_f16 and affine8_g32_f16/;
    expect(() => read({ ...MIXTRAL, quantization })).toThrow(message);
  });

  test.each<[string, object, string]>([
    [
      'hf_quant_config.json',
      { quantization: { quant_algo: 'MXFP4', exclude_modules: ['lm_head'] } },
      'mxfp4',
    ],
    ['quantize_config.json', { bits: 4, group_size: 32, desc_act: false }, 'affine4_g32_f32'],
    ['quant_config.json', { w_bit: 4, q_group_size: 64, version: 'GEMM' }, 'affine4_g64_f32'],
  ])('have the formats that %s says beside the configuration', (file, content, format) => {
    expect(read(MIXTRAL, quantizationBeside({ [file]: content }))[0]?.formats?.gate_up).toBe(format);
    expect(read(MIXTRAL, quantizationBeside({}))[0]?.formats).toBeUndefined();
  });

  test('have the formats of the configuration rather than those beside it', () => {
    const beside = quantizationBeside({ 'quantize_config.json': { bits: 4, group_size: 32 } });
    const quantization_config = { quant_method: 'mxfp4' };
    expect(read({ ...MIXTRAL, quantization_config }, beside)[0]?.formats?.gate_up).toBe('mxfp4');
  });

  test('keep integers as affine, whose kernels take them', () => {
    const section = grouped({ num_bits: 4, type: 'int', group_size: 32, symmetric: true });
    expect(read({ ...MIXTRAL, quantization_config: section })[0]?.formats).toEqual({
      router: 'f16',
      gate_up: 'affine4_g32_f16',
      down: 'affine4_g32_f16',
    });
  });

  test.each<[object, string, string]>([
    [{ quant_method: 'gptq', bits: 4, group_size: -1 }, 'affine4_g64_f32', 'affine4_g32_f32'],
    [
      { quant_method: 'gptq', bits: 4, group_size: 64, dynamic: { '.*w2$': { bits: 8, group_size: 32 } } },
      ...(['affine4_g64_f32', 'affine8_g32_f32'] as const),
    ],
    [
      { ...grouped({ num_bits: 8, type: 'int', strategy: 'channel' }), format: 'int-quantized' },
      ...(['affine8_g64_f16', 'affine8_g32_f16'] as const),
    ],
    [
      grouped({ num_bits: 4, type: 'int', strategy: 'channel', symmetric: false }),
      ...(['affine4_g64_f32', 'affine4_g32_f32'] as const),
    ],
  ])('keep scales of a row, and each projection its sizes: %j', (section, gateUp, down) => {
    const [{ formats: mix } = {}] = read({ ...MIXTRAL, quantization_config: section });
    expect(mix).toEqual({ router: 'f16', gate_up: gateUp, down });
  });

  test('whose rows hold no whole groups are refused by name', () => {
    const narrow = { ...MIXTRAL, intermediate_size: 40 };
    const section = { quant_method: 'gptq', bits: 4, group_size: -1 };
    expect(() => read({ ...narrow, quantization_config: section })).toThrow(
      /rows of 40 terms in groups of 40 hold no whole groups of 32/,
    );
  });

  test('keep products of zero points and scales in float', () => {
    const section = grouped({ num_bits: 4, type: 'int', group_size: 32, symmetric: false });
    const [{ formats: mix } = {}] = read({ ...MIXTRAL, quantization_config: section });
    expect(mix?.gate_up).toBe('affine4_g32_f32');
  });

  test('of MLX keep routers that are bare parameters', () => {
    const sizes = { ...{ hidden_size: 64, moe_intermediate_size: 32, num_experts_per_tok: 2 } };
    const glm = { ...sizes, model_type: 'glm4_moe', n_routed_experts: 8, num_hidden_layers: 2 };
    const [{ formats: mix } = {}] = read({ ...glm, quantization: { group_size: 32, bits: 4 } });
    expect(mix).toMatchObject({ router: 'bf16', gate_up: 'affine4_g32_bf16' });
  });

  test('lie by rows where they are packed', () => {
    const oss = { ...MIXTRAL, model_type: 'gpt_oss', quantization_config: { quant_method: 'mxfp4' } };
    const [{ block } = {}] = read(oss);
    expect(block?.experts).toMatchObject({
      gateUp: 'interleaved',
      gateUpOrder: 'out_in',
      downOrder: 'out_in',
    });
    expect(block?.tensors.expert_gate_up).toEqual({ name: 'experts.gate_up_proj', shape: [8, 64, 64] });
  });

  test('are refused by the name of a format that has no kernels', () => {
    const quantization = { group_size: 32, bits: 7 };
    expect(() => read({ ...MIXTRAL, quantization })).toThrow(
      /router of layer 0 is in the format affine7_g32_f16, for which there are no kernels/,
    );
  });

  test.each([
    [{ torch_dtype: 'float16' }, 'f16'],
    [{ dtype: 'bfloat16' }, 'bf16'],
    [{ text_config: { dtype: 'torch.float32' } }, 'f32'],
    [{ dtype: null }, null],
    [{ dtype: 'auto' }, null],
  ])('%j has values of type %s', (config, dtype) => {
    expect(configuredDtype(config)).toBe(dtype);
  });
});
