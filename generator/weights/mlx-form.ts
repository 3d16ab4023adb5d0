// How MLX stores quantised weights: names of modules, planes of a format, and what the configuration says.

import { moduleAt } from '../checkpoint/formats/names.js';
import { namesOf } from '../checkpoint/formats/role-formats.js';
import type { TensorRole } from '../description/block.js';
import { isOfExperts } from '../description/tensors.js';

export interface MlxFormat {
  /** Of the weight format. */
  readonly name: string;
  readonly bits: number;
  readonly group: number;
  readonly mode: string;
}

export const MLX_FORMATS: readonly MlxFormat[] = [
  ...[2, 3, 4, 5, 6, 8].flatMap((bits) =>
    [32, 64, 128].flatMap((group) =>
      ['f16', 'bf16', 'f32'].map((type) => ({
        name: `affine${bits}_g${group}_${type}`,
        bits,
        group,
        mode: 'affine',
      })),
    ),
  ),
  { name: 'mxfp4', bits: 4, group: 32, mode: 'mxfp4' },
  { name: 'mxfp8', bits: 8, group: 32, mode: 'mxfp8' },
  { name: 'nvfp4_plain', bits: 4, group: 16, mode: 'nvfp4' },
];

/** The module of an expert's matrix, stacked; null for all others, which stay where they are. */
export type MlxModule = (prefix: string, role: TensorRole) => string | null;

/** Models whose experts lie stacked in modules of their own, which MLX renames when it loads them, keep these. */
export function mlxModules(config: Readonly<Record<string, unknown>>, where: string): MlxModule {
  const [own, mlx] = (['none', 'mlx'] as const).map((method) => namesOf(config, { method }, where));
  return (prefix, role) => {
    const [given, name] = [own?.modules[role], mlx?.modules[role]];
    if (!isOfExperts(role) || name === undefined) return null;
    const isKept = own?.prefix !== mlx?.prefix && given?.includes('{expert}') === false;
    return moduleAt(prefix, isKept ? given : name);
  };
}

const SCALE_TYPES: Readonly<Record<string, string>> = { f16: 'F16', bf16: 'BF16', f32: 'F32' };

interface MlxPlane {
  /** As the format calls it. */
  readonly plane: string;
  /** As MLX calls it. */
  readonly suffix: string;
  readonly type: string;
  readonly width: number;
}

/** Of rows of so many terms. */
export function mlxPlanes({ name, bits, group, mode }: MlxFormat, terms: number): MlxPlane[] {
  const words = { plane: 'weight', suffix: 'weight', type: 'U32', width: (terms * bits) / 32 };
  const groups = { plane: 'scales', suffix: 'scales', width: terms / group };
  if (mode !== 'affine') return [words, { ...groups, type: 'U8' }];
  const type = SCALE_TYPES[name.split('_').at(-1) ?? ''] ?? 'F32';
  return [words, { ...groups, type }, { plane: 'offsets', suffix: 'biases', type, width: terms / group }];
}

/** What a configuration says of a format. */
export function mlxSizes({ bits, group, mode }: MlxFormat): Record<string, unknown> {
  return { group_size: group, bits, mode };
}
