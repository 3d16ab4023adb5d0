// What a configuration says about quantised weights: by which method they were made, with which sizes, and in which format the matrices
// of a module are. Types of scales, which only the files know, are those that the method's own tools write.

import { z } from 'zod';
import { MoegenError } from '../../errors.js';
import type { ActivationDtype } from '../../description/dtypes.js';
import { wrappedConfigs } from '../../description/models/find-model.js';
import { autoRoundSizes, gptqSizes, integerFormat, type Sizes, type SizesOf } from './integer-sizes.js';
import { compressedFormat, fp8Format, MLX_MODES, MODELOPT_FORMATS, quarkFormat } from './method-formats.js';
import { matchesAny } from './patterns.js';

type Values = Readonly<Record<string, unknown>>;

type Method =
  | { readonly method: 'none' | 'mxfp4' | 'modelopt' | 'quark' }
  | { readonly method: 'fp8'; readonly block: readonly [number, number] | null }
  | { readonly method: 'mlx'; sizesOf(module: string): MlxSizes | null }
  | { readonly method: 'compressed-tensors'; readonly sizesOf: SizesOf }
  | { readonly method: 'gptq'; readonly sizesOf: SizesOf; readonly version: 'gptq' | 'gptq_v2' }
  | { readonly method: 'awq'; readonly sizesOf: SizesOf };

export type Quantization = Method & {
  /** The format of matrices that are not quantised. */
  readonly dense: ActivationDtype;
  /**
   * The format of a matrix, as its tool calls it, by what its module may be called. `isLeft` holds for those, such as routers, that
   * tools leave dense unless they name them. Throws `checkpoint/unknown-quantization`.
   */
  formatOf(modules: readonly string[], isLeft: boolean): string;
};

interface MlxSizes {
  readonly bits: number;
  readonly group: number;
  readonly mode: string;
}

const names = z.array(z.string()).nullish();
const bits = z.int().positive();
/** -1 stands for a row. */
const groupSize = z.int().min(-1).nullable();
const orRow = (size: number | null | undefined): number | null =>
  size === undefined || size === null || size <= 0 ? null : size;
const group = groupSize.optional().transform(orRow);

/** What a module has of its own. */
const changed = z.object({ bits: bits.optional(), group_size: groupSize.transform(orRow).optional() });

const leftOut = {
  ...{ modules_to_not_convert: names, ignored_layers: names, ignore: names, exclude_modules: names },
  exclude: names,
};
const mlxSizes = z.object({ bits, group_size: z.int().positive(), mode: z.string().default('affine') });
const fp8Schema = z.object({
  ...leftOut,
  weight_block_size: z.tuple([z.int().positive(), z.int().positive()]).nullish(),
  scale_fmt: z.string().nullish(),
});
const mxfp4Schema = z.object(leftOut);
const compressedSchema = z.object({
  ...leftOut,
  format: z.string().nullish(),
  config_groups: z.record(
    z.string(),
    z.object({
      targets: z.array(z.string()).default(['Linear']),
      format: z.string().nullish(),
      weights: z
        .object({
          num_bits: bits,
          type: z.string().default('int'),
          strategy: z.string().nullish(),
          group_size: group,
          block_structure: z.union([z.array(z.int()), z.string()]).nullish(),
          symmetric: z.boolean().nullish(),
        })
        .nullish(),
    }),
  ),
});
const modelOptSchema = z.object({
  ...leftOut,
  quant_algo: z.string().nullish(),
  quantized_layers: z.record(z.string(), z.object({ quant_algo: z.string() })).nullish(),
});
const gptqSchema = z.object({
  ...leftOut,
  bits,
  group_size: group,
  checkpoint_format: z.enum(['gptq', 'gptq_v2']).default('gptq'),
  desc_act: z.boolean().nullish(),
  /** Patterns of module names, with what they change. */
  dynamic: z.record(z.string(), changed.extend({ desc_act: z.boolean().nullish() })).nullish(),
});
const awqSchema = z.object({
  ...leftOut,
  bits: z.literal(4),
  group_size: group,
  version: z.string().toLowerCase().pipe(z.literal('gemm')).default('gemm'),
});

/** Modules by name or by expression; 16 bits are not quantised. */
const autoRoundSchema = z.object({
  ...leftOut,
  bits,
  group_size: group,
  packing_format: z.string().default('auto_round:auto_gptq'),
  extra_config: z.record(z.string(), changed).nullish(),
});
const quarkSchema = z.object({
  ...leftOut,
  layer_quant_config: z.record(z.string(), z.unknown()).nullish(),
  global_quant_config: z
    .object({
      weight: z.object({
        dtype: z.string(),
        qscheme: z.string().nullish(),
        group_size: group,
        scale_format: z.string().nullish(),
      }),
    })
    .nullish(),
});

