// Runs whole MoE blocks from fixtures on a device, many tokens at once and one token at a time, and measures how far the results
// are from the block in double precision.

import { MoegenError } from '../errors.js';
import type { Check, CheckReport, Device, LoadedLibrary } from '../native/types.js';
import { blockConstants } from '../plan/constants.js';
import { layerKernels, TENSOR_BINDINGS, tileFor, type LayerPath } from '../plan/layer.js';
import { TILES } from '../plan/tiles.js';
import type { KernelPlan } from '../plan/types.js';
import { f16Overflow } from '../reference/f16-range.js';
import { fixtureWeights, readFixture, type Fixture } from '../reference/fixture.js';
import { TENSOR_ROLES, type MoeBlock } from '../spec/block.js';
import type { ActivationDtype } from '../spec/dtypes.js';
import { parseConfig, readBlock } from '../spec/models/index.js';
import { decodeElements, encodeElements } from './elements.js';
import { relativeError, storageError } from './rounding.js';
import { buildJob, type Inputs, type Step, type StepValues } from './job.js';

/** Largest relative error that a right block usually has: one rounding of the intermediate, where it is stored, and one of the output. */
const ERROR_LIMITS: Readonly<Record<ActivationDtype, { readonly stored: number; readonly float: number }>> = {
  f32: { stored: 2e-6, float: 2e-6 },
  bf16: { stored: 2.6e-3, float: 1.8e-3 },
  f16: { stored: 4e-4, float: 4e-4 },
};

export interface FixtureOptions {
  readonly activation: ActivationDtype;
  /** Weight format; the activation's own dtype where nothing else is asked for. */
  readonly weight: string;
  readonly intermediate: ActivationDtype;
  readonly paths: readonly LayerPath[];
  readonly checks: readonly Check[];
  readonly seed: number;
}

/** The kernels of a block's own set, each compiled when it is asked for. */
interface BlockKernels {
  readonly plans: readonly KernelPlan[];
  readonly load: (plan: KernelPlan) => Promise<LoadedLibrary>;
}

export type KernelSource = (
  block: MoeBlock,
  choice: Pick<FixtureOptions, 'activation' | 'weight'>,
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
  { fixture, block }: BlockSubject,
  options: FixtureOptions,
): Promise<FixtureVerdict> {
  const started = performance.now();
  if (options.activation === 'f16') refuseOverflow(fixture, block);
  const { plans, load } = await kernels(block, options);
  const layers = options.paths.map((path) => ({
    path,
    steps: layerSteps(plans, fixture, block, options, path),
  }));
  const used = layers.flatMap((layer) => layer.steps.map((step) => step.plan));
  const inputs = encodeInputs(used, fixture, block);
  const steps = await Promise.all(
    layers.flatMap((layer) => layer.steps).map(async (step) => ({ ...step, library: await load(step.plan) })),
  );
  const names = options.paths.map(outputName);
  const job = buildJob(steps, inputs, names, {
    timeoutSeconds: 600,
    ...(options.checks.length > 0 && { checks: options.checks, seed: options.seed }),
  });
  const result = await device.run(job);
  const paths = layers.map(({ path, steps: own }, position) => ({
    path,
    rel_error: relativeError(
      decodeElements(options.activation, result.outputs[position] ?? new Uint8Array()),
      fixture,
    ),
    dispatches: [...new Set(own.map((step) => step.plan.name))],
  }));
  const relError = Math.max(...paths.map((path) => path.rel_error));
  const limit = errorLimit(relError, { fixture, block }, options);
  const identical = result.outputs.every((bytes) => Buffer.compare(bytes, result.outputs[0] ?? bytes) === 0);
  return {
    file: fixture.path,
    model_type: fixture.modelType,
    dtype: options.activation,
    intermediate: options.intermediate,
    ok: relError <= limit && identical && result.reports.length === 0,
    rel_error: relError,
    rel_error_reference: relativeError(fixture.transformersBf16, fixture),
    limit,
    rows: fixture.rowsOk.filter(Boolean).length,
    dispatches: paths[0]?.dispatches ?? [],
    seconds: (performance.now() - started) / 1000,
    paths,
    identical,
    reports: result.reports,
  };
}

/**
 * Roundings that all go one way, as where many values are clamped to one, cost more than the usual limit: then what they cost
 * this block is the limit, and a little for values that float arithmetic moves over the middle between two stored ones.
 */
function errorLimit(error: number, { fixture, block }: BlockSubject, options: FixtureOptions): number {
  const usual = ERROR_LIMITS[options.activation][options.intermediate === 'f32' ? 'float' : 'stored'];
  if (error <= usual) return usual;
  return Math.max(usual, 1.02 * storageError(fixture, block, tokenIds(fixture), options));
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

/** Fixtures were made with the token ids 0, 1, 2, ... */
function tokenIds({ numTokens }: Fixture): number[] {
  return Array.from({ length: numTokens }, (_, token) => token);
}

function outputName(path: LayerPath): string {
  return `output (${path})`;
}

type UnloadedStep = Omit<Step, 'library'>;

/** Buffers that each path has for itself. */
const OWN_BUFFERS = [
  'output',
  'topk_ids',
  'topk_weights',
  'intermediate',
  'latent_states',
  'routed_latent',
  'shared_intermediate',
  'shared_output',
  'shared_sigmoid',
];

/** The decode path takes one token after the other, each with its own row of the input and the output. */
function layerSteps(
  plans: readonly KernelPlan[],
  fixture: Fixture,
  block: MoeBlock,
  options: FixtureOptions,
  path: LayerPath,
): UnloadedStep[] {
  const { numTokens } = fixture;
  const tile = tileFor(numTokens, block);
  const kernels = layerKernels(plans, block, { ...options, path, tile });
  const values: StepValues = {
    ...blockConstants(block),
    num_tokens: path === 'batched' ? numTokens : 1,
    block_m: TILES[tile].blockM,
    block_n: TILES[tile].blockN,
  };
  const names = Object.fromEntries(OWN_BUFFERS.map((name) => [name, `${name} (${path})`]));
  if (path === 'batched') return kernels.map((plan) => ({ plan, values, names }));
  return Array.from({ length: numTokens }, (_, token) => token).flatMap((token) =>
    kernels.map((plan) => ({
      plan,
      values,
      names,
      offsets: {
        hidden_states: token * block.hiddenSize,
        output: token * block.hiddenSize,
        token_ids: token,
      },
    })),
  );
}

/** Every tensor in the element type that its binding has. */
function encodeInputs(plans: readonly KernelPlan[], fixture: Fixture, block: MoeBlock): Inputs {
  const weights = fixtureWeights(fixture, block);
  const elements = new Map(
    plans.flatMap((plan) => plan.bindings.map(({ name, element }) => [name, element] as const)),
  );
  const tensors = TENSOR_ROLES.filter((role) => block.tensors[role] !== undefined).map((role) => {
    const name = TENSOR_BINDINGS[role];
    return [name, encodeElements(elements.get(name) ?? 'f32', weights.tensor(role))] as const;
  });
  return {
    ...Object.fromEntries(tensors),
    hidden_states: encodeElements(elements.get('hidden_states') ?? 'f32', fixture.x),
    token_ids: encodeElements('u32', tokenIds(fixture)),
  };
}
