// The formats that checkpoints of today come in, by the names that people give them: which kernels take each, or by what name it is refused.

import { describe, expect, test } from 'vitest';
import { layerTargets } from '../../generator/checkpoint/bind-formats.js';
import { moeLayers } from '../../generator/checkpoint/formats/layers.js';
import { readQuantization, unquantised } from '../../generator/checkpoint/formats/quantization.js';
import { GGUF_TYPES } from '../../generator/checkpoint/gguf-types.js';
import { WEIGHT_FORMAT_NAMES } from '../../generator/description/weights.js';
import type { Tensor } from '../../generator/checkpoint/tensor.js';

type Parts = Readonly<Record<string, readonly [type: string, shape: readonly number[]]>>;

const [ROWS, TERMS] = [64, 256] as const;

/** The format in which kernels take the only matrix of a layer, which has these tensors behind its name. */
function kernelFormat(
  parts: Parts,
  section: object | null,
  name = 'layers.0.mlp.experts.0.down_proj.',
): string {
  const tensors = Object.entries(parts).map(([part, [type, shape]]): readonly [string, Tensor] => [
    `${name}${part}`,
    {
      ...{ name: `${name}${part}`, type, shape, bytes: 0, where: 'made up' },
      read: () => Promise.resolve(new Uint8Array()),
      readNow: () => new Uint8Array(),
    },
  ]);
  const quantization =
    section === null
      ? unquantised('bf16')
      : readQuantization({ quantization_config: section }, 'config.json');
  const [layer] = moeLayers(new Map(tensors), quantization);
  const matrices = [...(layer?.matrices ?? [])].map(([role, stored]) => ({ role, stored }));
  return layerTargets(matrices).formats.down ?? '';
}

const mlx = (bits: number, group_size: number, mode = 'affine') => ({ bits, group_size, mode });
const words = (bits: number) => ['U32', [ROWS, (TERMS * bits) / 32]] as const;
const grouped = (num_bits: number, group_size: number | null, format: string, type = 'int') => ({
  ...{ quant_method: 'compressed-tensors', format },
  config_groups: { group_0: { weights: { num_bits, group_size, type } } },
});
const bytes = ['F8_E4M3', [ROWS, TERMS]] as const;
const nibbles = ['U8', [ROWS, TERMS / 2]] as const;
const transposed = (bits: number, group: number): Parts => ({
  qweight: ['I32', [(TERMS * bits) / 32, ROWS]],
  qzeros: ['I32', [TERMS / group, (ROWS * bits) / 32]],
  scales: ['F16', [TERMS / group, ROWS]],
});

/** A name, the tensors of a matrix, what the configuration says, and the kernels' format. */
const ANSWERED: readonly (readonly [string, Parts, object, string])[] = [
  ...[2, 3, 4, 5, 6, 8].flatMap((bits) =>
    [32, 64, 128].map((group) => {
      const scales = ['BF16', [ROWS, TERMS / group]] as const;
      const parts = { weight: words(bits), scales, biases: scales };
      return [`MLX ${bits}-bit g${group}`, parts, mlx(bits, group), `affine${bits}_g${group}_bf16`] as const;
    }),
  ),
  ['MLX mxfp4', { weight: words(4), scales: ['U8', [ROWS, 8]] }, mlx(4, 32, 'mxfp4'), 'mxfp4'],
  ['MLX mxfp8', { weight: words(8), scales: ['U8', [ROWS, 8]] }, mlx(8, 32, 'mxfp8'), 'mxfp8'],
  ['MLX nvfp4', { weight: words(4), scales: ['U8', [ROWS, 16]] }, mlx(4, 16, 'nvfp4'), 'nvfp4_plain'],
  [
    'NVFP4 of ModelOpt',
    { weight: nibbles, weight_scale: ['F8_E4M3', [ROWS, 16]], weight_scale_2: ['F32', []] },
    { quant_method: 'modelopt', quant_algo: 'NVFP4' },
    'nvfp4',
  ],
  [
    'NVFP4 of compressed-tensors',
    { weight_packed: nibbles, weight_scale: ['F8_E4M3', [ROWS, 16]], weight_global_scale: ['F32', [1]] },
    grouped(4, 16, 'nvfp4-pack-quantized', 'float'),
    'nvfp4_divided',
  ],
  [
    'MXFP4 of compressed-tensors',
    { weight_packed: nibbles, weight_scale: ['U8', [ROWS, 8]] },
    grouped(4, 32, 'mxfp4-pack-quantized', 'float'),
    'mxfp4',
  ],
  [
    'FP8 128 x 128',
    { weight: bytes, weight_scale_inv: ['F32', [1, 2]] },
    { quant_method: 'fp8', weight_block_size: [128, 128] },
    'fp8_128x128_f32',
  ],
  [
    'FP8 32 x 32, UE8M0',
    { weight: bytes, scale: ['F8_E8M0', [2, 8]] },
    { quant_method: 'fp8', weight_block_size: [32, 32] },
    'fp8_32x32_ue8m0',
  ],
  [
    'FP8 per channel',
    { weight: bytes, weight_scale: ['BF16', [ROWS, 1]] },
    grouped(8, null, 'float-quantized', 'float'),
    'fp8_channel_bf16',
  ],
  [
    'FP8 per tensor',
    { weight: bytes, weight_scale: ['F32', []] },
    { quant_method: 'modelopt' },
    'fp8_tensor_f32',
  ],
  ...[4, 8].flatMap((bits) =>
    ([32, 128, null] as const).flatMap((group) => {
      const groups = group === null ? 1 : TERMS / group;
      const parts: Parts = {
        weight_packed: ['I32', [ROWS, (TERMS * bits) / 32]],
        weight_scale: ['BF16', [ROWS, groups]],
      };
      const zeros = ['I32', [(ROWS * bits) / 32, groups]] as const;
      const section = grouped(bits, group, 'pack-quantized');
      const kept = `affine${bits}_g${group ?? 128}`;
      const name = `compressed-tensors int${bits}, ${group ?? 'rows'}`;
      return [
        [`${name}, symmetric`, parts, section, `${kept}_bf16`],
        [`${name}, zero points`, { ...parts, weight_zero_point: zeros }, section, `${kept}_f32`],
      ] as const;
    }),
  ),
  [
    'int8 of W8A8, a column of scales',
    { weight: ['I8', [ROWS, TERMS]], weight_scale: ['F32', [ROWS, 1]] },
    grouped(8, null, 'int-quantized'),
    'affine8_g128_f32',
  ],
  [
    'int8 of W8A8, a vector of scales',
    { weight: ['I8', [ROWS, TERMS]], weight_scale: ['BF16', [ROWS]] },
    grouped(8, null, 'int-quantized'),
    'affine8_g128_bf16',
  ],
  ...([[], [1], [1, 1]] as const).map(
    (extents) =>
      [
        `int8 for a whole matrix, a scale of shape [${extents.join(', ')}]`,
        { weight: ['I8', [ROWS, TERMS]], weight_scale: ['F32', extents] },
        grouped(8, null, 'int-quantized'),
        'affine8_g128_f32',
      ] as const,
  ),
  ...([[1], [ROWS, 1], [ROWS, TERMS / 32]] as const).map(
    (extents) =>
      [
        `int8 with zero points of shape [${extents.join(', ')}]`,
        {
          weight: ['I8', [ROWS, TERMS]],
          weight_scale: ['BF16', extents],
          weight_zero_point: ['I8', extents],
        },
        grouped(8, null, 'int-quantized'),
        extents[1] === TERMS / 32 ? 'affine8_g32_f32' : 'affine8_g128_f32',
      ] as const,
  ),
  ...[2, 3, 4, 8].flatMap((bits) =>
    (['gptq', 'gptq_v2'] as const).map(
      (version) =>
        [
          `GPTQ ${bits}-bit, ${version}`,
          transposed(bits, 64),
          { quant_method: 'gptq', bits, group_size: 64, checkpoint_format: version },
          `affine${bits}_g64_f32`,
        ] as const,
    ),
  ),
  [
    'AWQ',
    { ...transposed(4, 64), qweight: ['I32', [TERMS, ROWS / 8]] },
    { quant_method: 'awq', bits: 4, group_size: 64 },
    'affine4_g64_f32',
  ],
];

