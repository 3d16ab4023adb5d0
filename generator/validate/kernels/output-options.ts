// What may be added to the sum of a token's slots, as inputs of a trial and as its reference. A kernel that leaves these things
// to constants is tried without any, with all, and with a shared expert whose output has no factor.

import type { KernelPlan } from '../../plan/types.js';
import type { Inputs, StepValues } from '../job.js';
import type { Random } from '../random.js';
import { FLOAT_ROUNDING, storedError } from '../tolerance.js';
import type { KernelCase } from './cases.js';
import type { Bounded } from './glu-bounds.js';
import { spoilBias, spoilRows } from './nonfinite-numbers.js';
import { dtypeOf, hasBinding, openValues, statesOf, store, valueOf, type Expectation } from './trial.js';

export interface OutputOptions {
  readonly hasZeroExperts: boolean;
  readonly values: StepValues;
  readonly inputs: Inputs;
  /** The sum of a token's slots in one column, as it is before it is stored. */
  finish(sum: Bounded, token: number, h: number): Bounded;
}

interface Choice {
  readonly hasZeroExperts: boolean;
  readonly hasBias: boolean;
  readonly hasShared: boolean;
  readonly hasSigmoid: boolean;
  readonly routedScale: number;
  readonly outputScale: number;
}

export function outputOptions(plan: KernelPlan, sizes: KernelCase, random: Random): OutputOptions[] {
  return choices(plan, sizes).map((choice) => makeOptions(choice, sizes, random));
}

function choices(plan: KernelPlan, sizes: KernelCase): Choice[] {
  const values = openValues(plan, sizes);
  const all: Choice = {
    hasZeroExperts: hasBinding(plan, 'topk_weights') && hasBinding(plan, statesOf(plan)),
    hasBias: hasBinding(plan, 'output_bias'),
    hasShared: hasBinding(plan, 'shared_output'),
    hasSigmoid: hasBinding(plan, 'shared_sigmoid'),
    routedScale: valueOf(plan, values, 'routed_scale'),
    outputScale: valueOf(plan, values, 'output_scale'),
  };
  if (!plan.bindings.some(({ condition }) => condition === 'has_shared_expert')) return [all];
  const none = { hasZeroExperts: false, hasBias: false, hasShared: false, hasSigmoid: false };
  return [
    { ...none, routedScale: 1, outputScale: 1 },
    all,
    { ...none, hasShared: true, routedScale: 1, outputScale: 1 },
  ];
}

function makeOptions(choice: Choice, sizes: KernelCase, random: Random): OutputOptions {
  const { numTokens, hiddenSize, scale } = sizes;
  const biases = random.spread(hiddenSize, scale);
  const outputs = random.spread(numTokens * hiddenSize, scale);
  if (sizes.numbers === 'nonfinite') {
    spoilBias(biases, hiddenSize);
    spoilRows(outputs, hiddenSize);
  }
  const bias = store('f32', biases);
  const shared = store('f32', outputs);
  const sigmoid = store(
    'f32',
    random.spread(numTokens, 0.5).map((value) => value + 0.5),
  );
  return {
    hasZeroExperts: choice.hasZeroExperts,
    values: {
      has_zero_experts: choice.hasZeroExperts,
      has_output_bias: choice.hasBias,
      has_shared_expert: choice.hasShared,
      has_shared_sigmoid: choice.hasSigmoid,
      routed_scale: choice.routedScale,
      output_scale: choice.outputScale,
    },
    inputs: {
      ...(choice.hasBias && { output_bias: bias.bytes }),
      ...(choice.hasShared && { shared_output: shared.bytes }),
      ...(choice.hasSigmoid && { shared_sigmoid: sigmoid.bytes }),
    },
    finish: (sum, token, h) => {
      const scaled = multiply(sum, choice.routedScale);
      const biased = choice.hasBias ? add(scaled, bias.values[h] ?? NaN) : scaled;
      const factor = choice.hasSigmoid ? (sigmoid.values[token] ?? NaN) : 1;
      const output = choice.hasShared ? factor * (shared.values[token * hiddenSize + h] ?? NaN) : 0;
      return multiply(add(biased, output), choice.outputScale);
    },
  };
}

function multiply({ value, error }: Bounded, factor: number): Bounded {
  const product = value * factor;
  return { value: product, error: error * factor + FLOAT_ROUNDING * Math.abs(product) };
}

function add({ value, error }: Bounded, addend: number): Bounded {
  const sum = value + addend;
  return { value: sum, error: error + FLOAT_ROUNDING * Math.abs(sum) };
}

/** The stored result, or, where experts work in a latent space, the sum that goes on from there. */
export function expectOutput(
  plan: KernelPlan,
  options: OutputOptions,
  numTokens: number,
  width: number,
  sum: (token: number, h: number) => Bounded,
): Expectation {
  const output = hasBinding(plan, 'output') ? 'output' : 'routed_latent';
  const dtype = dtypeOf(plan, output);
  const want = new Float64Array(numTokens * width);
  const tolerance = new Float64Array(want.length);
  for (let at = 0; at < want.length; at += 1) {
    const [token, h] = [Math.floor(at / width), at % width];
    const { value, error } = options.finish(sum(token, h), token, h);
    want[at] = value;
    tolerance[at] = storedError(dtype, value, error);
  }
  return { output, element: dtype, want, tolerance };
}
