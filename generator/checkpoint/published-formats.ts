// The tensors of one module as quantisers write them: how a tool spells a format.

import { MoegenError } from '../errors.js';
import type { Quantization } from './formats/quantization.js';

/** Name, type and shape. */
type Part = readonly [name: string, type: string, shape: readonly number[]];

interface Sizes {
  /** Matrices that lie one after the other in one tensor; null for one alone. */
  readonly count: number | null;
  readonly columns: number;
  readonly terms: number;
}

interface ModuleChoice {
  /** As the tool calls it. */
  readonly format: string;
  readonly method: Quantization['method'];
  /** Where it is not quantised, the tensor bears the module's name itself. */
  readonly isBare: boolean;
  /** What its scales are called where not as usual. */
  readonly scale: string | null;
  readonly where: string;
}

const TYPES: Readonly<Record<string, string>> = {
  ...{ f16: 'F16', bf16: 'BF16', f32: 'F32', ue8m0: 'F8_E8M0' },
};

/** As safetensors spells the last part of a format's name. */
function typeOf(format: string): string {
  return (
    TYPES[
      format
        .replace(/_asym$/, '')
        .split('_')
        .at(-1) ?? ''
    ] ?? 'F32'
  );
}

/** Throws `checkpoint/unknown-format`. */
export function moduleTensors(
  module: string,
  { count, columns, terms }: Sizes,
  choice: ModuleChoice,
): Part[] {
  const { format, method, isBare, where } = choice;
  const lead = count === null ? [] : [count];
  const part = (suffix: string, type: string, ...shape: readonly number[]): Part => [
    `${module}${suffix}`,
    type,
    [...lead, ...shape],
  ];
  const type = typeOf(format);
  const scale = choice.scale === null ? null : `.${choice.scale}`;
  if (['f16', 'bf16', 'f32'].includes(format)) return [part(isBare ? '' : '.weight', type, columns, terms)];
  if (method === 'mlx') {
    const { bits, group } = mlxSizes(format);
    const words = part('.weight', 'U32', columns, (terms * bits) / 32);
    const groups = [columns, terms / group] as const;
    return format.startsWith('affine')
      ? [words, part('.scales', type, ...groups), part('.biases', type, ...groups)]
      : [words, part('.scales', 'U8', ...groups)];
  }
  if (method === 'mxfp4') {
    return [part('_blocks', 'U8', columns, terms / 32, 16), part('_scales', 'U8', columns, terms / 32)];
  }
  const isCompressed = method === 'compressed-tensors';
  const [, bits = '', group] = /^(?:affine|int)(\d)_(?:g(\d+)|channel)_/.exec(format) ?? [];
  if (method === 'gptq' || method === 'awq') {
    return transposed(method, part, {
      columns,
      terms,
      bits: Number(bits),
      group: group === undefined ? terms : Number(group),
    });
  }
  if (bits !== '') {
    const [width, groups] = [Number(bits), group === undefined ? 1 : Math.ceil(terms / Number(group))];
    const zeros = part('.weight_zero_point', 'I32', Math.ceil((columns * width) / 32), groups);
    return [
      part('.weight_packed', 'I32', columns, Math.ceil((terms * width) / 32)),
      part('.weight_scale', type, columns, groups),
      part('.weight_shape', 'I64', 2),
      ...(format.endsWith('_asym') ? [zeros] : []),
    ];
  }
  const codes = (suffix: string) => part(suffix, 'F8_E4M3', columns, terms);
  const packed = part(isCompressed ? '.weight_packed' : '.weight', 'U8', columns, terms / 2);
  switch (format) {
    case 'mxfp4':
      return method === 'fp8'
        ? [part('.weight', 'I8', columns, terms / 2), part(scale ?? '.scale', 'F8_E8M0', columns, terms / 32)]
        : [packed, part('.weight_scale', 'U8', columns, terms / 32)];
    case 'mxfp8':
      return [codes('.weight'), part('.weight_scale', 'U8', columns, terms / 32)];
    case 'nvfp4':
      return [packed, part('.weight_scale', 'F8_E4M3', columns, terms / 16), part('.weight_scale_2', 'F32')];
    case 'nvfp4_divided':
      return [
        ...[packed, part('.weight_scale', 'F8_E4M3', columns, terms / 16)],
        part('.weight_global_scale', 'F32', 1),
      ];
    default:
  }
  const [, tile] = /^fp8_(\d+)x/.exec(format) ?? [];
  if (tile !== undefined) {
    const suffix = scale ?? (method === 'fp8' ? '.weight_scale_inv' : '.weight_scale');
    const tiles = [columns, terms].map((size) => Math.ceil(size / Number(tile)));
    return [codes('.weight'), part(suffix, type, ...tiles)];
  }
  if (format.startsWith('fp8_tensor_')) return [codes('.weight'), part('.weight_scale', type)];
  if (format.startsWith('fp8_channel_')) return [codes('.weight'), part('.weight_scale', type, columns, 1)];
  const [, scope, byteGroup] = /^i8_(tensor|channel|g(\d+))_/.exec(format) ?? [];
  if (scope !== undefined) {
    const shape =
      scope === 'tensor' ? [1] : [columns, byteGroup === undefined ? 1 : terms / Number(byteGroup)];
    return [
      part('.weight', 'I8', columns, terms),
      part('.weight_scale', type, ...shape),
      ...(format.endsWith('_asym') ? [part('.weight_zero_point', 'I8', ...shape)] : []),
    ];
  }
  throw new MoegenError('checkpoint/unknown-format', `it is not known how ${method} writes ${format}`, {
    where,
    help: 'give the checkpoint itself: moegen model DIR',
  });
}

const MLX_FLOATS: Readonly<Record<string, { readonly bits: number; readonly group: number }>> = {
  mxfp4: { bits: 4, group: 32 },
  mxfp8: { bits: 8, group: 32 },
  nvfp4_plain: { bits: 4, group: 16 },
};

function mlxSizes(format: string): { readonly bits: number; readonly group: number } {
  const [, bits, group] = /^affine(\d+)_g(\d+)_/.exec(format) ?? [];
  return MLX_FLOATS[format] ?? { bits: Number(bits), group: Number(group) };
}

type MakePart = (suffix: string, type: string, ...shape: readonly number[]) => Part;

interface Integers {
  readonly columns: number;
  readonly terms: number;
  readonly bits: number;
  readonly group: number;
}

function transposed(
  method: 'gptq' | 'awq',
  part: MakePart,
  { columns, terms, bits, group }: Integers,
): Part[] {
  const groups = Math.ceil(terms / group);
  const isAwq = method === 'awq';
  return [
    isAwq
      ? part('.qweight', 'I32', terms, (columns * bits) / 32)
      : part('.qweight', 'I32', (terms * bits) / 32, columns),
    part('.qzeros', 'I32', groups, (columns * bits) / 32),
    part('.scales', 'F16', groups, columns),
    ...(isAwq ? [] : [part('.g_idx', 'I32', terms)]),
  ];
}