const DTYPES: Readonly<Record<string, ActivationDtype>> = {
  float16: 'f16',
  bfloat16: 'bf16',
  float32: 'f32',
};

/** The type of the values that are not quantised, as `torch_dtype` or `dtype` says it; null where nothing does. */
export function configuredDtype(config: unknown): ActivationDtype | null {
  const given = configsOf(config).flatMap((values) => [values['dtype'], values['torch_dtype']]);
  const [found = null] = given.flatMap((value) =>
    typeof value === 'string' ? (DTYPES[value.replace(/^torch\./, '')] ?? []) : [],
  );
  return found;
}

/**
 * `config` is a model's config.json, whose own word goes before that of `beside`, what tools once wrote into a file of its own. Throws
 * `checkpoint/unknown-quantization`.
 */
export function readQuantization(config: unknown, where: string, beside: unknown = null): Quantization {
  const dense = configuredDtype(config) ?? 'bf16';
  const configs = configsOf(config);
  for (const values of [...configs, ...configsOf(beside)]) {
    // MLX writes its own key, and the same again under the other's.
    const mlx = values['quantization'];
    const section = isRecord(mlx) && 'bits' in mlx ? mlx : (values['quantization_config'] ?? mlx);
    if (isRecord(section)) return readSection(section, { configs, dense, where });
  }
  return unquantised(dense);
}

/** All matrices are of one type. */
export function unquantised(dense: ActivationDtype): Quantization {
  return { method: 'none', dense, formatOf: () => dense };
}

function configsOf(config: unknown): readonly Values[] {
  return isRecord(config) ? wrappedConfigs(config) : [];
}

interface Surroundings {
  readonly configs: readonly Values[];
  readonly dense: ActivationDtype;
  readonly where: string;
}

