// The tensors of a module into the weight format that they are in. What the tensors are decides; the configuration adds the sizes that shapes
// leave open, and must not contradict them.

import { MoegenError } from '../../errors.js';
import { GGUF_TYPES } from '../gguf-types.js';
import type { IntegerLayout } from '../../description/recipes.js';
import type { Tensor } from '../tensor.js';
import type { Parts } from './modules.js';
import type { IntegerSizes, Sizes } from './integer-sizes.js';
import type { Quantization } from './quantization.js';

export interface StoredMatrix {
  readonly module: string;
  /** Name of a weight format; gptq_..., gptq_v2_... and awq_... must be repacked. */
  readonly format: string;
  /** By plane suffix: weight, scales, offsets, global, g_idx. */
  readonly planes: Readonly<Record<string, Tensor>>;
  /** Matrices that lie one after the other, of `columns` rows of `terms` terms each. */
  readonly matrices: number;
  readonly columns: number;
  /** Where compressed-tensors has one scale for a row, the row is taken to fill its last word. */
  readonly terms: number;
  /** Of integers that can be repacked as affine. */
  readonly integers: IntegerLayout | null;
}

type Matrix = Omit<StoredMatrix, 'module' | 'integers'> & { readonly integers?: IntegerLayout };

interface Module {
  readonly name: string;
  readonly parts: Parts;
  readonly quantization: Quantization;
}

const DENSE: Readonly<Record<string, 'f16' | 'bf16' | 'f32'>> = { F16: 'f16', BF16: 'bf16', F32: 'f32' };
const GGUF_NAMES: ReadonlySet<string> = new Set([...GGUF_TYPES.values()].map(({ name }) => name));
const GGUF_WEIGHTS: ReadonlySet<string> = new Set(
  (
    'f32 f16 bf16 q4_0 q4_1 q5_0 q5_1 q8_0 q2_K q3_K q4_K q5_K q6_K iq4_nl iq4_xs tq2_0 q1_0 q2_0 ' +
    'gguf_mxfp4 gguf_nvfp4'
  ).split(' '),
);
const MLX_BITS: Readonly<Record<string, number>> = { mxfp4: 4, mxfp8: 8, nvfp4: 4 };

/** Throws `checkpoint/unknown-format` or `checkpoint/inconsistent`. */
export function matrixOf(name: string, parts: Parts, quantization: Quantization): StoredMatrix {
  const module: Module = { name, parts, quantization };
  const weight =
    parts.get('weight') ?? parts.get('qweight') ?? parts.get('weight_packed') ?? parts.get('blocks');
  if (weight === undefined)
    throw inconsistent(module, `it has ${[...parts.keys()].join(', ')} and no weight`);
  const { integers = null, ...matrix } = read(module, weight);
  return { module: name, ...matrix, integers };
}

function read(module: Module, weight: Tensor): Matrix {
  const { parts } = module;
  if (parts.has('qweight')) return transposed(module, weight);
  if (parts.has('weight_packed')) return compressed(module, weight);
  if (parts.has('blocks')) return blocks(module, weight);
  if (weight.type === 'U32') return mlx(module, weight);
  if (GGUF_NAMES.has(weight.type)) return gguf(module, weight);
  const scale = parts.get('weight_scale') ?? parts.get('weight_scale_inv') ?? parts.get('scale');
  if (scale !== undefined) return scaled(module, weight, scale);
  const format = DENSE[weight.type];
  if (format !== undefined) return { format, planes: { weight }, ...shapeOf(module, weight.shape) };
  throw unknownFormat(module, `weights of type ${weight.type} without scales`);
}

/** Blocks as they are; what ModelOpt calls weight_scale_2 lies beside those of NVFP4. */
function gguf(module: Module, weight: Tensor): Matrix {
  const shape = shapeOf(module, weight.shape);
  if (!GGUF_WEIGHTS.has(weight.type)) throw unknownFormat(module, `weights of GGUF type ${weight.type}`);
  const global = module.parts.get('scale');
  if (global !== undefined && weight.type !== 'gguf_nvfp4') {
    throw unknownFormat(module, `weights of GGUF type ${weight.type} with a factor`);
  }
  if (global === undefined) return { format: weight.type, planes: { weight }, ...shape };
  return { format: 'gguf_nvfp4_scaled', planes: { weight, global }, ...shape };
}

function inconsistent({ name }: Module, reason: string): MoegenError {
  return new MoegenError('checkpoint/inconsistent', `expected tensors that fit together, but ${reason}`, {
    where: name,
    help: 'check that the configuration and the tensors belong to the same model',
  });
}

function unknownFormat({ name, quantization }: Module, what: string): MoegenError {
  return new MoegenError(
    'checkpoint/unknown-format',
    `expected weights in a format that is known, got ${what} (quantization: ${quantization.method})`,
    { where: name, help: 'convert the checkpoint to another format' },
  );
}

