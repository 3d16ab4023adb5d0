// The weight formats of tensors that are made up here, and what is refused.

import { describe, expect, it } from 'vitest';
import { formatsOf, moeLayers } from '../../generator/checkpoint/formats/layers.js';
import { readQuantization, unquantised } from '../../generator/checkpoint/formats/quantization.js';
import type { Tensor } from '../../generator/checkpoint/tensor.js';
import { FORMAT_REFERENCES } from '../../generator/reference/formats/index.js';

type Types = Readonly<Record<string, readonly [string, readonly number[]]>>;

/** Tensors without bytes, as the headers of a checkpoint would name them. */
function tensorsOf(types: Types): ReadonlyMap<string, Tensor> {
  return new Map(
    Object.entries(types).map(([name, [type, shape]]) => [
      name,
      {
        ...{ name, type, shape, bytes: 0, where: 'made up' },
        read: () => Promise.resolve(new Uint8Array()),
        readNow: () => new Uint8Array(),
      },
    ]),
  );
}

/** The format of the down projection x of a layer that has nothing else. */
function formatOfDown(config: Record<string, unknown>, parts: Types): string | undefined {
  const named = Object.entries(parts).map(([part, type]) => [
    `layers.4.mlp.experts.0.down_proj.${part}`,
    type,
  ]);
  const layers = moeLayers(
    tensorsOf(Object.fromEntries(named) as Types),
    readQuantization(config, 'config.json'),
  );
  const [layer] = layers;
  return layer === undefined ? undefined : formatsOf(layer).expert_down;
}

const method = (quant_method: string, more: object = {}) => ({
  quantization_config: { quant_method, ...more },
});
const mlx = (bits: number, group_size: number, mode?: string) => ({
  quantization: { bits, group_size, ...(mode && { mode }) },
});
const integers = (...sizes: (readonly [number, number | null])[]) =>
  method('compressed-tensors', {
    config_groups: Object.fromEntries(
      sizes.map(([num_bits, group_size], index) => [`group_${index}`, { weights: { num_bits, group_size } }]),
    ),
  });
const affine = (bits: number, group: number, type: string): Types => ({
  weight: ['U32', [64, (256 * bits) / 32]],
  scales: [type, [64, 256 / group]],
  biases: [type, [64, 256 / group]],
});
const gptq = (bits: number, group: number): Types => ({
  qweight: ['I32', [(256 * bits) / 32, 64]],
  qzeros: ['I32', [256 / group, (64 * bits) / 32]],
  scales: ['F16', [256 / group, 64]],
  g_idx: ['I32', [256]],
});
const F8 = ['F8_E4M3', [256, 384]] as const;

