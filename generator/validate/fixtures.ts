// Runs whole MoE blocks from fixtures on a device, many tokens at once and one token at a time, and measures how far the results
// are from the block in double precision.

import { MoegenError } from '../errors.js';
import type { Check, CheckReport, Device, LoadedLibrary } from '../native/types.js';
import { layerKernels, tileFor, type LayerChoice, type LayerPath } from '../plan/layer.js';
import type { KernelPlan } from '../plan/types.js';
import { f16Overflow } from '../reference/f16-range.js';
import { fixtureWeights, readFixture, type Fixture } from '../reference/fixture.js';
import type { MoeBlock, TensorRole } from '../spec/block.js';
import type { ActivationDtype } from '../spec/dtypes.js';
import { parseConfig, readBlock } from '../spec/models/index.js';
import { decodeElements, encodeElements } from './elements.js';
import { buildJob, type Inputs, type Step, type StepValues } from './job.js';

/** Largest relative error that a right block has: one rounding of the intermediate, where it is stored, and one of the output. */
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

/** Finds the plans and the compiled library of a kernel. */
export interface KernelSource {
  readonly plans: readonly KernelPlan[];
  load(plan: KernelPlan): Promise<LoadedLibrary>;
}

export interface PathVerdict {
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
  const started = performance.now();
  const fixture = await readFixture(file);
  const block = readBlock(parseConfig(fixture.configText, file), fixture.layer, file);
  if (options.activation === 'f16') refuseOverflow(fixture, block);
  const layers = options.paths.map((path) => ({
    path,
    steps: layerSteps(kernels, fixture, block, options, path),
  }));
  const inputs = encodeInputs(fixture, block, options);
  const steps = await Promise.all(
    layers
      .flatMap((layer) => layer.steps)
      .map(async (step) => ({ ...step, library: await kernels.load(step.plan) })),
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
  const limit = ERROR_LIMITS[options.activation][options.intermediate === 'f32' ? 'float' : 'stored'];
  const relError = Math.max(...paths.map((path) => path.rel_error));
  const identical = result.outputs.every((bytes) => Buffer.compare(bytes, result.outputs[0] ?? bytes) === 0);
  return {
    file,
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

function refuseOverflow(fixture: Fixture, block: MoeBlock): void {
  const reason = f16Overflow(fixture, block, tokenIds(fixture));
  if (reason === null) return;
  throw new MoegenError('validate/beyond-f16', `the fixture cannot be computed in f16: ${reason}`, {
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

/** The decode path takes one token after the other, each with its own row of the input and the output. */
function layerSteps(
  kernels: KernelSource,
  fixture: Fixture,
  block: MoeBlock,
  options: FixtureOptions,
  path: LayerPath,
): UnloadedStep[] {
  const { numTokens } = fixture;
  const choice: LayerChoice = {
    path,
    activation: options.activation,
    weight: options.weight,
    glu: gluName(block, fixture.path),
    intermediate: options.intermediate,
    tile: tileFor(numTokens, block.topK, block.numExperts),
  };
  const plans = layerKernels(kernels.plans, choice);
  const blockM = plans.find((plan) => plan.tile !== undefined && plan.family === 'gate_up')?.tile;
  const values: StepValues = {
    num_tokens: path === 'batched' ? numTokens : 1,
    hidden_size: block.hiddenSize,
    intermediate_size: block.intermediateSize,
    num_experts: block.numExperts,
    top_k: block.topK,
    norm_topk_prob: block.router.normalize.kind === 'sum',
    has_router_bias: block.router.logitBias,
    block_m: blockM?.blockM ?? 1,
    block_n: blockM?.blockN ?? 1,
  };
  const names = Object.fromEntries(
    ['output', 'topk_ids', 'topk_weights', 'intermediate'].map((name) => [name, `${name} (${path})`]),
  );
  if (path === 'batched') return plans.map((plan) => ({ plan, values, names }));
  return Array.from({ length: numTokens }, (_, token) => token * block.hiddenSize).flatMap((start) =>
    plans.map((plan) => ({ plan, values, names, offsets: { hidden_states: start, output: start } })),
  );
}

/** The name of the block's activation among the kernels' axes; what no kernel does yet is refused by name. */
function gluName(block: MoeBlock, where: string): string {
  const { router, experts } = block;
  const missing = [
    router.scoring.kind !== 'softmax' && `${router.scoring.kind} scores`,
    router.selectionBias && 'a selection bias',
    router.groups !== null && 'expert groups',
    router.selection.kind !== 'top_k' && 'a token table',
    router.post !== 'none' && `${router.post} of the selected`,
    !isPlainNormalize(block) && `${router.normalize.kind} normalizing with a constant`,
    router.scale !== 1 && 'scaled weights',
    block.numZeroExperts > 0 && 'experts without weights',
    experts.gateUp !== 'concatenated' && `${experts.gateUp} gate and up`,
    experts.gateUpOrder !== 'out_in' && 'transposed weights',
    experts.bias && 'expert biases',
    experts.weightOn !== 'output' && 'weights on the input',
    experts.glu.kind !== 'plain' && `the ${experts.glu.kind} activation`,
    block.shared !== null && 'a shared expert',
    block.latent !== null && 'a latent projection',
    block.routedScale !== 1 && 'a scaled routed sum',
    block.outputBias && 'an output bias',
  ].filter((reason) => reason !== false);
  const activation = experts.glu.kind === 'plain' ? experts.glu.activation : '';
  const name = { silu: 'swiglu', gelu: 'geglu', gelu_tanh: 'geglu_tanh' }[
    activation as 'silu' | 'gelu' | 'gelu_tanh'
  ];
  if (missing.length === 0 && name !== undefined) return name;
  throw new MoegenError(
    'validate/unsupported-block',
    `no kernels exist for ${[...missing, activation].join(', ')}`,
    {
      where,
      help: 'blocks with softmax routing and gated experts run; see the README for what is supported',
    },
  );
}

function isPlainNormalize({ router: { normalize } }: MoeBlock): boolean {
  return normalize.kind === 'none' || (normalize.kind === 'sum' && normalize.epsilon === 0);
}

function encodeInputs(fixture: Fixture, block: MoeBlock, options: FixtureOptions): Inputs {
  const weights = fixtureWeights(fixture, block);
  const element = options.weight as ActivationDtype;
  const tensor = (role: TensorRole) => encodeElements(element, weights.tensor(role));
  return {
    hidden_states: encodeElements(options.activation, fixture.x),
    router_weight: tensor('router'),
    ...(block.router.logitBias && { router_bias: tensor('router_bias') }),
    gate_up_weight: tensor('expert_gate_up'),
    down_weight: tensor('expert_down'),
  };
}

/** |y - expected| / |expected| over the rows that may be compared. */
function relativeError(y: Float64Array, { expected, rowsOk, hiddenSize }: Fixture): number {
  let [difference, norm] = [0, 0];
  expected.forEach((want, at) => {
    if (rowsOk[Math.floor(at / hiddenSize)] !== true) return;
    difference += ((y[at] ?? NaN) - want) ** 2;
    norm += want ** 2;
  });
  return Math.sqrt(difference / norm);
}
