// Every variant of the expert kernels, run: on its own against the references, and as a whole block, on each way that it has,
// against the block in double precision.

import { describe, expect, it } from 'vitest';
import type { Device } from '../../generator/native/types.js';
import { blockConstants } from '../../generator/plan/constants.js';
import {
  layerKernels,
  layerPaths,
  runSizes,
  TENSOR_BINDINGS,
  type LayerChoice,
} from '../../generator/plan/layer.js';
import { planKernels } from '../../generator/plan/plan.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { referenceBlock } from '../../generator/reference/block.js';
import type { BlockWeights } from '../../generator/reference/weights.js';
import { TENSOR_ROLES, type MoeBlock, type TensorRole } from '../../generator/description/block.js';
import type { ActivationDtype } from '../../generator/description/dtypes.js';
import { decodeElements, encodeElements, roundElements } from '../../generator/validate/elements.js';
import { buildJob, type Step } from '../../generator/validate/job.js';
import { kernelCases, type KernelCase } from '../../generator/validate/kernels/cases.js';
import { validateKernel } from '../../generator/validate/kernels/run.js';
import { createRandom } from '../../generator/validate/random.js';
import { withOpenConstants } from '../support/format-blocks.js';
import { hostDevice, kernelTexts } from '../support/host-kernels.js';
import { EXPERT_BLOCKS } from './experts-blocks.js';

const NUM_TOKENS = 11;
const DTYPES = ['bf16', 'f32', 'f16'] as const satisfies readonly ActivationDtype[];
/** What float arithmetic may be off by, and with a float intermediate the one rounding of the output. */
const FLOAT_LIMIT = 2e-6;
const LIMITS = { bf16: FLOAT_LIMIT + 2 ** -8, f32: FLOAT_LIMIT, f16: FLOAT_LIMIT + 2 ** -11 } as const;

const blocks = Object.entries(EXPERT_BLOCKS).map(([name, block], at) => {
  return { name, block, dtype: DTYPES[at % 3] ?? 'f32' };
});

/** With texts that serve any sizes, so that compilers see each kernel once. */
function blockPlans(block: MoeBlock, dtype: ActivationDtype): KernelPlan[] {
  return planKernels({
    activations: [dtype],
    weights: [dtype],
    bf16Storage: 'ushort',
    mslVersion: '3.0',
    block,
  }).map(withOpenConstants);
}

/** Few and many rows for an expert, tails, empty slots, values beyond half. */
function isTelling({ numTokens, numExperts, topK, routing, scale }: KernelCase): boolean {
  const isPlain = numExperts === 7 && (numTokens === 2 || numTokens === 33) && topK < 7;
  return isPlain || (routing === 'nan' && numExperts === 7) || scale > 1;
}

const EXPERT_FAMILY = /gate_up|down|combine|shared|latent/;

describe('the expert kernels of a block', () => {
  const device = hostDevice();

  it.each(blocks)(
    'agree with the references: $name in $dtype',
    { timeout: 300_000 },
    async ({ block, dtype }) => {
      const plans = blockPlans(block, dtype).filter(
        ({ family, name }) => EXPERT_FAMILY.test(family) && !name.includes('f32_intermediate'),
      );
      const texts = await kernelTexts(plans);
      const cases = kernelCases(dtype).filter(isTelling);
      for (const plan of plans) {
        const library = await device.load({ source: texts.textOf(plan) });
        const verdict = await validateKernel(device, library, plan, cases, { seed: 1, checks: [] });
        expect(verdict.failures, plan.name).toEqual([]);
        expect(verdict.compared).toBeGreaterThan(0);
      }
    },
  );

  it.each(blocks)('make the block: $name in $dtype', { timeout: 300_000 }, async ({ block, dtype }) => {
    const { want, outputs } = await runBlock(device, block, dtype, 'f32');
    const [first = new Uint8Array()] = outputs;
    expect(relativeError(decodeElements(dtype, first), want)).toBeLessThan(LIMITS[dtype]);
    expectSameBits(outputs);
  });

  it.each(blocks.filter(({ dtype }) => dtype !== 'f32'))(
    'give the same bits on every way with a stored intermediate: $name in $dtype',
    { timeout: 300_000 },
    async ({ block, dtype }) => {
      expectSameBits((await runBlock(device, block, dtype, dtype)).outputs);
    },
  );
});

