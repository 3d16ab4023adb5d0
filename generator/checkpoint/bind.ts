// The MoE block of a model's configuration and the tensors of one of its layers into what kernels need: the block as the file lays its
// matrices out, the weight format of each projection, and the recipe of each buffer. Nothing but headers is read.

import { MoegenError } from '../errors.js';
import { TENSOR_ROLES, type MoeBlock, type TensorRole } from '../description/block.js';
import type { TensorRecipe } from '../description/recipes.js';
import type { FormatMix } from '../description/weights.js';
import { checkBlock } from '../description/check-block.js';
import { layerTargets } from './bind-formats.js';
import { expertShape, layoutOf } from './bind-layout.js';
import { prefixPattern, type MoeLayer } from './formats/layers.js';
import type { StoredMatrix } from './formats/matrix.js';
import { elementCount, type Tensor } from './tensor.js';

/** A parameter of the block, where it lies in the file, and what becomes of it. */
export type RoleSource = MatrixSource | VectorSource;

export interface MatrixSource {
  readonly kind: 'matrix';
  readonly role: TensorRole;
  /** Of experts with a tensor each, in their order; else one that holds all. */
  readonly stored: readonly StoredMatrix[];
  /** Matrices in all, of so many rows and terms as they lie. */
  readonly count: number;
  readonly columns: number;
  readonly terms: number;
  /** One for each plane of the format that kernels take. */
  readonly recipes: readonly TensorRecipe[];
}

export interface VectorSource {
  readonly kind: 'vector';
  readonly role: TensorRole;
  readonly tensors: readonly Tensor[];
  readonly recipes: readonly TensorRecipe[];
}

export interface BoundLayer {
  readonly index: number;
  readonly prefix: string;
  /** Its tensors bear the names in the file, `{layer}` and `{expert}` standing for numbers. */
  readonly block: MoeBlock;
  /** The format of every projection that the block has. */
  readonly formats: FormatMix;
  readonly sources: readonly RoleSource[];
}

/**
 * `where` names the checkpoint. Throws `checkpoint/missing-tensor`, `checkpoint/wrong-shape`, `checkpoint/unused-tensor`,
 * `checkpoint/unsupported-format`, `checkpoint/mixed-formats`.
 */
export function bindLayer(described: MoeBlock, layer: MoeLayer, where: string): BoundLayer {
  const { traits, roles, matrices, shapes } = locateLayer(described, layer, where);
  const { formats, targets } = layerTargets(matrices);
  const sources = roles.map((role): RoleSource => {
    const matrix = matrices.find((each) => each.role === role);
    const target = targets.get(role);
    if (matrix !== undefined && target !== undefined) {
      const perExpert = matrix.stored.length > 1;
      const recipes = target.map(({ tensors, ...recipe }) => ({
        ...recipe,
        role,
        tensors: Object.fromEntries(
          Object.entries(tensors).map(([part, tensor]) => [part, tensorPattern(tensor.name, perExpert)]),
        ),
        perExpert,
        ...placeOf(tensors['weight'], perExpert),
      }));
      return { kind: 'matrix', ...matrix, recipes };
    }
    const tensors = locateVector(role, layer, shapes.get(role) ?? [], described, where);
    return vectorSource(role, tensors);
  });
  const tensors = sources.map(({ role, recipes }) => [
    role,
    { name: recipes[0]?.tensors['weight'] ?? '', shape: null },
  ]);
  const block = checkBlock({ ...traits, tensors: Object.fromEntries(tensors) as object }, where);
  return { index: layer.index, prefix: layer.prefix, block, formats, sources };
}

/** A matrix of the block, where it lies in the file. */
export type LocatedMatrix = Omit<MatrixSource, 'kind' | 'recipes'>;

export interface LocatedLayer {
  /** The block as the file lays its matrices out. */
  readonly traits: MoeBlock;
  readonly roles: readonly TensorRole[];
  readonly shapes: ReadonlyMap<TensorRole, readonly number[]>;
  readonly matrices: readonly LocatedMatrix[];
}

/** Whatever their formats are. Throws as `bindLayer` does, but for formats. */
export function locateLayer(described: MoeBlock, layer: MoeLayer, where: string): LocatedLayer {
  const traits = layoutOf(described, layer);
  const { tensors } = checkBlock({ ...traits, tensors: {} }, where);
  const roles = TENSOR_ROLES.filter((role) => tensors[role] !== undefined);
  checkUnused(layer, roles);
  const matrices = roles.flatMap((role) => {
    const stored = layer.matrices.get(role);
    return stored === undefined ? [] : [matrixSource(traits, role, stored)];
  });
  return {
    traits,
    roles,
    matrices,
    shapes: new Map(roles.map((role) => [role, tensors[role]?.shape ?? []])),
  };
}

/** With `{layer}` and, where there is a tensor for each expert, `{expert}` instead of numbers. */
function tensorPattern(name: string, perExpert: boolean): string {
  const pattern = prefixPattern(name);
  return perExpert ? pattern.replace(EXPERT_NUMBER, '$1{expert}') : pattern;
}

const EXPERT_NUMBER = /([._])(\d+)(?=\.|$)/;