type Shape = Pick<Matrix, 'matrices' | 'columns' | 'terms'>;

/** Of a tensor whose last extents are rows and terms, each word or byte of which holds `perElement` terms. */
function shapeOf(module: Module, shape: readonly number[], perElement = 1): Shape {
  const [terms, columns] = [shape.at(-1), shape.at(-2)];
  if (terms === undefined || columns === undefined)
    throw inconsistent(module, `its weight has the shape [${shape.join(', ')}]`);
  return {
    matrices: shape.slice(0, -2).reduce((product, extent) => product * extent, 1),
    columns,
    terms: terms * perElement,
  };
}

/** That a tensor has the shape that the weights imply; leading extents are those of the weights. */
function checkShape(
  module: Module,
  tensor: Tensor | undefined,
  wanted: readonly number[],
  what: string,
): Tensor {
  if (tensor === undefined) throw inconsistent(module, `it has no ${what}`);
  if (tensor.shape.join() === wanted.join()) return tensor;
  throw inconsistent(
    module,
    `its ${what} have the shape [${tensor.shape.join(', ')}] instead of [${wanted.join(', ')}]`,
  );
}

function scaleType(module: Module, scale: Tensor): 'f16' | 'bf16' | 'f32' {
  const type = DENSE[scale.type];
  if (type === undefined) throw unknownFormat(module, `scales of type ${scale.type}`);
  return type;
}

function mlx(module: Module, weight: Tensor): Matrix {
  const { parts, quantization, name } = module;
  if (quantization.method !== 'mlx') throw unknownFormat(module, 'packed words');
  const sizes = quantization.sizesOf(name);
  if (sizes === null)
    throw inconsistent(module, 'its weight is packed and the configuration says that it is not');
  const { mode, group } = sizes;
  const bits = mode === 'affine' ? sizes.bits : MLX_BITS[mode];
  if (bits === undefined || bits !== sizes.bits)
    throw unknownFormat(module, `mode ${mode} with ${sizes.bits} bits`);
  const shape = shapeOf(module, weight.shape, 32 / bits);
  const scalesShape = [...weight.shape.slice(0, -1), shape.terms / group];
  const scales = checkShape(module, parts.get('scales'), scalesShape, 'scales');
  if (mode !== 'affine') {
    const expected = mode === 'nvfp4' ? 16 : 32;
    if (group !== expected || scales.type !== 'U8')
      throw unknownFormat(module, `${mode} in groups of ${group}, scales ${scales.type}`);
    const global = parts.get('global_scale');
    if (mode !== 'nvfp4') return { format: mode, planes: { weight, scales }, ...shape };
    if (global === undefined) return { format: 'nvfp4_plain', planes: { weight, scales }, ...shape };
    return { format: 'nvfp4_amax', planes: { weight, scales, global }, ...shape };
  }
  if (![2, 3, 4, 5, 6, 8].includes(bits) || ![32, 64, 128].includes(group)) {
    throw unknownFormat(module, `affine weights of ${bits} bits in groups of ${group}`);
  }
  const offsets = checkShape(module, parts.get('biases'), scalesShape, 'biases');
  if (offsets.type !== scales.type)
    throw inconsistent(module, `its scales are ${scales.type} and its biases ${offsets.type}`);
  const format = `affine${bits}_g${group}_${scaleType(module, scales)}`;
  return { format, planes: { weight, scales, offsets }, ...shape };
}

/** gpt-oss: 16 bytes with 32 terms to a block. */
function blocks(module: Module, weight: Tensor): Matrix {
  if (weight.type !== 'U8' || weight.shape.at(-1) !== 16)
    throw unknownFormat(module, `blocks of type ${weight.type} [${weight.shape.join(', ')}]`);
  const rows = weight.shape.slice(0, -1);
  const scales = checkShape(module, module.parts.get('scales'), rows, 'scales');
  if (scales.type !== 'U8') throw unknownFormat(module, `scales of type ${scales.type}`);
  return { format: 'mxfp4', planes: { weight, scales }, ...shapeOf(module, rows, 32) };
}