describe('a format is told from types, shapes and sizes', () => {
  it.each<[string, Record<string, unknown>, Types]>([
    ['f16', {}, { weight: ['F16', [8, 16]] }],
    ['affine3_g32_f32', mlx(3, 32), affine(3, 32, 'F32')],
    ['affine6_g128_f16', mlx(6, 128, 'affine'), affine(6, 128, 'F16')],
    ['mxfp4', mlx(4, 32, 'mxfp4'), { weight: ['U32', [64, 32]], scales: ['U8', [64, 8]] }],
    ['mxfp8', mlx(8, 32, 'mxfp8'), { weight: ['U32', [64, 64]], scales: ['U8', [64, 8]] }],
    ['nvfp4_plain', mlx(4, 16, 'nvfp4'), { weight: ['U32', [64, 32]], scales: ['U8', [64, 16]] }],
    [
      'nvfp4_amax',
      mlx(4, 16, 'nvfp4'),
      { weight: ['U32', [64, 32]], scales: ['U8', [64, 16]], global_scale: ['F32', [1]] },
    ],
    [
      'fp8_128x128_f32',
      method('fp8', { weight_block_size: [128, 128] }),
      { weight: F8, weight_scale_inv: ['F32', [2, 3]] },
    ],
    ['fp8_128x128_bf16', method('quark'), { weight: F8, weight_scale: ['BF16', [2, 3]] }],
    [
      'fp8_32x32_ue8m0',
      method('fp8', { weight_block_size: [128, 128] }),
      { weight: F8, scale: ['F8_E8M0', [8, 12]] },
    ],
    [
      'mxfp4',
      method('fp8', { weight_block_size: [128, 128] }),
      { weight: ['I8', [64, 64]], scale: ['F8_E8M0', [64, 4]] },
    ],
    ['mxfp8', method('modelopt'), { weight: F8, weight_scale: ['U8', [256, 12]] }],
    ['fp8_channel_bf16', integers([8, null]), { weight: F8, weight_scale: ['BF16', [256, 1]] }],
    [
      'fp8_tensor_f32',
      method('modelopt'),
      { weight: F8, weight_scale: ['F32', []], input_scale: ['F32', []] },
    ],
    ['i8_channel_f32', integers([8, null]), { weight: ['I8', [64, 96]], weight_scale: ['F32', [64, 1]] }],
    [
      'nvfp4_divided',
      integers([4, 16]),
      {
        weight_packed: ['U8', [64, 32]],
        weight_scale: ['F8_E4M3', [64, 4]],
        weight_global_scale: ['F32', [1]],
      },
    ],
    ['mxfp4', integers([4, 32]), { weight_packed: ['U8', [64, 32]], weight_scale: ['U8', [64, 2]] }],
    [
      'int8_channel_f16',
      integers([8, null]),
      { weight_packed: ['I32', [64, 24]], weight_scale: ['F16', [64, 1]] },
    ],
    [
      'int4_g64_bf16_asym',
      integers([8, null], [4, 64]),
      {
        weight_packed: ['I32', [64, 16]],
        weight_scale: ['BF16', [64, 2]],
        weight_zero_point: ['I32', [8, 2]],
      },
    ],
    [
      'gptq_v2_int3_g128',
      method('gptq', { bits: 3, group_size: 128, checkpoint_format: 'gptq_v2' }),
      gptq(3, 128),
    ],
    ['gptq_int4_row', method('gptq', { bits: 4, group_size: -1 }), gptq(4, 256)],
    [
      'gptq_int8_g64',
      method('gptq', {
        bits: 4,
        group_size: 128,
        dynamic: { '+:.*down.*': { bits: 8, group_size: 64 }, '-:.*gate.*': {} },
      }),
      gptq(8, 64),
    ],
    [
      'awq_int4_g64',
      method('awq', { bits: 4, group_size: 64, version: 'GEMM' }),
      { qweight: ['I32', [256, 8]], qzeros: ['I32', [4, 8]], scales: ['F16', [4, 64]] },
    ],
  ])('%s', (format, config, parts) => {
    expect(formatOfDown(config, parts)).toBe(format);
    expect(FORMAT_REFERENCES.has(format) || /^(gptq|gptq_v2|awq)_/.test(format)).toBe(true);
  });

  it('and so is one of GGUF, with the factor that lies beside NVFP4', () => {
    const tensors = tensorsOf({
      'blk.10.ffn_down_exps.weight': ['gguf_nvfp4', [8, 64, 64]],
      'blk.10.ffn_down_exps.scale': ['f32', [8]],
      'blk.9.ffn_down_exps.weight': ['q3_K', [8, 64, 256]],
    });
    const layers = moeLayers(tensors, unquantised('bf16'));
    expect(layers.map(({ index, ...layer }) => [index, formatsOf({ index, ...layer })])).toEqual([
      [9, { expert_down: 'q3_K' }],
      [10, { expert_down: 'gguf_nvfp4_scaled' }],
    ]);
    expect(Object.keys(layers[1]?.matrices.get('expert_down')?.[0]?.planes ?? {})).toEqual([
      'weight',
      'global',
    ]);
  });

  it('of all matrices of a role, in the order of the experts', () => {
    const names = [11, 2, 0, 1, 3, 4, 5, 6, 7, 8, 10, 9].map(
      (expert) => `h.0.moe.experts.${expert}.w2.weight`,
    );
    const layers = moeLayers(
      tensorsOf(Object.fromEntries(names.map((name) => [name, ['BF16', [4, 4]]]))),
      unquantised('bf16'),
    );
    const modules = layers[0]?.matrices.get('expert_down')?.map(({ module }) => module);
    expect(modules).toEqual(Array.from({ length: 12 }, (_, expert) => `h.0.moe.experts.${expert}.w2`));
  });
});

