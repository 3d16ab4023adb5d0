// One token has the same bits whatever runs beside it and whichever way it takes: alone, among some, in low and in wide tiles. And
// these bits are those of the block in double precision, but for what storing costs.

import { describe, expect, it } from 'vitest';
import type { Device } from '../../generator/native/types.js';
import { blockConstants } from '../../generator/plan/constants.js';
import { evaluateFormula } from '../../generator/plan/formula.js';
import { layerKernels, runSizes, type LayerChoice } from '../../generator/plan/layer.js';
import type { Binding, KernelPlan } from '../../generator/plan/types.js';
import { referenceBlock } from '../../generator/reference/block.js';
import type { BlockWeights } from '../../generator/reference/weights.js';
import { TENSOR_ROLES, type MoeBlock, type TensorRole } from '../../generator/description/block.js';
import { decodeElements, encodeElements, roundElements } from '../../generator/validate/elements.js';
import { encodeMatrices } from '../../generator/validate/encode-matrices.js';
import { buildJob, type Inputs, type Step } from '../../generator/validate/job.js';
import { createRandom } from '../../generator/validate/random.js';
import { formatBlock, openPlans, type FormatRun } from './format-blocks.js';
import { hostDevice, kernelTexts } from './host-kernels.js';

export const DENSE_RUNS: readonly FormatRun[] = [
  { format: 'bf16', activation: 'bf16', bf16Storage: 'ushort' },
  { format: 'bf16', activation: 'bf16', bf16Storage: 'bfloat' },
  { format: 'f16', activation: 'f16', bf16Storage: 'ushort' },
  { format: 'f32', activation: 'f32', bf16Storage: 'ushort' },
];

const MANY = 70;
const SOME = 33;
const ALONE = [0, 4, 18, 32];

/** The batches that are compared: tokens alone, and the first ones together. */
interface Batch {
  readonly label: string;
  readonly path: LayerChoice['path'];
  readonly tile: LayerChoice['tile'];
  readonly firstToken: number;
  readonly numTokens: number;
}

const BATCHES: readonly Batch[] = [
  ...ALONE.map((token) => ({
    label: `token ${token}`,
    path: 'decode' as const,
    tile: 'low' as const,
    firstToken: token,
    numTokens: 1,
  })),
  { label: 'four', path: 'decode', tile: 'low', firstToken: 0, numTokens: 4 },
  { label: 'skinny', path: 'skinny', tile: 'low', firstToken: 0, numTokens: SOME },
  { label: 'low', path: 'batched', tile: 'low', firstToken: 0, numTokens: SOME },
  { label: 'wide', path: 'batched', tile: 'wide', firstToken: 0, numTokens: MANY },
];

/** What storing the intermediate and the output costs, relative to the whole output. */
const LIMITS = { bf16: 2 ** -8, f16: 2 ** -11, f32: 2e-6 } as const;

export function describeRuns(runs: readonly FormatRun[]): void {
  const device = hostDevice();

  describe('a token has the same bits in every batch', () => {
    it.each(runs)('$format with $activation and $bf16Storage', { timeout: 300_000 }, async (run) => {
      await expectSameBits(device, run);
    });
  });
}

async function expectSameBits(device: Device, run: FormatRun): Promise<void> {
  const block = formatBlock(run.format);
  const { outputs, want } = await runBatches(device, run, block);
  const rowBytes = outputs[0]?.byteLength ?? 0;
  const rowOf = (batch: Batch, token: number): Uint8Array => {
    const first = (token - batch.firstToken) * rowBytes;
    return outputs[BATCHES.indexOf(batch)]?.subarray(first, first + rowBytes) ?? new Uint8Array();
  };
  const wide = BATCHES.at(-1);
  if (wide === undefined) throw new Error('no batch');
  expect(outputs.at(-1)?.byteLength).toBe(MANY * rowBytes);
  for (const batch of BATCHES) {
    for (let token = batch.firstToken; token < batch.firstToken + batch.numTokens; token += 1) {
      const isSame = Buffer.compare(rowOf(batch, token), rowOf(wide, token)) === 0;
      expect(isSame, `${batch.label}: token ${token}`).toBe(true);
    }
  }
  const got = decodeElements(run.activation, outputs.at(-1) ?? new Uint8Array());
  expect(relativeError(got, want)).toBeLessThan(LIMITS[run.activation]);
}