describe('answered', () => {
  test.each(ANSWERED)('%s', (_, parts, section, format) => {
    expect(kernelFormat(parts, section)).toBe(format);
    expect(WEIGHT_FORMAT_NAMES).toContain(format);
  });

  test('MXFP4 of gpt-oss', () => {
    const parts = { _blocks: ['U8', [4, ROWS, 8, 16]], _scales: ['U8', [4, ROWS, 8]] } as const;
    expect(kernelFormat(parts, { quant_method: 'mxfp4' }, 'layers.0.mlp.experts.down_proj')).toBe('mxfp4');
  });
});

describe('types of GGUF', () => {
  const ANSWERED_TYPES = [
    ...['f32', 'f16', 'bf16', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q8_0', 'q2_K', 'q3_K', 'q4_K', 'q5_K', 'q6_K'],
    ...['iq4_nl', 'iq4_xs', 'tq2_0', 'q1_0', 'q2_0', 'gguf_mxfp4', 'gguf_nvfp4'],
  ];

  test.each([...GGUF_TYPES.values()].map(({ name }) => name))('%s', (name) => {
    const read = () => kernelFormat({ weight: [name, [8, ROWS, TERMS]] }, null, 'blk.0.ffn_down_exps.');
    if (ANSWERED_TYPES.includes(name)) expect(read()).toBe(name);
    else expect(read).toThrow(name);
  });
});

describe('refused by name', () => {
  test.each<[string, Parts, object | null, RegExp]>([
    ['bitsandbytes', {}, { quant_method: 'bitsandbytes' }, /got "bitsandbytes"/],
    ['HQQ', {}, { quant_method: 'hqq' }, /got "hqq"/],
    ['AWQ of another version', {}, { quant_method: 'awq', bits: 4, group_size: 64, version: 'gemv' }, /gemm/],
    [
      'FP8 E5M2',
      { weight: ['F8_E5M2', [ROWS, TERMS]], weight_scale: ['F32', [1]] },
      { quant_method: 'fp8' },
      /F8_E5M2/,
    ],
    [
      'int8 in groups of another size',
      { weight: ['I8', [ROWS, TERMS]], weight_scale: ['F32', [ROWS, TERMS / 16]] },
      grouped(8, 16, 'int-quantized'),
      /its scales have the shape \[\d+, \d+\] instead of \[64, 1\]/,
    ],
    [
      'int8 with packed zero points',
      {
        ...{ weight: ['I8', [ROWS, TERMS]], weight_scale: ['F32', [ROWS, 1]] },
        weight_zero_point: ['I32', [ROWS, 1]],
      },
      grouped(8, null, 'int-quantized'),
      /bytes with zero points of type I32/,
    ],
  ])('%s', (_, parts, section, message) => {
    expect(() => kernelFormat(parts, section)).toThrow(message);
  });
});
