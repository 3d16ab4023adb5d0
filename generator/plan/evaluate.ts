// A model's plan for one number of tokens, with numbers only: every dispatch of a layer with its buffers, offsets, bytes, grid and
// constants, for hosts that evaluate no formulas.

import { MoegenError } from '../errors.js';
import type { ActivationDtype, ElementType } from '../description/dtypes.js';
import { stageOf } from './families/table.js';
import { evaluateFormula, type FormulaValues } from './formula.js';
import type { ModelDescription, ModelPlan } from './model.js';
import { boundBuffers, type BufferUse } from './run-buffers.js';
import type { LayerPath } from './selection.js';
import { withMaxTiles } from './sizes.js';
import type { TileName } from './tiles.js';
import type { FunctionConstant, KernelPlan } from './types.js';

export interface EvaluationChoice {
  readonly activation: ActivationDtype;
  readonly weight: string;
  /** In which type gate_up stores what down reads. */
  readonly intermediate: ActivationDtype;
  readonly numTokens: number;
}

export interface EvaluatedModel extends EvaluationChoice {
  readonly modelType: string;
  /** One for each group of layers with the same block. */
  readonly groups: readonly EvaluatedGroup[];
}

interface EvaluatedGroup {
  readonly layers: readonly number[];
  readonly path: LayerPath;
  readonly tile: TileName | 'none';
  readonly buffers: readonly EvaluatedBuffer[];
  /** Bytes of one buffer that holds all scratch buffers at their offsets. */
  readonly scratchBytes: number;
  /** In this order. */
  readonly dispatches: readonly EvaluatedDispatch[];
}

interface EvaluatedBuffer {
  readonly name: string;
  readonly use: BufferUse;
  readonly element: ElementType;
  /** Enough for any routing. */
  readonly bytes: number;
  /** Of scratch: where it begins in the scratch memory. Buffers that are never alive at once overlap. */
  readonly offset?: number;
  /** Of parameters: name and shape in the checkpoint. */
  readonly tensor?: { readonly name: string; readonly shape: readonly number[] };
}

interface EvaluatedDispatch {
  readonly stage: string;
  readonly kernel: string;
  /** A barrier for buffers has to stand before it. */
  readonly barrier: boolean;
  /** To bind when the pipeline is made. */
  readonly constants: readonly {
    readonly index: number;
    readonly name: string;
    readonly type: FunctionConstant['type'];
    readonly value: number | boolean;
  }[];
  /** `buffer` is a position in the group's buffers. */
  readonly buffers: readonly { readonly index: number; readonly name: string; readonly buffer: number }[];
  /** Single values, which are set as bytes. */
  readonly values: readonly {
    readonly index: number;
    readonly name: string;
    readonly element: ElementType;
    readonly value: number;
  }[];
  /** With `indirect` the most there can be. */
  readonly threadgroups: readonly [number, number, number];
  /** Position of the buffer that holds the grid, which only the routing decides. */
  readonly indirect?: number;
  readonly threadsPerThreadgroup: readonly [number, number, number];
}

/** Scratch buffers begin at multiples of as many bytes: what any Mac takes for an offset. */
const SCRATCH_ALIGNMENT = 256;

/** Positions of assignments and grids are uint. */
const MAX_UINT = 2 ** 32 - 1;

export function evaluateModel({ plans, description }: ModelPlan, choice: EvaluationChoice): EvaluatedModel {
  const named = new Map(plans.map((plan) => [plan.name, plan]));
  return {
    modelType: description.modelType,
    ...choice,
    groups: description.groups.map((group) => evaluateGroup(named, group, choice)),
  };
}

type Group = ModelDescription['groups'][number];
type Run = Group['runs'][number];

function evaluateGroup(
  named: ReadonlyMap<string, KernelPlan>,
  group: Group,
  choice: EvaluationChoice,
): EvaluatedGroup {
  const run = runFor(group, choice);
  const kernels = run.kernels.flatMap((name) => named.get(name) ?? []);
  const values = formulaValues(run, choice.numTokens);
  const buffers = evaluateBuffers(group, run, values);
  return {
    layers: group.layers,
    path: run.path,
    tile: run.tile,
    ...buffers,
    dispatches: kernels.map((plan, at) => evaluateDispatch(plan, run, { at, values, ...buffers })),
  };
}

