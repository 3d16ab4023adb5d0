// A model's blocks into one set of kernels, and how each of its MoE layers runs with them: which kernels in which order, which
// constants, which tensor of the checkpoint in which buffer.

import { isDeepStrictEqual } from 'node:util';
import { MoegenError } from '../errors.js';
import { TENSOR_ROLES, type MoeBlock } from '../spec/block.js';
import type { ActivationDtype } from '../spec/dtypes.js';
import type { GenerationSpec } from '../spec/generation.js';
import type { LayerBlocks } from '../spec/models/index.js';
import { blockConstants } from './constants.js';
import { scoredExperts } from './families/router-parts.js';
import { LAYER_PATHS, layerKernels, TENSOR_BINDINGS, type LayerPath } from './layer.js';
import { planKernels } from './plan.js';
import { TILES, type TileName } from './tiles.js';
import type { KernelPlan } from './types.js';

/** One way to run a layer. Grids and shapes stand with the kernels, as formulas of num_tokens and the constants. */
interface LayerRun {
  readonly path: LayerPath;
  readonly activation: ActivationDtype;
  readonly weight: string;
  readonly intermediate: ActivationDtype;
  /** `wide` for many rows per expert, `low` for few; the decode path has no tiles. */
  readonly tile: TileName | 'none';
  readonly kernels: readonly string[];
}

interface LayerTensor {
  readonly role: string;
  /** In the checkpoint, within the block's module; `{expert}` stands for a number. */
  readonly tensor: string;
  readonly shape: readonly number[];
  /** Name of the binding that holds it, row-major, in this shape. */
  readonly binding: string;
}

interface LayerGroup {
  readonly layers: readonly number[];
  /** Values of all constants, also of those that are not baked in. */
  readonly constants: Readonly<Record<string, number | boolean>>;
  readonly tensors: readonly LayerTensor[];
  readonly runs: readonly LayerRun[];
}

export interface ModelDescription {
  readonly modelType: string;
  readonly numLayers: number;
  readonly denseLayers: readonly number[];
  readonly groups: readonly LayerGroup[];
}

export interface ModelPlan {
  readonly plans: readonly KernelPlan[];
  readonly description: ModelDescription;
}

export type ModelSpec = Omit<GenerationSpec, 'block'>;

export function planModel(modelType: string, model: LayerBlocks, spec: ModelSpec): ModelPlan {
  const maxExperts = Math.max(...model.blocks.map(({ block }) => scoredExperts(block)));
  const sets = model.blocks.map(({ block, layers }) => ({
    block,
    layers,
    plans: planKernels({ ...spec, block, maxExperts }),
  }));
  return {
    plans: mergePlans(sets.flatMap(({ plans }) => plans)),
    description: {
      modelType,
      numLayers: model.numLayers,
      denseLayers: model.denseLayers,
      groups: sets.map(({ block, layers, plans }) => ({
        layers,
        constants: blockConstants(block),
        tensors: layerTensors(block),
        runs: layerRuns(block, plans, spec),
      })),
    },
  };
}

/** Blocks of a model share kernels; a constant on which they differ is not baked in but bound. */
function mergePlans(plans: readonly KernelPlan[]): KernelPlan[] {
  const merged = new Map<string, KernelPlan>();
  for (const plan of plans) {
    const known = merged.get(plan.name);
    merged.set(plan.name, known === undefined ? plan : withSharedValues(known, plan));
  }
  return [...merged.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function withSharedValues(plan: KernelPlan, other: KernelPlan): KernelPlan {
  const constants = plan.constants.map((constant) => {
    const twin = other.constants.find(({ name }) => name === constant.name);
    if (constant.value === undefined || twin?.value === constant.value) return constant;
    const { index, name, type, note } = constant;
    return { index, name, type, note };
  });
  if (!isDeepStrictEqual(withoutValues(plan), withoutValues(other))) throw conflict(plan);
  return { ...plan, constants };
}

function withoutValues({ constants, ...plan }: KernelPlan): object {
  return { ...plan, constants: constants.map(({ name }) => name) };
}

function conflict({ name, family }: KernelPlan): MoegenError {
  return new MoegenError(
    'plan/conflicting-blocks',
    `expected the blocks of a model to share ${name}, but they differ in more than its constants`,
    {
      where: `family ${family}`,
      help: 'describe each of the blocks with --spec, and generate a set for each',
    },
  );
}

function layerTensors(block: MoeBlock): LayerTensor[] {
  return TENSOR_ROLES.flatMap((role) => {
    const tensor = block.tensors[role];
    if (tensor === undefined) return [];
    return [{ role, tensor: tensor.name, shape: tensor.shape, binding: TENSOR_BINDINGS[role] }];
  });
}

function layerRuns(block: MoeBlock, plans: readonly KernelPlan[], spec: ModelSpec): LayerRun[] {
  return spec.activations.flatMap((activation) =>
    spec.weights.flatMap((weight) =>
      [...new Set([activation, 'f32'] as const)].flatMap((intermediate) =>
        LAYER_PATHS.flatMap((path) =>
          tilesOf(path).map((tile) => ({
            path,
            activation,
            weight,
            intermediate,
            tile,
            kernels: layerKernels(plans, block, {
              path,
              activation,
              weight,
              intermediate,
              tile: tile === 'none' ? 'low' : tile,
            }).map(({ name }) => name),
          })),
        ),
      ),
    ),
  );
}

function tilesOf(path: LayerPath): (TileName | 'none')[] {
  return path === 'decode' ? ['none'] : (Object.keys(TILES) as TileName[]);
}
