// The MoE layers of a checkpoint, by the names of its tensors, and the weight format of each of their matrices.

import { MoegenError } from '../../errors.js';
import type { TensorRole } from '../../description/block.js';
import type { Tensor } from '../tensor.js';
import { matrixOf, type StoredMatrix } from './matrix.js';
import { modulesOf, type Parts } from './modules.js';
import { EXPERT_MODULE, MATRIX_NAMES, moduleAt, VECTOR_NAMES } from './names.js';
import type { Quantization } from './quantization.js';

export interface MoeLayer {
  /** What the names of its modules start with, such as model.layers.3.mlp or blk.3. */
  readonly prefix: string;
  readonly index: number;
  /** Of experts with a module each, in their order; of all others one. */
  readonly matrices: ReadonlyMap<TensorRole, readonly StoredMatrix[]>;
  /** Biases and tables; of experts with a module each, in their order. */
  readonly vectors: ReadonlyMap<TensorRole, readonly Tensor[]>;
}

const NUMBER = /((?:^|\.)(?:layers|blk|h|blocks)\.)(\d+)(?=\.|$)/;
/** Layers that predict further tokens, and stacks beside the text model. */
const OTHER_STACK = /^(?:model\.)?(?:mtp|talker|visual|vision_tower|vision_model|audio_tower)\b/;

type Modules = ReadonlyMap<string, Parts>;

/**
 * In the order of the model. A role may have another format in each layer, but one format in a layer.
 * Throws `checkpoint/mixed-formats`, `checkpoint/two-stacks`, and what `matrixOf` throws.
 */
export function moeLayers(tensors: ReadonlyMap<string, Tensor>, quantization: Quantization): MoeLayer[] {
  const modules = modulesOf(tensors);
  const layers = prefixesOf(modules).map((prefix) => {
    const matrices = matricesOf(prefix, modules, quantization);
    const vectors = [...biasesOf(matrices, modules), ...vectorsOf(prefix, tensors)];
    const index = Number(NUMBER.exec(prefix)?.[2] ?? 0);
    return {
      prefix,
      index,
      matrices: new Map([...matrices].map(([role, own]) => [role, own.map(({ matrix }) => matrix)])),
      vectors: new Map(vectors),
    };
  });
  return layers.sort((a, b) => a.index - b.index);
}

/** A layer without what nothing reads. */
export function withoutRoles(
  { matrices, vectors, ...layer }: MoeLayer,
  roles: readonly TensorRole[],
): MoeLayer {
  const rest = <T>(all: ReadonlyMap<TensorRole, T>) =>
    new Map([...all].filter(([role]) => !roles.includes(role)));
  return { ...layer, matrices: rest(matrices), vectors: rest(vectors) };
}

/** A prefix with `{layer}` for the number of the layer. */
export function prefixPattern(prefix: string): string {
  return prefix.replace(NUMBER, '$1{layer}');
}

function prefixesOf(modules: Modules): string[] {
  const prefixes = new Set(
    [...modules.keys()].flatMap((name) =>
      OTHER_STACK.test(name) ? [] : (EXPERT_MODULE.exec(name)?.[1] ?? []),
    ),
  );
  const stacks = [...new Set([...prefixes].map(prefixPattern))];
  if (stacks.length <= 1) return [...prefixes];
  throw new MoegenError(
    'checkpoint/two-stacks',
    `expected the layers of one text model, got those of ${stacks.join(' and ')}`,
    { where: stacks[0] ?? '', help: 'give a checkpoint that holds one of them' },
  );
}

interface NamedMatrix {
  readonly module: string;
  readonly matrix: StoredMatrix;
}

function matricesOf(
  prefix: string,
  modules: Modules,
  quantization: Quantization,
): ReadonlyMap<TensorRole, readonly NamedMatrix[]> {
  const read = (module: string, isRow: boolean): NamedMatrix[] => {
    const own = modules.get(module);
    const parts = own !== undefined && isRow ? asRow(own) : own;
    // A bias alone is no matrix, nor is a vector that is called a scale.
    return parts === undefined || ['bias', 'scale'].includes([...parts.keys()].join())
      ? []
      : [{ module, matrix: matrixOf(module, parts, quantization) }];
  };
  const readAll = (name: string, isRow: boolean): NamedMatrix[] => {
    if (!name.includes('{expert}')) return read(moduleAt(prefix, name), isRow);
    const experts: NamedMatrix[] = [];
    for (let found = read(moduleAt(prefix, name, 0), false); found.length > 0;) {
      experts.push(...found);
      found = read(moduleAt(prefix, name, experts.length), false);
    }
    return experts;
  };
  return new Map(
    MATRIX_NAMES.flatMap(([role, names]) => {
      const isRow = role === 'shared_sigmoid_gate';
      const matrices = names.map((name) => readAll(name, isRow)).find(({ length }) => length > 0);
      if (matrices === undefined) return [];
      checkOneFormat(matrices.map(({ matrix }) => matrix));
      return [[role, matrices] as const];
    }),
  );
}

/** GGUF leaves out the dimension of a single row. */
function asRow(parts: Parts): Parts {
  const rows = [...parts].map(([part, tensor]) => {
    const { shape } = tensor;
    return [part, shape.length === 1 ? { ...tensor, shape: [1, ...shape] } : tensor] as const;
  });
  return new Map(rows);
}

const WITH_BIAS: Readonly<Partial<Record<TensorRole, TensorRole>>> = {
  router: 'router_bias',
  expert_gate_up: 'expert_gate_up_bias',
  expert_gate: 'expert_gate_bias',
  expert_up: 'expert_up_bias',
  expert_down: 'expert_down_bias',
  latent_in: 'latent_in_bias',
  latent_out: 'latent_out_bias',
  shared_gate_up: 'shared_gate_up_bias',
  shared_gate: 'shared_gate_bias',
  shared_up: 'shared_up_bias',
  shared_down: 'shared_down_bias',
  shared_mix: 'shared_mix_bias',
};

/** The biases of the matrices' own modules. */
function biasesOf(
  matrices: ReadonlyMap<TensorRole, readonly NamedMatrix[]>,
  modules: Modules,
): (readonly [TensorRole, readonly Tensor[]])[] {
  return [...matrices].flatMap(([role, own]) => {
    const bias = WITH_BIAS[role];
    const tensors = own.flatMap(({ module }) => modules.get(module)?.get('bias') ?? []);
    return bias === undefined || tensors.length === 0 ? [] : [[bias, tensors] as const];
  });
}

function vectorsOf(
  prefix: string,
  tensors: ReadonlyMap<string, Tensor>,
): (readonly [TensorRole, readonly Tensor[]])[] {
  return VECTOR_NAMES.flatMap(([role, names]) => {
    const [tensor] = names.flatMap((name) => tensors.get(moduleAt(prefix, name)) ?? []);
    return tensor === undefined ? [] : [[role, [tensor]] as const];
  });
}

function checkOneFormat(matrices: readonly StoredMatrix[]): void {
  const [first] = matrices;
  const other = matrices.find(({ format }) => format !== first?.format);
  if (other === undefined || first === undefined) return;
  throw new MoegenError(
    'checkpoint/mixed-formats',
    `expected experts of one format, got ${first.format} in ${first.module} and ${other.format}`,
    { where: other.module, help: 'quantise all experts of a layer in the same way' },
  );
}

/** The formats of a layer by role, which is what kernels are chosen by. */
export function formatsOf({ matrices }: MoeLayer): Partial<Record<TensorRole, string>> {
  return Object.fromEntries([...matrices].map(([role, [first]]) => [role, first?.format]));
}
