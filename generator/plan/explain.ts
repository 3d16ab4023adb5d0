// A model's plan into an account of its layers: which layers have which block, which tensor of the checkpoint goes into which
// buffer, and for both ways to run a layer the stages with their dispatches, their bytes and their operations.

import { MoegenError } from '../errors.js';
import { blockOptions, type BlockOption } from '../description/options.js';
import type { FormatMix } from '../description/weights.js';
import { ELEMENT_TYPES, type ActivationDtype, type ElementType } from '../description/dtypes.js';
import { costAt, costFormulas, layerValues, totalCost, type Cost, type CostFormulas } from './cost.js';
import { FAMILIES, stageOf } from './families/table.js';
import { evaluateFormula, type FormulaValues } from './formula.js';
import { LAYER_PATHS, pathFor, runSizes, tileFor, type LayerPath } from './layer.js';
import type { ModelDescription, ModelPlan } from './model.js';
import { BALANCED_SIZES, MAX_TILES } from './sizes.js';
import type { TileName } from './tiles.js';
import type { DispatchRule, Formula, KernelPlan } from './types.js';

export interface ExplainChoice {
  readonly activation: ActivationDtype;
  /** Sizes of the batches that costs are computed for. */
  readonly tokens: readonly number[];
}

export interface ModelAccount
  extends ExplainChoice, Pick<ModelDescription, 'modelType' | 'numLayers' | 'denseLayers'> {
  /** The format of the routed experts' gate and up; that of the first block, where they differ. */
  readonly weight: string;
  readonly assumptions: readonly string[];
  /** What formulas name beside constants and num_tokens. */
  readonly sizes: Readonly<Record<string, Formula>>;
  readonly blocks: readonly BlockAccount[];
}

export interface BlockAccount {
  readonly layers: readonly number[];
  /** What of the block decides its result, in words. */
  readonly options: readonly BlockOption[];
  /** Of each projection. */
  readonly formats: FormatMix;
  readonly constants: Readonly<Record<string, number | boolean>>;
  readonly tensors: readonly TensorAccount[];
  readonly paths: readonly PathAccount[];
}

interface TensorAccount {
  readonly role: string;
  /** In the checkpoint, within the block's module; `{expert}` stands for a number. */
  readonly tensor: string;
  readonly shape: readonly number[];
  readonly buffer: string;
  readonly element: ElementType;
  /** Of the buffer: row-major. */
  readonly bufferShape: readonly Formula[];
  readonly layout: string;
  readonly bytes: number;
}

/** One way to run a layer, and the batches for which it is the one to take. */
export interface PathAccount {
  readonly path: LayerPath;
  readonly tile: TileName | 'none';
  readonly stages: readonly StageAccount[];
  readonly batches: readonly BatchAccount[];
}

export interface StageAccount extends DispatchRule {
  readonly stage: string;
  readonly kernel: string;
  readonly threadgroupBytes: number;
  readonly cost: CostFormulas;
}

interface BatchAccount {
  readonly numTokens: number;
  /** In the order of the stages. */
  readonly dispatches: readonly (Cost & {
    readonly kernel: string;
    readonly threadgroups: readonly number[];
  })[];
  readonly total: Cost;
}

const ASSUMPTIONS = [
  'bytes: every input is read once and every output written once, single values are not counted',
  'experts: the assignments touch min(num_experts, num_tokens * top_k) experts, all of them equally often',
  'FLOPs: two for each multiply-add of the matrix products and of the sum over the slots of a token',
] as const;

export function explainModel({ plans, description, blocks }: ModelPlan, choice: ExplainChoice): ModelAccount {
  const { modelType, numLayers, denseLayers, groups } = description;
  const accounts = groups.map((group, at) => {
    const block = blocks[at];
    return {
      options: block === undefined ? [] : blockOptions(block),
      ...explainGroup(plans, group, choice),
    };
  });
  return {
    modelType,
    numLayers,
    denseLayers,
    ...choice,
    weight: accounts[0]?.formats.gate_up ?? choice.activation,
    assumptions: ASSUMPTIONS,
    sizes: { ...BALANCED_SIZES, max_tiles: MAX_TILES },
    blocks: accounts,
  };
}

type Group = ModelDescription['groups'][number];
type Run = Group['runs'][number];