describe('what is not known, or does not fit together, is refused', () => {
  it.each<[string, Record<string, unknown>, Types, string]>([
    ['a method', method('bitsandbytes'), {}, 'got "bitsandbytes"'],
    ['no method', { quantization_config: { bits: 4 } }, {}, 'got none'],
    [
      'sizes that are no numbers',
      { quantization: { bits: '4', group_size: 64 } },
      {},
      'a quantization that is supported',
    ],
    [
      'another AWQ',
      method('awq', { bits: 4, group_size: 64, version: 'gemv' }),
      {},
      'a quantization that is supported',
    ],
    ['words that nobody explains', {}, affine(4, 64, 'BF16'), 'got packed words (quantization: none)'],
    [
      'another width than stated',
      mlx(8, 64),
      affine(4, 64, 'BF16'),
      'its scales have the shape [64, 4] instead of [64, 2]',
    ],
    ['affine weights of 7 bits', mlx(7, 64), affine(7, 64, 'BF16'), 'affine weights of 7 bits'],
    ['affine groups of 16', mlx(4, 16), affine(4, 16, 'BF16'), 'in groups of 16'],
    ['another mode', mlx(4, 64, 'nf4'), affine(4, 64, 'BF16'), 'mode nf4'],
    [
      'a missing plane',
      mlx(4, 64),
      { ...affine(4, 64, 'BF16'), biases: ['F16', [64, 4]] },
      'its scales are BF16',
    ],
    ['FP8 without a scale', {}, { weight: F8 }, 'weights of type F8_E4M3 without scales'],
    [
      'E5M2',
      method('fp8'),
      { weight: ['F8_E5M2', [256, 384]], weight_scale: ['F32', [1]] },
      'F8_E5M2 under scales',
    ],
    [
      'other tiles',
      method('fp8', { weight_block_size: [64, 64] }),
      { weight: F8, weight_scale_inv: ['F32', [4, 6]] },
      'blocks of 64 x 64',
    ],
    [
      'tiles that do not cover',
      method('fp8', { weight_block_size: [128, 128] }),
      { weight: F8, weight_scale_inv: ['F32', [2, 2]] },
      'F32 [2, 2]',
    ],
    [
      'NVFP4 scales of another shape',
      method('modelopt'),
      { weight: ['U8', [64, 32]], weight_scale: ['F8_E4M3', [64, 2]], weight_scale_2: ['F32', []] },
      'instead of [64, 4]',
    ],
    [
      'integers of 6 bits',
      integers([6, 32]),
      { weight_packed: ['I32', [64, 12]], weight_scale: ['F16', [64, 2]] },
      'integers of 6 bits',
    ],
    [
      'sizes that do not fit',
      integers([4, 32]),
      { weight_packed: ['I32', [64, 12]], weight_scale: ['F16', [64, 2]] },
      'suit none of: 4 bits in groups of 32',
    ],
    [
      'sizes that fit twice',
      integers([4, 64], [8, 32]),
      { weight_packed: ['I32', [64, 16]], weight_scale: ['F16', [64, 2]] },
      'suit 2 groups',
    ],
    ['qweight without a method', {}, gptq(4, 64), 'packed words in qweight'],
    ['scales alone', {}, { scales: ['F16', [4, 4]], weight_scale: ['F16', [4, 4]] }, 'and no weight'],
    ['a vector', {}, { weight: ['F16', [16]] }, 'its weight has the shape [16]'],
    ['a GGUF type without a decoder', {}, { weight: ['iq2_xxs', [64, 256]] }, 'GGUF type iq2_xxs'],
  ])('%s', (_, config, parts, message) => {
    expect(() => formatOfDown(config, parts)).toThrow(message);
    expect(() => formatOfDown(config, parts)).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(
          /^checkpoint\/(unknown-quantization|unknown-format|inconsistent)$/,
        ) as string,
      }),
    );
  });

  it('experts of two formats', () => {
    const tensors = tensorsOf({
      'layers.0.mlp.experts.0.down_proj.weight': ['BF16', [4, 4]],
      'layers.0.mlp.experts.1.down_proj.weight': ['F16', [4, 4]],
    });
    expect(() => moeLayers(tensors, unquantised('bf16'))).toThrow(
      expect.objectContaining({ code: 'checkpoint/mixed-formats' }),
    );
  });

  it('a module that is said not to be quantised and is', () => {
    const name = 'layers.0.mlp.switch_mlp.down_proj';
    const types = Object.entries(affine(4, 64, 'BF16')).map(([part, type]) => [`${name}.${part}`, type]);
    const config = { quantization: { bits: 4, group_size: 64, [name]: false } };
    expect(() =>
      moeLayers(tensorsOf(Object.fromEntries(types) as Types), readQuantization(config, 'config.json')),
    ).toThrow('the configuration says that it is not');
  });
});
