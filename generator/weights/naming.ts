// What the tensors of a block are called in the file that is written.

import { moduleAt } from '../checkpoint/formats/names.js';
import { nameOf, namesOf } from '../checkpoint/formats/role-formats.js';
import type { UnboundModel } from '../checkpoint/model.js';
import type { TensorRole } from '../description/block.js';
import { isOfExperts } from '../description/tensors.js';
import { PROJECTION_ROLES } from '../description/weights.js';
import { ggufName } from './gguf-form.js';
import { mlxModules, mlxPlanes, type MlxFormat } from './mlx-form.js';
import { publishedPlanes } from './published-form.js';
import type { OutputPlane, Target } from './target.js';

/** A matrix by itself. */
export interface MatrixPlace {
  /** Of the layer's block in the file that is read. */
  readonly prefix: string;
  readonly layer: number;
  readonly role: TensorRole;
  /** The module of the matrix in the file that is read; of experts that lie together, of all of them. */
  readonly module: string;
  /** Whether the file that is read has a module for each expert. */
  readonly isApart: boolean;
  readonly rows: number;
  readonly terms: number;
  /** Of experts, how many; null for a matrix of all tokens. */
  readonly experts: number | null;
}

export interface LayerNaming {
  /** Experts have tensors each. */
  readonly isApart: boolean;
  /** All that is no matrix of an expert is float. */
  readonly isFloat: boolean;
  /** Of a matrix, or where experts are apart of that of an expert, in one of MLX's formats where that is said. */
  planes(place: MatrixPlace, expert: number, mlx: MlxFormat | null): readonly OutputPlane[];
  /** The tensor of a bias or of another parameter of a block. */
  tensor(
    place: Pick<MatrixPlace, 'prefix' | 'layer' | 'role' | 'module' | 'isApart'>,
    expert: number,
  ): string;
}

/** `isCrossing` holds between safetensors and GGUF, when nothing keeps its name. */
export function layerNaming(model: UnboundModel, target: Target, isCrossing: boolean): LayerNaming {
  const { config, where } = model;
  if (target.kind === 'gguf') {
    return {
      ...{ isApart: false, isFloat: true },
      planes: ({ role, layer, rows, terms, experts }) => [
        {
          ...{ plane: 'weight', name: ggufName(role, layer, where), type: target.format.name },
          shape: [...(experts === null ? [] : [experts]), rows, terms],
        },
      ],
      tensor: ({ role, layer }) => ggufName(role, layer, where),
    };
  }
  const method = target.kind === 'mlx' ? 'mlx' : target.format.method;
  const moduleOf = moduleNames(model, target, isCrossing);
  return {
    ...{ isApart: target.kind === 'published', isFloat: false },
    planes: (place, expert, mlx) => {
      const module = moduleOf(place, expert);
      if (target.kind === 'published') return publishedPlanes(target.format, module, place);
      const lead = place.experts === null ? [] : [place.experts];
      return mlxPlanes(mlx ?? target.format, place.terms).map(({ plane, suffix, type, width }) => ({
        ...{ plane, name: `${module}.${suffix}`, type },
        shape: [...lead, place.rows, width],
      }));
    },
    tensor: (place, expert) => {
      const owner = MATRIX_ROLES.find((role) => `${role}_bias` === place.role);
      if (owner !== undefined) return `${moduleOf({ ...place, role: owner }, expert)}.bias`;
      const names = namesOf(config, { method }, where);
      const name = moduleAt(blockPrefix(names.prefix, place.layer), nameOf(place.role, names, where));
      return MATRIX_ROLES.includes(place.role) ? `${name}.weight` : name;
    },
  };
}

const MATRIX_ROLES = Object.values(PROJECTION_ROLES).flat();

const blockPrefix = (prefix: string, layer: number) => prefix.replace('{layer}', String(layer));

type Named = Pick<MatrixPlace, 'prefix' | 'layer' | 'role' | 'module' | 'isApart'>;

function moduleNames(
  { config, where }: UnboundModel,
  target: Exclude<Target, { readonly kind: 'gguf' }>,
  isCrossing: boolean,
): (place: Named, expert: number) => string {
  const method = target.kind === 'mlx' ? 'mlx' : target.format.method;
  if (isCrossing) {
    const names = namesOf(config, { method }, where);
    return ({ layer, role }, expert) =>
      moduleAt(blockPrefix(names.prefix, layer), nameOf(role, names, where), expert);
  }
  if (target.kind === 'mlx') {
    const moduleOf = mlxModules(config, where);
    return ({ prefix, role, module }) => moduleOf(prefix, role) ?? module;
  }
  return ({ prefix, role, module, isApart }, expert) => {
    if (isApart || !isOfExperts(role)) return module;
    return moduleAt(prefix, nameOf(role, namesOf(config, { method }, where), where), expert);
  };
}
