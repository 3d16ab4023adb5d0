// Runs whole MoE blocks from fixtures on a device, many tokens at once and one token at a time, and measures how far the results
// are from the block in double precision.

import { MoegenError } from '../errors.js';
import type { Check, CheckReport, Device, LoadedLibrary, Subnormals } from '../native/types.js';
import { layerPaths, TENSOR_BINDINGS, type LayerPath } from '../plan/layer.js';
import type { KernelPlan } from '../plan/types.js';
import { f16Overflow } from '../reference/f16-range.js';
import { fixtureWeights, readFixture, type Fixture } from '../reference/fixture.js';
import { TENSOR_ROLES, type MoeBlock } from '../description/block.js';
import { ACTIVATION_DTYPES, type ActivationDtype } from '../description/dtypes.js';
import type { FormatMix } from '../description/weights.js';
import { referenceBlock } from '../reference/block.js';
import type { BlockWeights } from '../reference/weights.js';
import { parseConfig, readBlock } from '../description/models/index.js';
import { decodeElements, encodeElements } from './elements.js';
import { packWeights, type PackedWeights } from './packed-weights.js';
import { layerSteps, outputNames, tokenInputs, tokenOutputs } from './layer-steps.js';
import { errorLimit, relativeError, tokenIds } from './rounding.js';
import { memoryMismatches, type MemoryMismatch } from './threadgroup-memory.js';
import { buildJob, type Inputs } from './job.js';

export interface FixtureOptions {
  readonly activation: ActivationDtype;
  /** Weight format; the activation's own dtype where nothing else is asked for. */
  readonly weight: string;
  /** Projections whose format is chosen by itself. */
  readonly mix?: FormatMix;
  readonly intermediate: ActivationDtype;
  readonly paths: readonly LayerPath[];
  readonly checks: readonly Check[];
  readonly seed: number;
  readonly subnormals?: Subnormals | undefined;
}

/** The kernels of a block's own set, each compiled when it is asked for. */
interface BlockKernels {
  readonly plans: readonly KernelPlan[];
  readonly load: (plan: KernelPlan) => Promise<LoadedLibrary>;
}

export type KernelSource = (
  block: MoeBlock,
  choice: Pick<FixtureOptions, 'activation' | 'weight' | 'mix'>,
) => Promise<BlockKernels>;

interface PathVerdict {
  readonly path: LayerPath;
  readonly rel_error: number;
  readonly dispatches: readonly string[];
}

export interface FixtureVerdict {
  readonly file: string;
  readonly model_type: string;
  readonly dtype: ActivationDtype;
  readonly intermediate: ActivationDtype;
  readonly ok: boolean;
  /** The largest of the paths. */
  readonly rel_error: number;
  /** The same for what transformers answers in BF16. */
  readonly rel_error_reference: number;
  readonly limit: number;
  /** Rows that were compared. */
  readonly rows: number;
  /** Kernels of the first path, in order. */
  readonly dispatches: readonly string[];
  readonly seconds: number;
  readonly paths: readonly PathVerdict[];
  /** All paths gave the same bits. */
  readonly identical: boolean;
  readonly reports: readonly CheckReport[];
  /** Kernels that take other threadgroup memory than their plans say. */
  readonly memory: readonly MemoryMismatch[];
}

export async function validateFixture(
  device: Device,
  kernels: KernelSource,
  file: string,
  options: FixtureOptions,
): Promise<FixtureVerdict> {
  const fixture = await readFixture(file);
  const block = readBlock(parseConfig(fixture.configText, file), fixture.layer, file);
  return validateBlock(device, kernels, { fixture, block }, options);
}

/** A block with its input, its parameters and what must come out. */
export interface BlockSubject {
  readonly fixture: Fixture;
  readonly block: MoeBlock;
}

