// What the headers of a published checkpoint would say, from its configuration alone: names, types and shapes of the tensors of the MoE
// blocks, as the quantisation that the configuration names writes them. Nothing can be read from such tensors.

import { MoegenError } from '../errors.js';
import type { MoeBlock, TensorRole } from '../description/block.js';
import { expertsInRole, isOfExperts } from '../description/tensors.js';
import type { LayerBlocks } from '../description/models/index.js';
import { expertShape } from './bind-layout.js';
import { moduleAt } from './formats/names.js';
import type { PublishedNames } from './formats/published-names.js';
import type { Quantization } from './formats/quantization.js';
import { nameOf, namesOf, publishedBlock, roleFormats, type RoleFormat } from './formats/role-formats.js';
import { moduleTensors } from './published-formats.js';
import type { Tensor } from './tensor.js';

interface Published {
  readonly config: Readonly<Record<string, unknown>>;
  readonly quantization: Quantization;
  readonly blocks: LayerBlocks;
  /** Of weights that are not quantised, as safetensors spells it. */
  readonly type: string;
  readonly where: string;
}

/** Layers with the same block in the same formats, and the tensors of the first of them. */
export interface PublishedGroup {
  readonly block: MoeBlock;
  readonly layers: readonly number[];
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Throws `checkpoint/unknown-names` and what `roleFormats` throws. */
export function publishedGroups(published: Published): PublishedGroup[] {
  const { config, quantization, blocks, where } = published;
  const names = namesOf(config, quantization, where);
  if (names.refusal !== null) {
    throw new MoegenError(
      'checkpoint/unknown-names',
      `the tensors of this model cannot be told from its configuration: ${names.refusal}`,
      {
        where,
        help: 'describe the kernels alone with moegen generate --config, or give the checkpoint itself',
      },
    );
  }
  return blocks.blocks.flatMap(({ block, layers }) => {
    const adapted = publishedBlock(block, names, where);
    const groups = new Map<string, { readonly formats: readonly RoleFormat[]; readonly layers: number[] }>();
    for (const layer of layers) {
      const formats = roleFormats(adapted, layer, names, quantization, where);
      const key = JSON.stringify(formats);
      const group = groups.get(key) ?? { formats, layers: [] };
      group.layers.push(layer);
      groups.set(key, group);
    }
    return [...groups.values()].map((group) => {
      const tensors = layerTensors(adapted, group.layers[0] ?? 0, group.formats, names, published);
      return {
        block,
        layers: group.layers,
        tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
      };
    });
  });
}

/** Of whole numbers, and of numbers that stay float whatever the weights are. */
const VECTOR_TYPES: Readonly<Partial<Record<TensorRole, string>>> = {
  token_table: 'I64',
  selection_bias: 'F32',
  marked_selection_bias: 'F32',
};

function layerTensors(
  block: MoeBlock,
  layer: number,
  roles: readonly RoleFormat[],
  names: PublishedNames,
  { quantization, type, where }: Published,
): Tensor[] {
  const { method } = quantization;
  const prefix = names.prefix.replace('{layer}', String(layer));
  const formats = new Map(roles.map(({ role, format }) => [role, format]));
  /** One for each expert, or the one that there is. */
  const modulesOf = (role: TensorRole, name: string): string[] =>
    name.includes('{expert}')
      ? Array.from({ length: expertsInRole(role, block) }, (_, expert) => moduleAt(prefix, name, expert))
      : [moduleAt(prefix, name)];
  return Object.entries(block.tensors).flatMap(([key, { shape }]): Tensor[] => {
    const role = key as TensorRole;
    const format = formats.get(role);
    if (format !== undefined) {
      const name = nameOf(role, names, where);
      const { count, columns, terms } = expertShape(block, role);
      const isStacked = isOfExperts(role) && !name.includes('{expert}');
      const choice = { format, method, isBare: isBare(role, name, method), scale: names.scale, where };
      return modulesOf(role, name).flatMap((module) =>
        moduleTensors(module, { count: isStacked ? count : null, columns, terms }, choice).map(
          ([part, own, extents]) => describedTensor(part, own, extents, where),
        ),
      );
    }
    const owner = role.replace(/_bias$/, '') as TensorRole;
    if (owner === role || !formats.has(owner)) {
      const own = VECTOR_TYPES[role] ?? type;
      return [describedTensor(moduleAt(prefix, nameOf(role, names, where)), own, shape, where)];
    }
    const name = nameOf(owner, names, where);
    const suffix = isBare(owner, name, method) ? '_bias' : '.bias';
    const extents = name.includes('{expert}') ? shape.slice(1) : shape;
    return modulesOf(owner, name).map((module) =>
      describedTensor(`${module}${suffix}`, type, extents, where),
    );
  });
}

/** A parameter of the block itself, without a module of its own. */
function isBare(role: TensorRole, module: string, method: Quantization['method']): boolean {
  return role.startsWith('expert_') && /^experts\.\w+_proj$|^experts\.mlp\./.test(module) && method !== 'mlx';
}

function describedTensor(name: string, type: string, shape: readonly number[], where: string): Tensor {
  const unread = (): never => {
    throw new Error(`${name} is known from a configuration alone`);
  };
  return { name, type, shape, bytes: 0, where, read: () => Promise.reject(new Error(name)), readNow: unread };
}