function explainGroup(
  plans: readonly KernelPlan[],
  group: Group,
  choice: ExplainChoice,
): Omit<BlockAccount, 'options'> {
  const [first] = group.runs;
  const runs = group.runs.filter(
    ({ activation, weight, intermediate }) =>
      activation === choice.activation && weight === first?.weight && intermediate === choice.activation,
  );
  const kernels = runs.map((run) => ({ run, kernels: run.kernels.map((name) => planNamed(plans, name)) }));
  return {
    layers: group.layers,
    formats: usedFormats(kernels.flatMap((entry) => entry.kernels)),
    constants: usedConstants(
      group,
      kernels.flatMap((entry) => entry.kernels),
    ),
    tensors: explainTensors(
      group,
      kernels.flatMap((entry) => entry.kernels),
    ),
    paths: LAYER_PATHS.flatMap((path) =>
      kernels
        .filter(({ run }) => run.path === path)
        .map((entry) => explainPath(group, entry.run, entry.kernels, choice.tokens))
        .filter(({ batches }) => batches.length > 0)
        .sort((a, b) => smallestBatch(a) - smallestBatch(b)),
    ),
  };
}

function smallestBatch({ batches }: PathAccount): number {
  return Math.min(...batches.map(({ numTokens }) => numTokens));
}

/** Of the projections that the kernels multiply. */
function usedFormats(plans: readonly KernelPlan[]): FormatMix {
  const entries = plans.flatMap(({ family, axes }) => {
    const projection = FAMILIES[family].projection;
    return projection === undefined || axes['weight'] === undefined
      ? []
      : [[projection, axes['weight']] as const];
  });
  return Object.fromEntries(entries);
}

/** What a block does not have is a constant of none of its kernels. */
function usedConstants({ constants }: Group, plans: readonly KernelPlan[]): BlockAccount['constants'] {
  const used = new Set(plans.flatMap((plan) => plan.constants.map(({ name }) => name)));
  return Object.fromEntries(Object.entries(constants).filter(([name]) => used.has(name)));
}

function planNamed(plans: readonly KernelPlan[], name: string): KernelPlan {
  const plan = plans.find((candidate) => candidate.name === name);
  if (plan !== undefined) return plan;
  throw new MoegenError('plan/no-such-kernel', `the model's set has no kernel ${name}`, {
    help: 'see `moegen list` for what there is',
  });
}

function explainTensors({ tensors, constants }: Group, plans: readonly KernelPlan[]): TensorAccount[] {
  const values = layerValues(constants, { numTokens: 1, sizes: null });
  const bindings = plans.flatMap((plan) => plan.bindings);
  return tensors.flatMap(({ role, tensor, shape, binding: name }) => {
    const binding = bindings.find((candidate) => candidate.name === name);
    if (binding === undefined) return [];
    const elements = binding.shape.map((extent) => evaluateFormula(extent, values));
    return [
      {
        role,
        tensor,
        shape,
        buffer: name,
        element: binding.element,
        bufferShape: binding.shape,
        layout: [tensor.includes('{expert}') ? 'one expert after the other' : '', binding.note]
          .filter((note) => note !== '')
          .join('; '),
        bytes: elements.reduce((product, extent) => product * extent, ELEMENT_TYPES[binding.element].bytes),
      },
    ];
  });
}

/** Each run takes the batches for which it is the one; decoding can take any. */
function explainPath(
  { constants }: Group,
  { path, tile }: Run,
  plans: readonly KernelPlan[],
  tokens: readonly number[],
): PathAccount {
  const sizes = { topK: Number(constants['top_k']), numExperts: Number(constants['num_experts']) };
  const own = tokens.filter(
    (numTokens) =>
      path === 'decode' ||
      (path === 'skinny' && pathFor(numTokens, sizes, LAYER_PATHS) !== 'batched') ||
      tileFor(numTokens, sizes) === tile,
  );
  const stages = plans.map((plan) => ({
    stage: stageOf(plan.family),
    kernel: plan.name,
    ...plan.dispatch,
    threadgroupBytes: plan.threadgroupBytes,
    cost: costFormulas(plan),
  }));
  const shape = runSizes(plans);
  return {
    path,
    tile,
    stages,
    batches: own.map((numTokens) =>
      batchOf(stages, numTokens, layerValues(constants, { numTokens, sizes: shape })),
    ),
  };
}

function batchOf(stages: readonly StageAccount[], numTokens: number, values: FormulaValues): BatchAccount {
  const dispatches = stages.map(({ kernel, threadgroups, cost }) => ({
    kernel,
    threadgroups: threadgroups.map((formula) => evaluateFormula(formula, values)),
    ...costAt(cost, values),
  }));
  return { numTokens, dispatches, total: totalCost(dispatches) };
}