/** Bytes under scales: FP8, int8, and FP4 two to a byte. */
function scaled(module: Module, weight: Tensor, scales: Tensor): Matrix {
  const planes = { weight, scales };
  const rows = weight.shape.slice(0, -1);
  const global = module.parts.get('weight_scale_2');
  const packed = () => shapeOf(module, weight.shape, 2);
  if (global !== undefined) {
    if (weight.type !== 'U8' || scales.type !== 'F8_E4M3')
      throw unknownFormat(module, `${weight.type} under scales of type ${scales.type} and a second one`);
    const shape = packed();
    checkShape(module, scales, [...rows, shape.terms / 16], 'scales');
    return { format: 'nvfp4', planes: { ...planes, global }, ...shape };
  }
  const isExponent = scales.type === 'F8_E8M0' || scales.type === 'U8';
  const isFp4 = ['U8', 'I8', 'F4'].includes(weight.type) && isExponent;
  if (isFp4) {
    const shape = weight.type === 'F4' ? shapeOf(module, weight.shape) : packed();
    checkShape(module, scales, [...rows, shape.terms / 32], 'scales');
    return { format: 'mxfp4', planes, ...shape };
  }
  const shape = shapeOf(module, weight.shape);
  if (weight.type === 'I8') return integerBytes(module, planes, rows, shape);
  if (weight.type !== 'F8_E4M3') throw unknownFormat(module, `weights of type ${weight.type} under scales`);
  return { format: fp8(module, scales, rows, shape, isExponent), planes, ...shape };
}

/** Groups of a row that have a scale of their own in bytes. */
const BYTE_GROUPS = [32, 64, 128] as const;

/** The scales of rows are a column, or a vector; those of groups follow each other, and a matrix may have a single one. */
function integerBytes(
  module: Module,
  planes: { readonly weight: Tensor; readonly scales: Tensor },
  rows: readonly number[],
  shape: Shape,
): Matrix {
  const { scales } = planes;
  const given = scales.shape.join();
  const lead = rows.slice(0, -1);
  const isWhole = [lead, [...lead, 1], [...lead, 1, 1]].some((wanted) => wanted.join() === given);
  const group = BYTE_GROUPS.find((size) => given === [...rows, shape.terms / size].join()) ?? null;
  const isRow = given === rows.join();
  if (!isWhole && group === null && !isRow) checkShape(module, scales, [...rows, 1], 'scales');
  const offsets = module.parts.get('weight_zero_point');
  if (offsets !== undefined) {
    checkShape(module, offsets, scales.shape, 'zero points');
    if (offsets.type !== 'I8') throw unknownFormat(module, `bytes with zero points of type ${offsets.type}`);
  }
  const type = scaleType(module, scales);
  const { columns, terms } = shape;
  const scope = isWhole ? 'tensor' : group === null ? 'channel' : `g${group}`;
  const kind = isWhole ? 'int8_tensor' : 'int8';
  return {
    format: `i8_${scope}_${type}${offsets === undefined ? '' : '_asym'}`,
    planes: { ...planes, ...(offsets && { offsets }) },
    ...shape,
    integers: { kind, bits: 8, columns, terms, group, scaleType: type },
  };
}

function fp8(
  module: Module,
  scales: Tensor,
  rows: readonly number[],
  shape: Shape,
  isExponent: boolean,
): string {
  const { quantization } = module;
  const given = scales.shape.join();
  const type = isExponent ? 'ue8m0' : scaleType(module, scales);
  const block = quantization.method === 'fp8' ? quantization.block : null;
  const candidates = block === null ? [[128, 128] as const] : [block, [32, 32] as const];
  const fits = candidates.find(([columns, terms]) => {
    const wanted = [...rows.slice(0, -1), Math.ceil(shape.columns / columns), Math.ceil(shape.terms / terms)];
    return wanted.join() === given;
  });
  const isBlock = fits !== undefined && (block !== null || scales.shape.length > 1);
  const isChannel = given === [...rows, 1].join();
  if (isExponent && given === [...rows, shape.terms / 32].join() && block === null) return 'mxfp8';
  if (isChannel && !isExponent && block === null) return `fp8_channel_${type}`;
  if (['', '1'].includes(given) && !isExponent) return `fp8_tensor_${type}`;
  const [columns, terms] = fits ?? [0, 0];
  const isKnown =
    columns === terms && (columns === 128 || (columns === 32 && ['f32', 'ue8m0'].includes(type)));
  if (isBlock && isKnown && type !== 'f16') return `fp8_${columns}x${terms}_${type}`;
  const blocks_ = block === null ? 'no weight_block_size' : `blocks of ${block.join(' x ')}`;
  throw unknownFormat(
    module,
    `FP8 [${rows.join(', ')}, ${shape.terms}] under scales ${scales.type} [${scales.shape.join(', ')}] with ${blocks_}`,
  );
}

/** The module's own sizes, or the one pair of others that suits the shapes. */
function sizesThatFit(
  module: Module,
  { own, others: all }: Sizes,
  fits: (each: IntegerSizes) => boolean,
): IntegerSizes {
  if (own !== null && fits(own)) return own;
  const fitting = all.filter(fits);
  const [first] = fitting;
  if (first === undefined) {
    const tried = (own === null ? all : [own, ...all]).map(
      ({ bits, group }) => `${bits} bits in groups of ${group ?? 'a row'}`,
    );
    throw inconsistent(module, `its shapes suit none of: ${tried.join(', ') || 'nothing'}`);
  }
  const others = fitting.filter(({ bits, group }) => bits !== first.bits || group !== first.group);
  if (others.length === 0) return first;
  throw inconsistent(module, `its shapes suit ${fitting.length} groups of the configuration`);
}