function readSection(section: Values, { configs, dense, where }: Surroundings): Quantization {
  const parse = <Schema extends z.ZodType>(schema: Schema): z.output<Schema> => {
    const parsed = schema.safeParse(section);
    if (parsed.success) return parsed.data;
    throw unknown(`a quantization that is supported: ${z.prettifyError(parsed.error)}`, where);
  };
  /** Routers stay as they are, and so does what the lists name. */
  const unlessLeftOut = (
    left: LeftOut,
    formatOf: (modules: readonly string[]) => string,
  ): Pick<Quantization, 'dense' | 'formatOf'> => {
    const lists = Object.keys(leftOut).flatMap((key) => left[key as keyof LeftOut] ?? []);
    return {
      dense,
      formatOf: (modules, isLeft) => (isLeft || matchesAny(lists, modules) ? dense : formatOf(modules)),
    };
  };
  const refuse = (expected: string): never => {
    throw unknown(expected, where);
  };
  // Older files of ModelOpt name the algorithm alone.
  const method: unknown = section['quant_method'] ?? ('quant_algo' in section ? 'modelopt' : undefined);
  switch (method) {
    case 'mxfp4':
      return { method, ...unlessLeftOut(parse(mxfp4Schema), () => 'mxfp4') };
    case 'quark': {
      const own = parse(quarkSchema);
      const formatOf = (): string => {
        const weight = own.global_quant_config?.weight;
        if (weight === undefined) return refuse('a configuration that tells the format of all weights');
        if (Object.keys(own.layer_quant_config ?? {}).length > 0) {
          return refuse('one format for all modules, got some under "layer_quant_config"');
        }
        return quarkFormat(weight, refuse);
      };
      return { method, ...unlessLeftOut(own, formatOf) };
    }
    case 'fp8': {
      const own = parse(fp8Schema);
      // Where experts are FP4, scales are bytes of exponents; elsewhere such exponents lie in floats.
      const hasFp4Experts = configs.some((values) => values['expert_dtype'] === 'fp4');
      const block = own.weight_block_size ?? null;
      return {
        ...{ method, block },
        ...unlessLeftOut(own, (modules) =>
          hasFp4Experts && modules.some((module) => /\bexperts\.\d/.test(module))
            ? 'mxfp4'
            : fp8Format(block, own.scale_fmt === 'ue8m0' && hasFp4Experts ? 'ue8m0' : 'f32', refuse),
        ),
      };
    }
    case 'compressed-tensors': {
      const own = parse(compressedSchema);
      const groups = Object.values(own.config_groups);
      const sizes = groups.flatMap(({ weights }) =>
        weights ? [{ bits: weights.num_bits, group: weights.group_size }] : [],
      );
      const sizesOf = (): Sizes => ({ own: null, others: sizes });
      const formatOf = (modules: readonly string[]): string => {
        const target = groups.find(
          ({ targets }) => targets.includes('Linear') || matchesAny(targets, modules),
        );
        if (target?.weights == null) return dense;
        return compressedFormat(target.weights, target.format ?? own.format ?? '', dense, refuse);
      };
      return { method, sizesOf, ...unlessLeftOut(own, formatOf) };
    }
    case 'modelopt':
    case 'modelopt_fp4': {
      const own = parse(modelOptSchema);
      const layers = Object.entries(own.quantized_layers ?? {});
      const named = (algorithm: string): string =>
        MODELOPT_FORMATS[algorithm] ?? refuse(`a quant_algo that is supported, got "${algorithm}"`);
      const formatOf = (modules: readonly string[]): string => {
        if (layers.length === 0) return named(own.quant_algo ?? 'none');
        const target = layers.find(([pattern]) => matchesAny([pattern], modules));
        return target === undefined ? dense : named(target[1].quant_algo);
      };
      return { method: 'modelopt', ...unlessLeftOut(own, formatOf) };
    }
    case 'gptq': {
      const own = parse(gptqSchema);
      const { sizesOf, isReordered } = gptqSizes(own);
      const formatOf = (modules: readonly string[]): string => {
        if (isReordered(modules)) return refuse('weights in the order of their terms, got desc_act');
        const { own: sizes } = sizesOf(modules);
        return sizes === null ? dense : integerFormat(sizes);
      };
      return {
        ...{ method, version: own.checkpoint_format, sizesOf: (module) => sizesOf([module]) },
        ...unlessLeftOut(own, formatOf),
      };
    }
    case 'auto-round': {
      const own = parse(autoRoundSchema);
      const sizesOf = autoRoundSizes(own);
      const formatOf = (modules: readonly string[]): string => {
        const { own: sizes } = sizesOf(modules);
        return sizes === null ? dense : integerFormat(sizes);
      };
      const formats = {
        sizesOf: (module: string) => sizesOf([module]),
        ...unlessLeftOut(own, formatOf),
      };
      if (own.packing_format.includes('awq')) return { method: 'awq', ...formats };
      if (!own.packing_format.includes('gptq')) {
        return refuse(`weights packed as GPTQ or AWQ packs them, got ${own.packing_format}`);
      }
      return { method: 'gptq', version: 'gptq', ...formats };
    }
    case 'awq': {
      const own = parse(awqSchema);
      const whole = { bits: own.bits, group: own.group_size };
      return {
        ...{ method, sizesOf: () => ({ own: whole, others: [] }) },
        ...unlessLeftOut(own, () => integerFormat(whole)),
      };
    }
    case undefined:
      if ('bits' in section && 'group_size' in section) return readMlx(section, dense, where);
      return refuse('a quant_method, got none');
    default:
      return refuse(`a quant_method that is supported, got ${JSON.stringify(method)}`);
  }
}

type LeftOut = Partial<Record<keyof typeof leftOut, readonly string[] | null | undefined>>;

/** Sizes for all modules, and under the name of a module other ones, or false where it is not quantised. */
function readMlx(section: Values, dense: ActivationDtype, where: string): Quantization {
  const sizes = (value: unknown, place: string): MlxSizes => {
    const parsed = mlxSizes.safeParse(value);
    if (!parsed.success)
      throw unknown(`a quantization that is supported: ${z.prettifyError(parsed.error)}`, place);
    return { bits: parsed.data.bits, group: parsed.data.group_size, mode: parsed.data.mode };
  };
  const whole = sizes(section, where);
  const sizesOf = (module: string): MlxSizes | null => {
    const own = Object.hasOwn(section, module) ? section[module] : true;
    if (own === false) return null;
    return own === true ? whole : sizes(own, `${where}: ${module}`);
  };
  return {
    method: 'mlx',
    dense,
    sizesOf,
    formatOf: (modules) => {
      const own = sizesOf(modules.find((module) => Object.hasOwn(section, module)) ?? '');
      if (own === null) return dense;
      return own.mode === 'affine'
        ? `affine${own.bits}_g${own.group}_${dense}`
        : (MLX_MODES[own.mode] ?? own.mode);
    },
  };
}

function isRecord(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknown(expected: string, where: string): MoegenError {
  return new MoegenError('checkpoint/unknown-quantization', `expected ${expected}`, {
    where,
    help:
      'use weights of mlx, mxfp4, fp8, compressed-tensors, modelopt, quark, gptq or awq, or such that are not quantised; ' +
      'or pass --weights with a format that moegen has, and convert the weights to it',
  });
}
