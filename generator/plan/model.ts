// A model's blocks into one set of kernels, and how each of its MoE layers runs with them: which kernels in which order, which
// constants, which tensor of the checkpoint in which buffer.

import { isDeepStrictEqual } from 'node:util';
import { MoegenError } from '../errors.js';
import { TENSOR_ROLES, type MoeBlock } from '../description/block.js';
import type { ActivationDtype } from '../description/dtypes.js';
import type { GenerationSpec } from '../description/generation.js';
import type { LayerBlocks } from '../description/models/index.js';
import type { TensorRecipe } from '../description/recipes.js';
import type { FormatMix } from '../description/weights.js';
import { blockConstants } from './constants.js';
import { scoredExperts } from './families/router-parts.js';
import {
  layerKernels,
  layerPaths,
  planeBinding,
  runSizes,
  TENSOR_BINDINGS,
  type LayerPath,
} from './layer.js';
import { planKernels } from './plan.js';
import { runMemory, type RunMemory } from './run-buffers.js';
import { rulesOf, tokenRanges, type SelectionRule, type TokenRange } from './selection.js';
import type { TileName } from './tiles.js';
import type { KernelPlan } from './types.js';

/** One way to run a layer. Grids and shapes stand with the kernels, as formulas of num_tokens and the constants. */
interface LayerRun extends RunMemory {
  readonly path: LayerPath;
  readonly activation: ActivationDtype;
  readonly weight: string;
  readonly intermediate: ActivationDtype;
  /** `wide` for many rows per expert, `low` for few; the decode path has no tiles. */
  readonly tile: TileName | 'none';
  /** The numbers of tokens for which it is the run to take; null where another one is better for each. */
  readonly tokens: TokenRange | null;
  /** Values of all constants of its kernels, baked in or bound, and of what their formulas name beside num_tokens. */
  readonly constants: Readonly<Record<string, number | boolean>>;
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

/** Where the contents of a buffer come from. */
interface BufferRecipe extends TensorRecipe {
  /** Name of the binding that holds it. */
  readonly binding: string;
}

interface LayerGroup {
  readonly layers: readonly number[];
  /** Of each projection, where a checkpoint decides it. */
  readonly formats?: FormatMix;
  /** Of every buffer of parameters, where the tensors of the checkpoint are known. */
  readonly buffers?: readonly BufferRecipe[];
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
  /** Of the description's groups. */
  readonly blocks: readonly MoeBlock[];
}

export type ModelSpec = Omit<GenerationSpec, 'block'>;

/** Blocks as a checkpoint holds them: the format of each projection, and what each buffer is made of. */
interface StoredBlock {
  readonly formats?: FormatMix;
  readonly recipes?: readonly TensorRecipe[];
}

export interface PlannedModel extends Omit<LayerBlocks, 'blocks'> {
  readonly blocks: readonly (LayerBlocks['blocks'][number] & StoredBlock)[];
}

export function planModel(modelType: string, model: PlannedModel, spec: ModelSpec): ModelPlan {
  const maxExperts = Math.max(...model.blocks.map(({ block }) => scoredExperts(block)));
  const sets = model.blocks.map(({ block, layers, formats, recipes }) => {
    const own = { ...spec, ...ownFormats(formats) };
    return { block, layers, formats, recipes, spec: own, plans: planKernels({ ...own, block, maxExperts }) };
  });
  // One list of rules serves all layers of a set.
  const rules = rulesOf(sets.flatMap(({ plans }) => plans));
  return {
    blocks: model.blocks.map(({ block }) => block),
    plans: mergePlans(sets.flatMap(({ plans }) => plans)),
    description: {
      modelType,
      numLayers: model.numLayers,
      denseLayers: model.denseLayers,
      groups: sets.map(({ block, layers, formats, recipes, plans, spec: own }) => ({
        layers,
        ...(formats && { formats }),
        constants: blockConstants(block),
        tensors: layerTensors(block),
        ...(recipes && { buffers: recipes.map((recipe) => ({ ...recipe, binding: planeBinding(recipe) })) }),
        runs: layerRuns(block, plans, own, rules),
      })),
    },
  };
}

/** A block whose formats are known comes in these alone. */
function ownFormats(formats: FormatMix | undefined): Partial<Pick<GenerationSpec, 'weights' | 'mix'>> {
  if (formats === undefined) return {};
  const { gate_up: weight = 'bf16' } = formats;
  return { weights: [weight], mix: formats };
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

function layerRuns(
  block: MoeBlock,
  plans: readonly KernelPlan[],
  spec: ModelSpec,
  rules: readonly SelectionRule[],
): LayerRun[] {
  const { mix = {} } = spec;
  const ways = tokenRanges(block, layerPaths(block.experts), rules);
  return spec.activations.flatMap((activation) =>
    spec.weights.flatMap((weight) =>
      [...new Set([activation, 'f32'] as const)].flatMap((intermediate) =>
        ways.map(({ path, tile, tokens }) => {
          const choice = {
            path,
            activation,
            weight,
            mix,
            intermediate,
            tile: tile === 'none' ? 'low' : tile,
          };
          const kernels = layerKernels(plans, block, choice);
          const constants = runConstants(block, kernels);
          return {
            ...{ path, activation, weight, intermediate, tile, tokens, constants },
            kernels: kernels.map(({ name }) => name),
            ...runMemory(kernels, constants),
          };
        }),
      ),
    ),
  );
}

/** Of the block, those that some kernel has or names; block sizes in any case, for sizes of buffers depend on them. */
function runConstants(
  block: MoeBlock,
  kernels: readonly KernelPlan[],
): Readonly<Record<string, number | boolean>> {
  const named = new Set(kernels.flatMap(({ constants }) => constants.map(({ name }) => name)));
  const sizes = ['num_experts', 'top_k'];
  const own = Object.entries(blockConstants(block)).filter(
    ([name]) => named.has(name) || sizes.includes(name),
  );
  return { ...Object.fromEntries(own), ...runSizes(kernels) };
}
