// What of a checkpoint is not quantised: copied as it is, or, where the new file is of another kind, the parameters of MoE blocks alone.

import type { LocatedLayer } from '../checkpoint/bind.js';
import type { MoeLayer } from '../checkpoint/formats/layers.js';
import { matrixOf } from '../checkpoint/formats/matrix.js';
import { modulesOf, type Parts } from '../checkpoint/formats/modules.js';
import type { UnboundModel } from '../checkpoint/model.js';
import type { Tensor } from '../checkpoint/tensor.js';
import type { TensorRole } from '../description/block.js';
import { decodeMatrix } from './decode.js';
import type { MlxFormat } from './mlx-form.js';
import type { LayerNaming } from './naming.js';
import { numbersOf } from './numbers.js';
import { floatBytes } from './output-matrices.js';
import { isQuantised, unsupported, type Target } from './target.js';
import type { OutputTensor } from './write.js';

export interface OtherTensors {
  readonly tensors: readonly OutputTensor[];
  /** Sizes of modules that MLX has quantised. */
  readonly overrides: Readonly<Record<string, MlxFormat>>;
  /** Modules of matrices that stay dense. */
  readonly leftOut: readonly string[];
}

const SCALES = ['scales', 'weight_scale', 'weight_scale_inv', 'qweight', 'blocks', 'weight_packed'];

export function otherTensors(model: UnboundModel, taken: ReadonlySet<string>, target: Target): OtherTensors {
  const { checkpoint } = model;
  const overrides: Record<string, MlxFormat> = {};
  const tensors: OutputTensor[] = [];
  const leftOut: string[] = [];
  for (const [module, parts] of modulesOf(checkpoint.tensors)) {
    const own = [...parts.values()];
    const left = own.filter(({ name }) => !taken.has(name));
    // Scales of inputs and shapes go with the weights that they belong to.
    const isReplaced = left.length < own.length;
    const kept = isReplaced ? left.filter(({ name }) => name.endsWith('.bias')) : left;
    if (!isReplaced && checkpoint.kind === 'safetensors') {
      if (SCALES.some((part) => parts.has(part))) {
        const sizes = keptSizes(model, module, parts, target);
        if (sizes !== null) overrides[module] = sizes;
      } else if ((parts.get('weight')?.shape.length ?? 0) > 1) leftOut.push(module);
    }
    for (const tensor of kept) tensors.push(copyOf(tensor));
  }
  return { tensors, overrides, leftOut };
}

function copyOf(tensor: Tensor): OutputTensor {
  return { name: tensor.name, type: tensor.type, shape: tensor.shape, source: tensor };
}

/** Of a module that is quantised and is none of an expert: the new configuration must say the same of it. */
function keptSizes(
  { quantization, where }: UnboundModel,
  module: string,
  parts: Parts,
  target: Target,
): MlxFormat | null {
  if (target.kind === 'mlx' && quantization.method === 'mlx') {
    const sizes = quantization.sizesOf(module);
    return sizes === null ? null : { ...sizes, name: '' };
  }
  const isSame =
    target.kind === 'published' && matrixOf(module, parts, quantization).format === target.format.name;
  if (isSame) return null;
  throw unsupported(
    module,
    `it is quantised too (${quantization.method}), and the new configuration has one format for all`,
    where,
  );
}

const DENSE: Readonly<Record<string, string>> = { f16: 'F16', bf16: 'BF16', f32: 'F32' };

/**
 * Routers, biases and whatever else a block has beside the matrices that are quantised. GGUF has all of them in float; numbers that
 * float does not hold exactly are rounded to it.
 */
export function plainTensors(
  layer: MoeLayer,
  { traits, roles, matrices, shapes }: LocatedLayer,
  naming: LayerNaming,
): OutputTensor[] {
  const { isFloat } = naming;
  const place = (role: TensorRole) => ({
    ...{ prefix: layer.prefix, layer: layer.index, role, module: '', isApart: false },
  });
  return roles.flatMap((role): OutputTensor[] => {
    if (isQuantised(role) || /^expert_\w+_bias$/.test(role)) return [];
    const name = naming.tensor(place(role), 0);
    const shape = shapes.get(role) ?? [];
    const matrix = matrices.find((each) => each.role === role);
    if (matrix !== undefined) {
      const [stored] = matrix.stored;
      const weight = stored?.planes['weight'];
      const isRow = isFloat && role === 'shared_sigmoid_gate';
      const extents = isRow ? [traits.hiddenSize] : [matrix.columns, matrix.terms];
      const type = isFloat ? undefined : DENSE[stored?.format ?? ''];
      return weight !== undefined && type !== undefined
        ? [{ name, type, shape: extents, source: weight }]
        : [floats(name, extents, () => Promise.resolve(decodeMatrix(matrix, 0)))];
    }
    const [tensor] = layer.vectors.get(role) ?? [];
    if (tensor === undefined) return [];
    return [floats(name, shape, async () => numbersOf(tensor.type, await tensor.read()))];
  });
}

function floats(name: string, shape: readonly number[], read: () => Promise<Float64Array>): OutputTensor {
  return {
    ...{ name, type: 'F32', shape },
    read: async () => floatBytes(await read()),
  };
}