async function runBatches(device: Device, run: FormatRun, block: MoeBlock) {
  const plans = openPlans(run, block);
  const texts = await kernelTexts(plans, run.bf16Storage);
  const steps = BATCHES.flatMap((batch) => batchSteps(plans, run, block, batch));
  const { inputs, weights } = randomTensors(
    steps.map(({ plan }) => plan),
    run,
    block,
  );
  const x = roundElements(run.activation, createRandom(8).spread(MANY * block.hiddenSize, 1));
  const loaded = await Promise.all(
    steps.map(async (step) => ({ ...step, library: await device.load({ source: texts.textOf(step.plan) }) })),
  );
  const job = buildJob(
    loaded,
    { ...inputs, hidden_states: encodeElements(run.activation, x) },
    BATCHES.map(({ label }) => `output (${label})`),
    { timeoutSeconds: 300 },
  );
  const { outputs } = await device.run(job);
  return { outputs, want: referenceBlock(block, weights, { x, tokenIds: null }) };
}

function isShared({ name, role }: Binding): boolean {
  return role !== undefined || name === 'hidden_states';
}

function batchSteps(
  plans: readonly KernelPlan[],
  { format, activation }: FormatRun,
  block: MoeBlock,
  { label, path, tile, firstToken, numTokens }: Batch,
): Omit<Step, 'library'>[] {
  const kernels = layerKernels(plans, block, {
    path,
    activation,
    weight: format,
    intermediate: activation,
    tile,
  });
  const values = { ...blockConstants(block), num_tokens: numTokens, ...runSizes(kernels) };
  const own = kernels.flatMap(({ bindings }) => bindings.filter((binding) => !isShared(binding)));
  const names = Object.fromEntries(own.map(({ name }) => [name, `${name} (${label})`]));
  return kernels.map((plan) => ({
    plan,
    values,
    names,
    offsets: { hidden_states: firstToken * block.hiddenSize },
  }));
}

/** Random parameters, as the planes of their format hold them. */
function randomTensors(
  plans: readonly KernelPlan[],
  { format }: FormatRun,
  block: MoeBlock,
): { readonly inputs: Inputs; readonly weights: BlockWeights } {
  const sizes = Object.fromEntries(
    Object.entries(blockConstants(block)).map(([name, value]) => [name, Number(value)]),
  );
  const random = createRandom(7);
  const inputs: Record<string, Uint8Array> = {};
  const values = new Map<TensorRole, Float64Array>();
  for (const { name, role, element, shape, matrix } of plans.flatMap(({ bindings }) => bindings)) {
    if (role === undefined || matrix === undefined || values.has(role)) continue;
    const [columns, terms] = matrix.map((extent) => evaluateFormula(extent, sizes)) as [number, number];
    const matrices = shape.length === 3 ? block.numExperts : 1;
    const own = random.spread(matrices * columns * terms, 1 / Math.sqrt(terms));
    // The router's weights are dense.
    const packed = encodeMatrices(role === 'router' ? element : format, own, matrices, columns, terms);
    for (const [suffix, bytes] of Object.entries(packed.planes)) {
      inputs[name.replace(/weight$/, suffix)] = bytes;
    }
    values.set(role, packed.values);
  }
  expect(values.size).toBe(TENSOR_ROLES.filter((role) => block.tensors[role] !== undefined).length);
  const tensor = (role: TensorRole) => values.get(role) ?? new Float64Array();
  const expert = (role: TensorRole, at: number) => {
    const size = tensor(role).length / block.numExperts;
    return tensor(role).subarray(at * size, (at + 1) * size);
  };
  return { inputs, weights: { tensor, expert } };
}

function relativeError(got: Float64Array, want: Float64Array): number {
  const norm = (values: Float64Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(got.map((value, at) => value - (want[at] ?? NaN))) / norm(want);
}
