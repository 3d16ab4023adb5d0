// How tools for servers store quantised weights: a module for each expert, under the names that the model is published with, and what the
// configuration says of it.

import { moduleTensors } from '../checkpoint/published-formats.js';
import type { OutputPlane } from './target.js';

export interface PublishedFormat {
  /** Of the weight format. */
  readonly name: string;
  readonly method: 'fp8' | 'modelopt' | 'compressed-tensors';
  /** Gate and up of an expert have one factor: readers that join them take that of the first. */
  readonly isFactorShared: boolean;
  /** What the configuration says under `quantization_config`, beside what is left out. */
  readonly section: Readonly<Record<string, unknown>>;
  /** The key of the modules that are left out. */
  readonly leftOut: 'modules_to_not_convert' | 'exclude_modules' | 'ignore';
}

const SCALE_TYPES = ['f32', 'bf16', 'f16'] as const;

function block(extent: 128 | 32, scale: 'f32' | 'bf16' | 'ue8m0'): PublishedFormat {
  return {
    ...{ name: `fp8_${extent}x${extent}_${scale}`, method: 'fp8', isFactorShared: false },
    section: {
      ...{ quant_method: 'fp8', fmt: 'e4m3', activation_scheme: 'dynamic' },
      weight_block_size: [extent, extent],
      ...(scale === 'ue8m0' && { scale_fmt: 'ue8m0' }),
    },
    leftOut: 'modules_to_not_convert',
  };
}

function compressed(
  name: string,
  format: string,
  weights: Readonly<Record<string, unknown>>,
  isFactorShared = false,
): PublishedFormat {
  return {
    ...{ name, method: 'compressed-tensors', isFactorShared },
    section: {
      ...{ quant_method: 'compressed-tensors', format, quantization_status: 'compressed' },
      config_groups: { group_0: { targets: ['Linear'], weights } },
    },
    leftOut: 'ignore',
  };
}

const float8 = (strategy: string) => ({ num_bits: 8, type: 'float', strategy, symmetric: true });
const integers = (bits: number, group: number | null, isSymmetric: boolean) => ({
  ...{ num_bits: bits, type: 'int', symmetric: isSymmetric },
  ...(group === null ? { strategy: 'channel' } : { strategy: 'group', group_size: group }),
});

export const PUBLISHED_FORMATS: readonly PublishedFormat[] = [
  ...(['f32', 'bf16', 'ue8m0'] as const).map((scale) => block(128, scale)),
  ...(['f32', 'ue8m0'] as const).map((scale) => block(32, scale)),
  ...(['channel', 'tensor'] as const).flatMap((strategy) =>
    SCALE_TYPES.map((scale) => compressed(`fp8_${strategy}_${scale}`, 'float-quantized', float8(strategy))),
  ),
  {
    ...{ name: 'nvfp4', method: 'modelopt', isFactorShared: true },
    section: { quant_method: 'modelopt', quant_algo: 'NVFP4', group_size: 16 },
    leftOut: 'exclude_modules',
  },
  compressed(
    'nvfp4_divided',
    'nvfp4-pack-quantized',
    { num_bits: 4, type: 'float', strategy: 'tensor_group', group_size: 16, symmetric: true },
    true,
  ),
  ...[4, 8].flatMap((bits) =>
    ([32, 64, 128, null] as const).flatMap((group) =>
      SCALE_TYPES.flatMap((scale) =>
        [true, false].map((isSymmetric) =>
          compressed(
            `int${bits}_${group === null ? 'channel' : `g${group}`}_${scale}${isSymmetric ? '' : '_asym'}`,
            'pack-quantized',
            integers(bits, group, isSymmetric),
          ),
        ),
      ),
    ),
  ),
  ...(['tensor', 'channel', 32, 64, 128] as const).flatMap((scope) =>
    SCALE_TYPES.flatMap((scale) =>
      [true, false].map((isSymmetric) => {
        const [own, sizes] =
          typeof scope === 'number'
            ? [`g${scope}`, integers(8, scope, isSymmetric)]
            : [scope, { ...integers(8, null, isSymmetric), strategy: scope }];
        return compressed(`i8_${own}_${scale}${isSymmetric ? '' : '_asym'}`, 'int-quantized', sizes);
      }),
    ),
  ),
];

/** By the part of a tensor's name behind that of its module. */
const PLANES: Readonly<Record<string, string>> = {
  ...{ weight: 'weight', weight_packed: 'weight', weight_zero_point: 'offsets', weight_shape: 'shape' },
  ...{ weight_scale: 'scales', weight_scale_inv: 'scales', scale: 'scales' },
  ...{ weight_scale_2: 'global', weight_global_scale: 'global' },
};

export function publishedPlanes(
  { name, method }: PublishedFormat,
  module: string,
  { rows, terms }: { readonly rows: number; readonly terms: number },
): OutputPlane[] {
  const sizes = { count: null, columns: rows, terms };
  const choice = { format: name, method, isBare: false, scale: null, where: '--weights' };
  return moduleTensors(module, sizes, choice).map(([tensor, type, shape]) => ({
    plane: PLANES[tensor.slice(module.length + 1)] ?? '',
    name: tensor,
    type,
    shape,
  }));
}
