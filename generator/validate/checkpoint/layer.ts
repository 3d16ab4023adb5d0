// One layer of a checkpoint on a device, on every path, compared with the layer in double precision. The layer runs in two jobs, so
// that no more of its weights than those of gate and up, or those of what comes after, are in memory at once.

import type { BoundLayer, RoleSource } from '../../checkpoint/bind.js';
import { MoegenError } from '../../errors.js';
import type { CheckReport, Device, DispatchResult } from '../../native/types.js';
import { layerPaths, planeBinding, type LayerPath } from '../../plan/layer.js';
import { stageOf } from '../../plan/families/table.js';
import { evaluateFormula } from '../../plan/formula.js';
import type { Binding, KernelPlan } from '../../plan/types.js';
import { referenceBlock } from '../../reference/block.js';
import { f16Overflow } from '../../reference/f16-range.js';
import type { Fixture } from '../../reference/fixture.js';
import { fillParameter } from '../../reference/parameter-fill.js';
import type { BlockWeights } from '../../reference/weights.js';
import { ELEMENT_TYPES } from '../../description/dtypes.js';
import { decodeElements } from '../elements.js';
import type { BlockRunOptions } from '../validate.js';
import type { KernelSource } from '../fixtures.js';
import { buildJob, formulaValues, type Inputs } from '../job.js';
import { layerSteps, outputNames, tokenInputs, tokenOutputs, type UnloadedStep } from '../layer-steps.js';
import { errorLimit, relativeError, tokenIds } from '../rounding.js';
import { memoryMismatches, type MemoryMismatch } from '../threadgroup-memory.js';
import { decodedWeights } from '../../weights/decode.js';
import type { ExpectedLayer } from './expected.js';
import { readPlanes } from './planes.js';

export interface LayerVerdict {
  readonly layer: number;
  readonly dtype: BlockRunOptions['activation'];
  readonly ok: boolean;
  /** The largest of the paths: |y - expected| / |expected|. */
  readonly rel_error: number;
  readonly limit: number;
  readonly tokens: number;
  /** Of each projection, as kernels take it. */
  readonly formats: BoundLayer['formats'];
  readonly paths: readonly { readonly path: LayerPath; readonly rel_error: number }[];
  /** All paths gave the same bits. */
  readonly identical: boolean;
  readonly reports: readonly CheckReport[];
  readonly memory: readonly MemoryMismatch[];
  readonly seconds: number;
}

export type LayerRunOptions = Pick<
  BlockRunOptions,
  'activation' | 'weight' | 'intermediate' | 'checks' | 'seed' | 'subnormals'
>;

export interface LayerSubject {
  readonly model: string;
  readonly layer: BoundLayer;
  readonly numTokens: number;
  /** Without it, inputs are filled by rule and the layer in double precision is what must come out. */
  readonly expected: ExpectedLayer | null;
}

/** Throws `validate/wrong-expected`, `validate/beyond-f16`, and what reading the checkpoint throws. */
export async function validateLayer(
  device: Device,
  kernels: KernelSource,
  subject: LayerSubject,
  options: LayerRunOptions,
): Promise<LayerVerdict> {
  const started = performance.now();
  const { layer } = subject;
  const { block, formats: mix } = layer;
  const weights = await decodedWeights(layer);
  const { plans, load } = await kernels(block, options);
  const paths = layerPaths(block.experts);
  const numTokens = subject.expected?.tokens ?? subject.numTokens;
  const steps = paths.flatMap((path) => layerSteps(plans, numTokens, block, { ...options, mix }, path, true));
  const given = fixtureOf(subject, numTokens);
  const names = paths.map((path) => outputNames(path, numTokens));
  const runs = await runSteps(device, load, steps, layer, given, names.flat(), options);
  const outputs = tokenOutputs(names, runs.outputs);

  const reference = withReference(given, layer, weights);
  const fixture = subject.expected === null ? reference : given;
  if (options.activation === 'f16') refuseOverflow(fixture, layer, weights);
  const verdicts = paths.map((path, at) => ({
    path,
    rel_error: relativeError(decodeElements(options.activation, outputs[at] ?? new Uint8Array()), fixture),
  }));
  const relError = Math.max(...verdicts.map((verdict) => verdict.rel_error));
  // What storing costs is measured against the layer itself: an expectation that is wrong buys no error.
  const limit = errorLimit(relError, reference, block, weights, options);
  const identical = outputs.every((bytes) => Buffer.compare(bytes, outputs[0] ?? bytes) === 0);
  const memory = memoryMismatches(
    steps.map(({ plan }) => plan),
    runs.dispatches,
  );
  return {
    layer: layer.index,
    dtype: options.activation,
    ok: relError <= limit && identical && runs.reports.length === 0 && memory.length === 0,
    rel_error: relError,
    limit,
    tokens: numTokens,
    formats: mix,
    paths: verdicts,
    identical,
    reports: runs.reports,
    memory,
    seconds: (performance.now() - started) / 1000,
  };
}

/** Values of the input lie in [-2, 2). */
const INPUT_SCALE = 2;

function fixtureOf({ model, layer, expected }: LayerSubject, numTokens: number): Fixture {
  const { hiddenSize } = layer.block;
  if (expected !== null && expected.hidden !== hiddenSize) {
    throw new MoegenError(
      'validate/wrong-expected',
      `expected inputs of ${hiddenSize} numbers for layer ${layer.index}, got ${expected.hidden}`,
      { where: model, help: 'give the file that belongs to the checkpoint' },
    );
  }
  const x = Float64Array.from(expected?.x ?? fillParameter('x', 0, numTokens * hiddenSize, INPUT_SCALE));
  const y = Float64Array.from(expected?.y ?? []);
  return {
    path: `${model}, layer ${layer.index}`,
    modelType: model,
    blockClass: '',
    configText: '',
    layer: layer.index,
    numTokens,
    hiddenSize,
    x,
    expected: y,
    transformersBf16: y,
    rowsOk: Array.from({ length: numTokens }, () => true),
    parameters: {},
  };
}