function compressed(module: Module, weight: Tensor): Matrix {
  const { parts, quantization } = module;
  const scales = parts.get('weight_scale');
  if (scales === undefined) throw inconsistent(module, 'it has no weight_scale');
  const rows = weight.shape.slice(0, -1);
  if (weight.type === 'U8') {
    const shape = shapeOf(module, weight.shape, 2);
    const global = parts.get('weight_global_scale');
    const isNvfp4 = scales.type === 'F8_E4M3' && global !== undefined;
    checkShape(module, scales, [...rows, shape.terms / (isNvfp4 ? 16 : 32)], 'scales');
    if (isNvfp4) return { format: 'nvfp4_divided', planes: { weight, scales, global }, ...shape };
    if (scales.type === 'U8' || scales.type === 'F8_E8M0')
      return { format: 'mxfp4', planes: { weight, scales }, ...shape };
    throw unknownFormat(module, `packed bytes under scales of type ${scales.type}`);
  }
  if (quantization.method !== 'compressed-tensors')
    throw unknownFormat(module, `packed weights of type ${weight.type}`);
  const [words = 0, groups = 0] = [weight.shape.at(-1), scales.shape.at(-1)];
  const { bits, group } = sizesThatFit(module, quantization.sizesOf(module.name), ({ bits, group }) =>
    group === null ? groups === 1 : Math.ceil((groups * group * bits) / 32) === words,
  );
  if (bits !== 4 && bits !== 8) throw unknownFormat(module, `integers of ${bits} bits`);
  if (group !== null && ![32, 64, 128].includes(group))
    throw unknownFormat(module, `integers in groups of ${group}`);
  const shape: Shape = {
    ...shapeOf(module, weight.shape),
    terms: group === null ? (words * 32) / bits : groups * group,
  };
  checkShape(module, scales, [...rows, groups], 'scales');
  const offsets = parts.get('weight_zero_point');
  if (offsets !== undefined)
    checkShape(
      module,
      offsets,
      [...rows.slice(0, -1), Math.ceil((shape.columns * bits) / 32), groups],
      'zero points',
    );
  const table = parts.get('weight_g_idx');
  const type = scaleType(module, scales);
  const scope = group === null ? 'channel' : `g${group}`;
  const { columns, terms } = shape;
  return {
    format: `int${bits}_${scope}_${type}${offsets === undefined ? '' : '_asym'}`,
    planes: { weight, scales, ...(offsets && { offsets }), ...(table && { g_idx: table }) },
    ...shape,
    integers: { kind: 'compressed-tensors', bits, columns, terms, group, scaleType: type },
  };
}

/** GPTQ [terms * bits / 32, columns] and AWQ [terms, columns / 8]. */
function transposed(module: Module, weight: Tensor): Matrix {
  const { parts, quantization } = module;
  if (quantization.method !== 'gptq' && quantization.method !== 'awq')
    throw unknownFormat(module, 'packed words in qweight');
  const isAwq = quantization.method === 'awq';
  const [offsets, scales, table] = [parts.get('qzeros'), parts.get('scales'), parts.get('g_idx')];
  if (offsets === undefined || scales === undefined)
    throw inconsistent(module, 'it has no qzeros or no scales');
  const [rows = 0, width = 0] = weight.shape;
  const [groups = 0, columns = 0] = scales.shape;
  const termsAt = (bits: number) => (isAwq ? rows : (rows * 32) / bits);
  const { bits, group } = sizesThatFit(module, quantization.sizesOf(module.name), (each) => {
    const isWide = offsets.shape.join() === [groups, (columns * each.bits) / 32].join();
    return isWide && Math.ceil(termsAt(each.bits) / (each.group ?? termsAt(each.bits))) === groups;
  });
  if (bits !== 2 && bits !== 3 && bits !== 4 && bits !== 8)
    throw unknownFormat(module, `integers of ${bits} bits`);
  if (width !== (isAwq ? columns / 8 : columns))
    throw inconsistent(module, `its qweight is ${width} wide and its scales ${columns}`);
  const kind = isAwq ? 'awq' : quantization.version;
  const terms = termsAt(bits);
  const type = scaleType(module, scales);
  return {
    format: `${kind}_int${bits}_${group === null ? 'row' : `g${group}`}`,
    planes: { weight, scales, offsets, ...(table && { g_idx: table }) },
    matrices: 1,
    columns,
    terms,
    integers: { kind, bits, columns, terms, group, scaleType: type },
  };
}
