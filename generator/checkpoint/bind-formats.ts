// The formats in which a file holds the matrices of a layer into those that kernels take: the same bytes where there are such kernels, or
// else what holds the same numbers exactly. What has neither is refused by name.

import { MoegenError } from '../errors.js';
import type { TensorRole } from '../description/block.js';
import { ACTIVATION_DTYPES, type ElementType } from '../description/dtypes.js';
import type { IntegerLayout, TensorRecipe } from '../description/recipes.js';
import {
  kernelFormats,
  PROJECTION_ROLES,
  PROJECTIONS,
  WEIGHT_FORMAT_NAMES,
  type FormatMix,
  type PlaneSuffix,
  type Projection,
  type WeightFormat,
} from '../description/weights.js';
import type { StoredMatrix } from './formats/matrix.js';
import { affineFormat } from './repack.js';
import type { Tensor } from './tensor.js';

/** What a plane of a matrix is made of; tensors are those of the first matrix. */
interface PlaneTarget extends Omit<TensorRecipe, 'role' | 'tensors' | 'perExpert'> {
  readonly plane: PlaneSuffix;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

interface Matrix {
  readonly role: TensorRole;
  readonly stored: readonly StoredMatrix[];
}

export interface LayerTargets {
  readonly formats: FormatMix;
  readonly targets: ReadonlyMap<TensorRole, readonly PlaneTarget[]>;
}

/** Throws `checkpoint/unsupported-format`, `checkpoint/mixed-formats`, `checkpoint/not-affine`. */
export function layerTargets(matrices: readonly Matrix[]): LayerTargets {
  const targets = new Map<TensorRole, readonly PlaneTarget[]>();
  const formats: Partial<Record<Projection, string>> = {};
  for (const projection of PROJECTIONS) {
    const own = matrices
      .filter(({ role }) => PROJECTION_ROLES[projection].includes(role))
      .map(({ role, stored }) => ({ role, stored: firstOf(stored) }));
    if (own.length === 0) continue;
    const format = commonFormat(own.map(({ stored }) => stored));
    formats[projection] = format.name;
    for (const { role, stored } of own) targets.set(role, planeTargets(stored, format));
  }
  return { formats, targets };
}

function firstOf([first]: readonly StoredMatrix[]): StoredMatrix {
  if (first === undefined) throw new Error('a role without matrices');
  return first;
}

/** Dense matrices of several types are all widened to float, which holds them exactly. */
function commonFormat(matrices: readonly StoredMatrix[]): WeightFormat {
  const formats = matrices.map(kernelFormat);
  const [first] = formats;
  if (first === undefined) throw new Error('a projection without matrices');
  const at = formats.findIndex(({ name }) => name !== first.name);
  if (at < 0) return first;
  if (formats.every(({ element }) => element !== null)) return coreFormat('f32') ?? first;
  const [a, b] = [firstOf(matrices), matrices[at]];
  throw new MoegenError(
    'checkpoint/mixed-formats',
    `expected one format for matrices that one kernel multiplies, got ${a.format} in ${a.module} and ${b?.format ?? ''} in ${b?.module ?? ''}`,
    { where: placeOf(a), help: 'quantise both in the same way' },
  );
}

function coreFormat(name: string): WeightFormat | null {
  return kernelFormats([name])[0] ?? null;
}

function placeOf({ planes, module }: StoredMatrix): string {
  return planes['weight']?.where ?? module;
}

/** With scales as numbers of another type. */
const OTHER_SCALES = /_(?:f16|bf16|ue8m0)$/;

function kernelFormat(matrix: StoredMatrix): WeightFormat {
  const { format, integers, planes, module } = matrix;
  const own = coreFormat(format) ?? coreFormat(format.replace(OTHER_SCALES, '_f32'));
  if (own?.planes.every(({ suffix }) => planes[suffix] !== undefined) === true) return own;
  if (integers !== null) {
    const affine = coreFormat(affineFormat(integers, planes['offsets'] !== undefined, module).format);
    if (affine !== null) return affine;
  }
  const families = WEIGHT_FORMAT_NAMES.map(
    (name) => /^[a-z]+\d+_g/.exec(name)?.[0].replace('_g', '') ?? name,
  );
  const known = [...new Set(families)].filter((name) => !name.startsWith('fp4')).join(', ');
  throw new MoegenError(
    'checkpoint/unsupported-format',
    `expected weights in a format that kernels take, got ${format} in ${module}`,
    {
      where: placeOf(matrix),
      help: `convert them with moegen quantize --weights FORMAT; kernels take ${known}`,
    },
  );
}

/** Element types by the names that files give them. */
const ELEMENTS: Readonly<Partial<Record<string, ElementType>>> = {
  ...{ F16: 'f16', BF16: 'bf16', F32: 'f32', f16: 'f16', bf16: 'bf16', f32: 'f32' },
};

function planeTargets(matrix: StoredMatrix, format: WeightFormat): PlaneTarget[] {
  const { integers } = matrix;
  const isRepacked = coreFormat(matrix.format) === null && format.name.startsWith('affine');
  if (integers !== null && isRepacked) return affineTargets(matrix, integers, format);
  return format.planes.map(({ suffix, element }) => {
    const weight = matrix.planes[suffix];
    if (weight === undefined) throw new Error(`${matrix.module} lacks ${suffix}`);
    const isNumber = ACTIVATION_DTYPES.some((dtype) => dtype === element) && isNumberType(weight.type);
    const operation = isNumber && ELEMENTS[weight.type] !== element ? 'convert' : 'copy';
    return { plane: suffix, operation, tensors: { weight }, type: weight.type };
  });
}

/** Blocks of GGUF hold numbers of several types, and are copied. */
function isNumberType(type: string): boolean {
  return type in ELEMENTS || type === 'F8_E8M0' || type === 'U8';
}

function affineTargets(matrix: StoredMatrix, layout: IntegerLayout, format: WeightFormat): PlaneTarget[] {
  const { weight, scales, offsets: zeros, g_idx: groups } = matrix.planes;
  if (weight === undefined || scales === undefined)
    throw new Error(`${matrix.module} has no codes or scales`);
  const tensors = { weight, scales, ...(zeros && { zeros }), ...(groups && { groups }) };
  return format.planes.map(({ suffix }) => ({
    plane: suffix,
    operation: 'affine' as const,
    tensors,
    type: weight.type,
    layout,
  }));
}