export async function validateBlock(
  device: Device,
  kernels: KernelSource,
  { fixture: given, block }: BlockSubject,
  options: FixtureOptions,
): Promise<FixtureVerdict> {
  const started = performance.now();
  if (options.activation === 'f16') refuseOverflow(given, block);
  const { plans, load } = await kernels(block, options);
  const paths = layerPaths(block.experts).filter((path) => options.paths.includes(path));
  const layers = paths.map((path) => ({
    path,
    steps: layerSteps(plans, given.numTokens, block, options, path),
  }));
  const used = layers.flatMap((layer) => layer.steps.map((step) => step.plan));
  const packed = packWeights(used, block, fixtureWeights(given, block));
  const fixture = isPacked(packed) ? withExpected(given, block, packed.weights) : given;
  const inputs = { ...encodeInputs(used, fixture, block), ...packed.inputs };
  const steps = await Promise.all(
    layers.flatMap((layer) => layer.steps).map(async (step) => ({ ...step, library: await load(step.plan) })),
  );
  const names = paths.map((path) => outputNames(path, fixture.numTokens));
  const job = buildJob(steps, inputs, names.flat(), {
    timeoutSeconds: 600,
    ...(options.subnormals !== undefined && { subnormals: options.subnormals }),
    ...(options.checks.length > 0 && { checks: options.checks, seed: options.seed }),
  });
  const result = await device.run(job);
  const outputs = tokenOutputs(names, result.outputs);
  const verdicts = layers.map(({ path, steps: own }, position) => ({
    path,
    rel_error: relativeError(
      decodeElements(options.activation, outputs[position] ?? new Uint8Array()),
      fixture,
    ),
    dispatches: [...new Set(own.map((step) => step.plan.name))],
  }));
  const relError = Math.max(...verdicts.map((verdict) => verdict.rel_error));
  const limit = errorLimit(relError, fixture, block, packed.weights, options);
  const identical = outputs.every((bytes) => Buffer.compare(bytes, outputs[0] ?? bytes) === 0);
  const memory = memoryMismatches(used, result.dispatches);
  return {
    file: fixture.path,
    model_type: fixture.modelType,
    dtype: options.activation,
    intermediate: options.intermediate,
    ok: relError <= limit && identical && result.reports.length === 0 && memory.length === 0,
    rel_error: relError,
    rel_error_reference: relativeError(fixture.transformersBf16, fixture),
    limit,
    rows: fixture.rowsOk.filter(Boolean).length,
    dispatches: verdicts[0]?.dispatches ?? [],
    seconds: (performance.now() - started) / 1000,
    paths: verdicts,
    identical,
    reports: result.reports,
    memory,
  };
}

const REFUSED = 'validate/beyond-f16';

/** The block is fine, but not for this dtype. */
export function isRefusal(error: unknown): error is MoegenError {
  return error instanceof MoegenError && error.code === REFUSED;
}

function refuseOverflow(fixture: Fixture, block: MoeBlock): void {
  const reason = f16Overflow(fixture, block, tokenIds(fixture));
  if (reason === null) return;
  throw new MoegenError(REFUSED, `the fixture cannot be computed in f16: ${reason}`, {
    where: fixture.path,
    help: 'use --dtype bf16 or f32',
  });
}

function isPacked({ inputs }: PackedWeights): boolean {
  return Object.keys(inputs).length > 0;
}

/** What must come out where the weights are those that a format holds. */
function withExpected(fixture: Fixture, block: MoeBlock, weights: BlockWeights): Fixture {
  const expected = referenceBlock(block, weights, {
    x: fixture.x,
    ...fixture.extra,
    tokenIds: tokenIds(fixture),
  });
  return { ...fixture, expected, transformersBf16: expected, rowsOk: fixture.rowsOk.map(() => true) };
}

/** Every tensor in the element type that its binding has; packed ones are left out. */
function encodeInputs(plans: readonly KernelPlan[], fixture: Fixture, block: MoeBlock): Inputs {
  const weights = fixtureWeights(fixture, block);
  const elements = new Map(
    plans.flatMap((plan) => plan.bindings.map(({ name, element }) => [name, element] as const)),
  );
  const isDense = (name: string) => ACTIVATION_DTYPES.some((dtype) => dtype === elements.get(name));
  const roles = TENSOR_ROLES.filter(
    (role) => block.tensors[role] !== undefined && (role === 'token_table' || isDense(TENSOR_BINDINGS[role])),
  );
  const tensors = roles.map((role) => {
    const name = TENSOR_BINDINGS[role];
    return [name, encodeElements(elements.get(name) ?? 'f32', weights.tensor(role))] as const;
  });
  return { ...Object.fromEntries(tensors), ...tokenInputs(plans, fixture) };
}
