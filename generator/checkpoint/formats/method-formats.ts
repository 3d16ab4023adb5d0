// What the tools that quantise checkpoints call their formats, into the names of these.

type Refuse = (expected: string) => never;

/** Matrices that MLX writes have no factor of their own. */
export const MLX_MODES: Readonly<Record<string, string>> = { nvfp4: 'nvfp4_plain' };

/** What ModelOpt calls its algorithms. */
export const MODELOPT_FORMATS: Readonly<Record<string, string>> = {
  NVFP4: 'nvfp4',
  NVFP4_AWQ: 'nvfp4',
  W4A16_NVFP4: 'nvfp4',
  W4A8_NVFP4_FP8: 'nvfp4',
  FP8: 'fp8_tensor_f32',
  FP8_PER_CHANNEL_PER_TOKEN: 'fp8_channel_f32',
  FP8_PB_WO: 'fp8_128x128_f32',
  MXFP4: 'mxfp4',
  W4A8_MXFP4_FP8: 'mxfp4',
  MXFP8: 'mxfp8',
};

/** `block` are columns and terms with a common scale, null for a whole matrix. */
export function fp8Format(block: readonly [number, number] | null, type: string, refuse: Refuse): string {
  if (block === null) return `fp8_tensor_${type}`;
  const [columns, terms] = block;
  return columns === terms
    ? `fp8_${columns}x${terms}_${type}`
    : refuse(`square blocks of weights, got ${columns} x ${terms}`);
}

interface CompressedWeights {
  readonly num_bits: number;
  readonly type: string;
  readonly strategy?: string | null | undefined;
  readonly group_size: number | null;
  readonly block_structure?: readonly number[] | string | null | undefined;
  readonly symmetric?: boolean | null | undefined;
}

/** Of compressed-tensors, whose scales are of the type `dense`. */
export function compressedFormat(
  { num_bits: width, type, strategy, group_size: terms, block_structure, symmetric }: CompressedWeights,
  format: string,
  dense: string,
  refuse: Refuse,
): string {
  if (type === 'int') {
    const zeros = symmetric === false ? '_asym' : '';
    if (format === 'int-quantized' || format === 'naive-quantized') {
      const own = strategy ?? (terms === null ? 'tensor' : 'group');
      const scope = own === 'group' ? `g${terms ?? ''}` : own;
      return width === 8 && ['tensor', 'channel', 'g32', 'g64', 'g128'].includes(scope)
        ? `i8_${scope}_${dense}${zeros}`
        : refuse(
            `bytes with a scale for each matrix, row or group of 32, 64 or 128, got ${width} bits by ${scope}`,
          );
    }
    const scope = terms === null ? 'channel' : `g${terms}`;
    return `int${width}_${scope}_${dense}${zeros}`;
  }
  if (width === 8 && terms === 32) return 'mxfp8';
  if (width === 8) {
    const block = Array.isArray(block_structure) ? (block_structure as readonly number[]) : [];
    if (strategy === 'block') return `fp8_${block[0] ?? 128}x${block[1] ?? 128}_${dense}`;
    return `fp8_${strategy === 'channel' ? 'channel' : 'tensor'}_${dense}`;
  }
  if (width === 4 && terms === 16) return 'nvfp4_divided';
  if (width === 4 && terms === 32) return 'mxfp4';
  return refuse(`weights that are supported, got ${width}-bit ${type} in groups of ${terms ?? 'a row'}`);
}

interface QuarkWeights {
  readonly dtype: string;
  readonly qscheme?: string | null | undefined;
  readonly group_size: number | null;
  readonly scale_format?: string | null | undefined;
}

/** Of AMD's Quark. */
export function quarkFormat(
  { dtype, qscheme, group_size: terms, scale_format: scale }: QuarkWeights,
  refuse: Refuse,
): string {
  if (dtype === 'fp4' && terms === 32 && (scale ?? 'e8m0') === 'e8m0') return 'mxfp4';
  if (dtype === 'fp8_e4m3' && qscheme === 'per_tensor') return 'fp8_tensor_f32';
  if (dtype === 'fp8_e4m3' && qscheme === 'per_channel') return 'fp8_channel_f32';
  return refuse(`weights that are supported, got ${dtype} ${qscheme ?? ''} in groups of ${terms ?? 'a row'}`);
}