function expectSameBits(outputs: readonly Uint8Array[]): void {
  expect(outputs.length).toBeGreaterThanOrEqual(2);
  for (const output of outputs) expect(Buffer.compare(output, outputs[0] ?? output)).toBe(0);
}

interface Tensors {
  readonly weights: BlockWeights;
  readonly values: ReadonlyMap<TensorRole, Float64Array>;
}

/** Values that the dtype has exactly. */
function randomTensors(block: MoeBlock, dtype: ActivationDtype): Tensors {
  const random = createRandom(7);
  const values = new Map(
    TENSOR_ROLES.flatMap((role) => {
      const shape = block.tensors[role]?.shape;
      if (shape === undefined) return [];
      const count = shape.reduce((product, extent) => product * extent, 1);
      const scale = shape.length === 1 || role.endsWith('bias') ? 0.3 : 0.4;
      return [[role, roundElements(dtype, random.spread(count, scale))] as const];
    }),
  );
  const tensor = (role: TensorRole) => values.get(role) ?? new Float64Array();
  const expert = (role: TensorRole, at: number) => {
    const size = tensor(role).length / block.numExperts;
    return tensor(role).subarray(at * size, (at + 1) * size);
  };
  return { weights: { tensor, expert }, values };
}

async function runBlock(
  device: Device,
  block: MoeBlock,
  dtype: ActivationDtype,
  intermediate: ActivationDtype,
) {
  const plans = blockPlans(block, dtype);
  const texts = await kernelTexts(plans);
  const { weights, values } = randomTensors(block, dtype);
  const x = roundElements(dtype, createRandom(8).spread(NUM_TOKENS * block.hiddenSize, 1));
  const paths = layerPaths(block.experts);
  const layers = paths.map((path) =>
    layerSteps(plans, block, { path, activation: dtype, weight: dtype, intermediate, tile: 'low' }),
  );
  const used = layers.flat().flatMap(({ plan }) => plan.bindings);
  const inputs = Array.from(values, ([role, own]) => {
    const name = TENSOR_BINDINGS[role];
    const element = used.find((binding) => binding.name === name)?.element ?? dtype;
    return [name, encodeElements(element, own)] as const;
  });
  const steps = await Promise.all(
    layers
      .flat()
      .map(async (step) => ({ ...step, library: await device.load({ source: texts.textOf(step.plan) }) })),
  );
  const job = buildJob(
    steps,
    { ...Object.fromEntries(inputs), hidden_states: encodeElements(dtype, x) },
    paths.map((path) => `output (${path})`),
  );
  const { outputs } = await device.run(job);
  return { want: referenceBlock(block, weights, { x, tokenIds: null }), outputs };
}

function layerSteps(
  plans: readonly KernelPlan[],
  block: MoeBlock,
  choice: LayerChoice,
): Omit<Step, 'library'>[] {
  const { path } = choice;
  const isDecode = path === 'decode';
  const kernels = layerKernels(plans, block, choice);
  const values = {
    ...blockConstants(block),
    num_tokens: isDecode ? 1 : NUM_TOKENS,
    ...runSizes(kernels),
  };
  // Each way has its own buffers, but for the parameters and the input.
  const own = kernels.flatMap(({ bindings }) =>
    bindings.filter(({ name, role }) => role === undefined && name !== 'hidden_states'),
  );
  const names = Object.fromEntries(own.map(({ name }) => [name, `${name} (${path})`]));
  const tokens = isDecode ? Array.from({ length: NUM_TOKENS }, (_, token) => token) : [0];
  return tokens.flatMap((token) =>
    kernels.map((plan) => ({
      plan,
      values,
      names,
      offsets: { hidden_states: token * block.hiddenSize, output: token * block.hiddenSize },
    })),
  );
}

function relativeError(got: Float64Array, want: Float64Array): number {
  const norm = (values: Float64Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(got.map((value, at) => value - (want[at] ?? NaN))) / norm(want);
}