function runFor(group: Group, { activation, weight, intermediate, numTokens }: EvaluationChoice): Run {
  const run = group.runs.find(
    ({ tokens, ...own }) =>
      own.activation === activation &&
      own.weight === weight &&
      own.intermediate === intermediate &&
      tokens !== null &&
      tokens.from <= numTokens &&
      numTokens <= (tokens.to ?? Infinity),
  );
  if (run !== undefined) return run;
  throw new MoegenError('plan/no-such-run', `the model's set has no run of ${numTokens} tokens`, {
    where: `activations ${activation}, weights ${weight}, intermediate ${intermediate}`,
    help: 'see `moegen explain --config FILE` for the runs there are',
  });
}

function formulaValues({ constants }: Run, numTokens: number): FormulaValues {
  const numbers = Object.fromEntries(Object.entries(constants).map(([name, value]) => [name, Number(value)]));
  const assignments = numTokens * (numbers['top_k'] ?? 0);
  if (assignments > MAX_UINT) {
    throw new MoegenError(
      'plan/too-many-tokens',
      `expected at most ${MAX_UINT} assignments, got ${assignments} for ${numTokens} tokens`,
      { where: 'number of tokens', help: 'run the layer in several batches' },
    );
  }
  const values = withMaxTiles({ ...numbers, num_tokens: numTokens });
  // Of how many tiles there are, the host knows the most only.
  return { ...values, num_tiles: values['max_tiles'] ?? 0 };
}

function evaluateBuffers(
  { tensors }: Group,
  { buffers }: Run,
  values: FormulaValues,
): Pick<EvaluatedGroup, 'buffers' | 'scratchBytes'> {
  const sized = buffers.map((buffer) => ({ ...buffer, size: bytesOf(buffer.name, buffer.bytes, values) }));
  const slots = new Map<number, number>();
  for (const { slot, size } of sized)
    if (slot !== undefined) slots.set(slot, Math.max(slots.get(slot) ?? 0, aligned(size)));
  const offsets = new Map<number, number>();
  let scratchBytes = 0;
  for (const [slot, size] of slots) {
    offsets.set(slot, scratchBytes);
    scratchBytes += size;
  }
  return {
    scratchBytes,
    buffers: sized.map(({ name, use, element, size, slot }) => {
      const offset = slot === undefined ? undefined : offsets.get(slot);
      const tensor = tensors.find(({ binding }) => binding === name);
      return {
        ...{ name, use, element, bytes: size },
        ...(offset !== undefined && { offset }),
        ...(tensor !== undefined && { tensor: { name: tensor.tensor, shape: tensor.shape } }),
      };
    }),
  };
}

function bytesOf(name: string, formula: string, values: FormulaValues): number {
  const bytes = evaluateFormula(formula, values);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new MoegenError(
    'plan/too-many-bytes',
    `${name} would take ${bytes} bytes, more than can be counted`,
    {
      where: 'number of tokens',
      help: 'run the layer in several batches',
    },
  );
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT;
}

interface DispatchPlace extends Pick<EvaluatedGroup, 'buffers'> {
  /** Position in the run. */
  readonly at: number;
  readonly values: FormulaValues;
}

function evaluateDispatch(
  plan: KernelPlan,
  run: Run,
  { at, values, buffers }: DispatchPlace,
): EvaluatedDispatch {
  const positionOf = (name: string) => buffers.findIndex((buffer) => buffer.name === name);
  const { threadgroups, indirect, threadsPerThreadgroup } = plan.dispatch;
  const [x, y, z] = threadgroups.map((formula) => gridExtent(plan.name, evaluateFormula(formula, values)));
  return {
    stage: stageOf(plan.family),
    kernel: plan.name,
    barrier: at > 0 && run.phases[at] !== run.phases[at - 1],
    constants: plan.constants.flatMap(({ index, name, type, value }) => {
      if (value !== undefined) return [];
      const bound = run.constants[name];
      if (bound === undefined) throw new Error(`the run has no value for ${name}`);
      return [{ index, name, type, value: bound }];
    }),
    buffers: boundBuffers(plan, run.constants).map(({ index, name }) => ({
      index,
      name,
      buffer: positionOf(name),
    })),
    values: plan.bindings.flatMap(({ index, name, element, access }) =>
      access === 'argument' ? [{ index, name, element, value: evaluateFormula(name, values) }] : [],
    ),
    threadgroups: [x ?? 0, y ?? 0, z ?? 0],
    ...(indirect !== undefined && { indirect: positionOf(indirect) }),
    threadsPerThreadgroup,
  };
}

function gridExtent(kernel: string, extent: number): number {
  if (extent <= MAX_UINT) return extent;
  throw new MoegenError('plan/too-many-tokens', `${kernel} would have a grid of ${extent} threadgroups`, {
    where: 'number of tokens',
    help: 'run the layer in several batches',
  });
}
