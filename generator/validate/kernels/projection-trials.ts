// Trials of the dense projections, tiled and for a few tokens: down of the shared expert, and the ways into and out of the
// latent space.

import type { KernelPlan } from '../../plan/types.js';
import type { Random } from '../random.js';
import type { KernelCase } from './cases.js';
import { makeWeights, matrixOf, project, type Projected } from './expert-weights.js';
import { spoilRows } from './nonfinite-numbers.js';
import { orderedRows } from './ordered-numbers.js';
import { expectOutput, outputOptions } from './output-options.js';
import { dtypeOf, openValues, store, type Trial } from './trial.js';

interface Dense {
  readonly name: 'shared_down' | 'latent_in' | 'latent_out';
  readonly input: string;
  readonly terms: string;
  readonly output: string;
  readonly columns: string;
}

const SHARED_DOWN: Dense = {
  name: 'shared_down',
  input: 'shared_intermediate',
  terms: 'shared_intermediate_size',
  output: 'shared_output',
  columns: 'hidden_size',
};

const LATENT_IN: Dense = {
  name: 'latent_in',
  input: 'hidden_states',
  terms: 'hidden_size',
  output: 'latent_states',
  columns: 'latent_size',
};

const LATENT_OUT: Dense = {
  name: 'latent_out',
  input: 'routed_latent',
  terms: 'latent_size',
  output: 'output',
  columns: 'hidden_size',
};

export const sharedDownTrials = denseTrials(SHARED_DOWN);
export const latentInTrials = denseTrials(LATENT_IN);

function denseTrials(dense: Dense) {
  return (plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] => {
    const { inputs, product } = makeDense(dense, plan, sizes, random);
    const expected = { want: product.value, tolerance: product.error };
    return [
      {
        values: openValues(plan, sizes),
        inputs,
        expectations: [{ output: dense.output, element: 'f32', ...expected }],
      },
    ];
  };
}

/** What comes out of the latent space is finished at once. */
export function latentOutTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { numTokens, hiddenSize } = sizes;
  return outputOptions(plan, sizes, random).map((options) => {
    const { inputs, product } = makeDense(LATENT_OUT, plan, sizes, random);
    const at = (token: number, h: number) => token * hiddenSize + h;
    return {
      values: { ...openValues(plan, sizes), ...options.values },
      inputs: { ...inputs, ...options.inputs },
      expectations: [
        expectOutput(plan, options, numTokens, hiddenSize, (token, h) => ({
          value: product.value[at(token, h)] ?? NaN,
          error: product.error[at(token, h)] ?? NaN,
        })),
      ],
    };
  });
}

function makeDense(
  { name, input, terms, columns }: Dense,
  plan: KernelPlan,
  sizes: KernelCase,
  random: Random,
): { readonly inputs: Trial['inputs']; readonly product: Projected } {
  const values = openValues(plan, sizes);
  const numTerms = Number(values[terms]);
  const isOrdered = sizes.numbers === 'ordered';
  const own = isOrdered
    ? orderedRows(sizes.numTokens, numTerms, random)
    : random.spread(sizes.numTokens * numTerms, sizes.scale);
  if (sizes.numbers === 'nonfinite') spoilRows(own, numTerms);
  const rows = store(dtypeOf(plan, input), own);
  const weights = makeWeights(plan, [`${name}_weight`, `${name}_bias`], values, random, {
    terms: numTerms,
    gain: 2,
    bias: sizes.scale,
    numbers: sizes.numbers,
  });
  const matrix = matrixOf(weights, name, 0, 1);
  const matrices = Array.from({ length: sizes.numTokens }, () => matrix);
  return {
    inputs: { [input]: rows.bytes, ...weights.inputs },
    product: project(plan, rows.values, numTerms, Number(values[columns]), matrices, isOrdered),
  };
}