/** What of the tensor is taken, and from which expert on. */
function placeOf(
  tensor: Pick<Tensor, 'name' | 'view'> | undefined,
  perExpert: boolean,
): Pick<TensorRecipe, 'firstExpert' | 'isTransposed' | 'row'> {
  if (tensor === undefined) return {};
  const { name, view } = tensor;
  const first = perExpert ? Number(EXPERT_NUMBER.exec(prefixPattern(name))?.[2] ?? 0) : 0;
  return {
    ...(first > 0 && { firstExpert: first }),
    ...(view?.kind === 'transposed' && { isTransposed: true as const }),
    ...(view?.kind === 'row' && { row: view.row }),
  };
}

/** A bias or a matrix that the model is not known to have would be left out in silence. */
function checkUnused({ prefix, matrices, vectors }: MoeLayer, roles: readonly TensorRole[]): void {
  const used = new Set(roles.flatMap((role) => (vectors.get(role) ?? []).map(({ name }) => name)));
  const unusedVector = [...vectors].find(
    ([role, tensors]) => !roles.includes(role) && tensors.some(({ name }) => !used.has(name)),
  );
  const unusedMatrix = [...matrices].find(([role]) => !roles.includes(role));
  const unused = unusedVector?.[1][0]?.name ?? unusedMatrix?.[1][0]?.module;
  if (unused === undefined) return;
  throw new MoegenError(
    'checkpoint/unused-tensor',
    `expected tensors that the model's configuration accounts for, but its blocks have no place for ${unused}`,
    { where: prefix, help: 'check that the configuration and the tensors belong to the same model' },
  );
}

function matrixSource(block: MoeBlock, role: TensorRole, stored: readonly StoredMatrix[]): LocatedMatrix {
  const [first] = stored;
  if (first === undefined) throw new Error(`no matrix in the role ${role}`);
  const wanted = expertShape(block, role);
  const isSingle = stored.length === 1;
  // The rows of all experts may lie below each other in two dimensions.
  const isFlat = isSingle && first.matrices === 1 && first.columns === wanted.count * wanted.columns;
  const given = {
    count: isFlat ? wanted.count : isSingle ? first.matrices : stored.length,
    columns: isFlat ? wanted.columns : first.columns,
    terms: first.terms,
  };
  const odd = stored.find(({ columns, terms, matrices }) => {
    return columns !== first.columns || terms !== first.terms || (!isSingle && matrices !== 1);
  });
  const isRight =
    given.count >= wanted.count &&
    (given.count === wanted.count || isSingle) &&
    given.columns === wanted.columns &&
    given.terms === wanted.terms &&
    odd === undefined;
  if (isRight) return { role, stored, ...wanted };
  if (!isSingle && given.count < wanted.count) {
    const { module, planes } = stored[given.count - 1] ?? first;
    throw new MoegenError(
      'checkpoint/missing-tensor',
      `expected ${wanted.count} experts, found ${given.count}: there is none after ${module}`,
      {
        where: planes['weight']?.where ?? module,
        help: 'fetch the missing file, or correct the configuration',
      },
    );
  }
  const shape = (s: { columns: number; terms: number }, count: number) =>
    `[${count}, ${s.columns}, ${s.terms}]`;
  throw new MoegenError(
    'checkpoint/wrong-shape',
    `expected matrices ${shape(wanted, wanted.count)} in the role ${role}, got ${shape(odd ?? given, given.count)} in ${(odd ?? first).module}`,
    {
      where: (odd ?? first).planes['weight']?.where ?? first.module,
      help: 'check that the configuration and the tensors belong to the same model',
    },
  );
}

/** Types of numbers that vectors come in. */
const VECTOR_TYPES = ['F16', 'BF16', 'F32', 'I32', 'I64', 'f16', 'bf16', 'f32', 'i32', 'i64'];

function locateVector(
  role: TensorRole,
  layer: MoeLayer,
  shape: readonly number[],
  block: MoeBlock,
  where: string,
): readonly Tensor[] {
  const tensors = layer.vectors.get(role) ?? [];
  const [first] = tensors;
  if (first === undefined) {
    throw new MoegenError(
      'checkpoint/missing-tensor',
      `expected a tensor in the role ${role} for layer ${layer.index}, found none among those of ${layer.prefix}`,
      {
        where,
        help: 'check that all files of the checkpoint are there, and that the configuration is its own',
      },
    );
  }
  const wanted = elementCount(shape) ?? 0;
  const given = tensors.reduce((count, tensor) => count + (elementCount(tensor.shape) ?? 0), 0);
  if (given !== wanted || (tensors.length > 1 && tensors.length !== block.numExperts)) {
    throw new MoegenError(
      'checkpoint/wrong-shape',
      `expected ${wanted} numbers in the role ${role}, got ${given} in ${first.name}`,
      { where: first.where, help: 'check that the configuration and the tensors belong to the same model' },
    );
  }
  if (!VECTOR_TYPES.includes(first.type)) {
    throw new MoegenError(
      'checkpoint/unsupported-format',
      `expected ${VECTOR_TYPES.slice(0, 5).join(', ')} in the role ${role}, got ${first.type} in ${first.name}`,
      { where: first.where, help: 'convert the checkpoint to another format' },
    );
  }
  return tensors;
}

function vectorSource(role: TensorRole, tensors: readonly Tensor[]): VectorSource {
  const [first] = tensors;
  const perExpert = tensors.length > 1;
  const recipe = {
    role,
    operation: 'convert' as const,
    tensors: { weight: tensorPattern(first?.name ?? '', perExpert) },
    type: first?.type ?? '',
    perExpert,
    ...placeOf(first, perExpert),
  };
  return { kind: 'vector', role, tensors, recipes: [recipe] };
}