function withReference(fixture: Fixture, { block }: BoundLayer, weights: BlockWeights): Fixture {
  const expected = referenceBlock(block, weights, { x: fixture.x, tokenIds: tokenIds(fixture) });
  return { ...fixture, expected, transformersBf16: expected };
}

function refuseOverflow(fixture: Fixture, { block }: BoundLayer, weights: BlockWeights): void {
  const reason = f16Overflow(fixture, block, tokenIds(fixture), weights);
  if (reason === null) return;
  throw new MoegenError('validate/beyond-f16', `the layer cannot be computed in f16: ${reason}`, {
    where: fixture.path,
    help: 'use --dtype bf16 or f32',
  });
}

interface Runs {
  readonly outputs: readonly Uint8Array[];
  readonly dispatches: readonly DispatchResult[];
  readonly reports: readonly CheckReport[];
}

/** Up to gate and up, and from there on; what passes between the halves does so by its name. */
async function runSteps(
  device: Device,
  load: Awaited<ReturnType<KernelSource>>['load'],
  steps: readonly UnloadedStep[],
  layer: BoundLayer,
  fixture: Fixture,
  outputs: readonly string[],
  options: LayerRunOptions,
): Promise<Runs> {
  const halves = [steps.filter(isBeforeDown), steps.filter((step) => !isBeforeDown(step))];
  const names = halves.map((half) => new Set(half.flatMap(buffersOf)));
  let passed = tokenInputs(
    steps.map(({ plan }) => plan),
    fixture,
  );
  const given = new Set([...Object.keys(passed), ...layer.sources.flatMap(bindingsOf)]);
  const dispatches: DispatchResult[] = [];
  const reports: CheckReport[] = [];
  const found = new Map<string, Uint8Array>();
  for (const [at, half] of halves.entries()) {
    const next = names[at + 1];
    const wanted = [...(names[at] ?? [])].filter(
      (name) => outputs.includes(name) || (next?.has(name) === true && !given.has(name)),
    );
    const inputs = { ...passed, ...(await readInputs(half, layer)) };
    const loaded = await Promise.all(half.map(async (step) => ({ ...step, library: await load(step.plan) })));
    const job = buildJob(loaded, inputs, wanted, {
      timeoutSeconds: 600,
      ...(options.subnormals !== undefined && { subnormals: options.subnormals }),
      ...(options.checks.length > 0 && { checks: options.checks, seed: options.seed }),
    });
    const result = await device.run(job);
    wanted.forEach((name, position) => found.set(name, result.outputs[position] ?? new Uint8Array()));
    passed = { ...passed, ...Object.fromEntries(found) };
    dispatches.push(...result.dispatches);
    reports.push(...result.reports);
  }
  return { outputs: outputs.map((name) => found.get(name) ?? new Uint8Array()), dispatches, reports };
}

const SECOND_HALF: readonly string[] = ['down', 'adjugate down', 'shared expert', 'combine', 'latent out'];

function isBeforeDown({ plan }: UnloadedStep): boolean {
  return !SECOND_HALF.includes(stageOf(plan.family));
}

/** By the pool's names. */
function buffersOf({ plan, names = {} }: UnloadedStep): string[] {
  const { indirect } = plan.dispatch;
  const bound = plan.bindings.filter(({ access }) => access !== 'argument').map(({ name }) => name);
  return [...bound, ...(indirect === undefined ? [] : [indirect])].map((name) => names[name] ?? name);
}

function bindingsOf(source: RoleSource): string[] {
  return source.recipes.map(planeBinding);
}

/** Contents of the buffers of the parameters that the steps read. */
async function readInputs(steps: readonly UnloadedStep[], layer: BoundLayer): Promise<Inputs> {
  const uses = new Map<string, { readonly binding: Binding; readonly step: UnloadedStep }>();
  for (const step of steps) {
    for (const binding of step.plan.bindings) uses.set(binding.name, { binding, step });
  }
  const inputs: Record<string, Uint8Array> = {};
  for (const source of layer.sources) {
    if (!bindingsOf(source).some((name) => uses.has(name))) continue;
    const planes = await readPlanes(
      source,
      (recipe) => uses.get(planeBinding(recipe))?.binding.element ?? 'f32',
    );
    for (const [recipe, bytes] of planes) {
      const name = planeBinding(recipe);
      const use = uses.get(name);
      if (use === undefined) continue;
      checkSize(use.step.plan, use.binding, use.step.values, bytes, layer);
      inputs[name] = bytes;
    }
  }
  return inputs;
}

/** A recipe that makes a buffer of another size than kernels read is wrong, whatever the bytes are. */
function checkSize(
  plan: KernelPlan,
  { name, shape, element }: Binding,
  values: UnloadedStep['values'],
  bytes: Uint8Array,
  layer: BoundLayer,
): void {
  const numbers = formulaValues(values);
  const elements = shape.reduce((product, extent) => product * evaluateFormula(extent, numbers), 1);
  const wanted = elements * ELEMENT_TYPES[element].bytes;
  if (wanted === bytes.byteLength) return;
  throw new MoegenError(
    'validate/wrong-size',
    `expected ${wanted} bytes of ${name} for ${plan.name}, got ${bytes.byteLength} from the checkpoint`,
    { where: layer.prefix, help: 'check that the configuration and the tensors belong to the same model' },
  );
}
