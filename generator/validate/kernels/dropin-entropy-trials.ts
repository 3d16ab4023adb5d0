// Trials of the drop-in entropies, with and without an epsilon of the caller's, on probabilities of which some are zero.

import type { KernelPlan } from '../../plan/types.js';
import { entropyOf, entropySlope, entropyTerm } from '../../reference/entropy.js';
import { referenceHistogram } from '../../reference/expert-index.js';
import type { ActivationDtype } from '../../description/dtypes.js';
import { encodeElements, roundElements } from '../elements.js';
import type { Random } from '../random.js';
import { FLOAT_ROUNDING, storedError } from '../tolerance.js';
import type { KernelCase } from './cases.js';
import { dtypeOf, exactly, routeTokens, store, type Expectation, type Stored, type Trial } from './trial.js';

/** What a kernel takes where the caller's epsilon is zero. */
const DEFAULT_EPSILON = 1e-8;
/** Of a logarithm, a product and a quotient, in units in the last place. */
const FUNCTION_ROUNDINGS = 12;

interface Entropies {
  readonly dtype: ActivationDtype;
  readonly sizes: KernelCase;
  readonly probabilities: Stored;
  readonly ids: Uint32Array;
  readonly weights: Stored;
  readonly epsilon: number;
}

type Expecter = (entropies: Entropies) => Expectation[];

const EXPECTERS: Readonly<Record<string, Expecter>> = {
  moe_gate_entropy_per_token: (entropies) => [
    expectTokens(entropies, entropies.probabilities, numExperts(entropies), 1),
  ],
  moe_gate_entropy_normalized: (entropies) => [
    expectTokens(entropies, entropies.probabilities, numExperts(entropies), Math.log2(numExperts(entropies))),
  ],
  moe_gate_entropy_topk: (entropies) => [expectTokens(entropies, entropies.weights, entropies.sizes.topK, 1)],
  moe_gate_entropy_per_expert: expectExperts,
  moe_gate_entropy_with_loads: expectLoads,
  moe_gate_entropy_gradient: expectGradient,
};

export function dropInEntropyTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const expecter = EXPECTERS[plan.axes['kernel'] ?? ''];
  if (expecter === undefined) throw new Error(`${plan.name} has no trials`);
  const dtype = dtypeOf(plan, 'probabilities');
  const probabilities = store(dtype, makeProbabilities(sizes.numTokens, sizes.numExperts, sizes, random));
  const weights = store(dtype, makeProbabilities(sizes.numTokens, sizes.topK, sizes, random));
  const { ids } = routeTokens(sizes, random);
  return [0, 1e-3].map((given) => {
    const [rounded = 0] = roundElements(dtype, [given]);
    const epsilon = rounded > 0 ? rounded : DEFAULT_EPSILON;
    return {
      values: {
        batch_size: sizes.numTokens,
        num_experts: sizes.numExperts,
        mode: 2,
        top_k: sizes.topK,
        epsilon: given,
      },
      inputs: {
        probabilities: probabilities.bytes,
        topk_ids: encodeElements('u32', ids),
        topk_weights: weights.bytes,
      },
      expectations: expecter({ dtype, sizes, probabilities, ids, weights, epsilon }),
    };
  });
}

/** Rows that sum to one, with a zero now and then. */
function makeProbabilities(
  rows: number,
  width: number,
  { routing }: KernelCase,
  random: Random,
): Float64Array {
  const values = new Float64Array(rows * width);
  for (let row = 0; row < rows; row += 1) {
    const own = Array.from(random.spread(width, 1), (value) => (value < -0.8 ? 0 : (value + 0.9) ** 4));
    const sum = own.reduce((total, value) => total + value, 0) || 1;
    values.set(
      own.map((value) => (routing === 'ties' ? 1 / width : value / sum)),
      row * width,
    );
  }
  if (routing === 'nan') values[width] = NaN;
  return values;
}

function numExperts({ sizes }: Entropies): number {
  return sizes.numExperts;
}

function stored(
  entropies: Entropies,
  output: string,
  values: readonly { want: number; error: number }[],
): Expectation {
  return {
    output,
    element: entropies.dtype,
    want: Float64Array.from(values, ({ want }) => want),
    tolerance: Float64Array.from(values, ({ want, error }) => storedError(entropies.dtype, want, error)),
  };
}

/** Of a sum of so many terms, all of them positive but for those of probabilities above one. */
function sumError(sum: number, terms: number): number {
  return (terms + FUNCTION_ROUNDINGS) * FLOAT_ROUNDING * sum;
}

function rowsOf({ values }: Stored, width: number): Float64Array[] {
  return Array.from({ length: values.length / width }, (_, row) =>
    values.subarray(row * width, (row + 1) * width),
  );
}

function expectTokens(entropies: Entropies, source: Stored, width: number, divisor: number): Expectation {
  const values = rowsOf(source, width).map((row) => {
    const entropy = divisor === 0 ? 0 : entropyOf(row, entropies.epsilon) / divisor;
    return { want: entropy, error: sumError(entropy, width) };
  });
  return stored(entropies, 'entropy', values);
}

function expectExperts(entropies: Entropies): Expectation[] {
  const { sizes, probabilities, epsilon } = entropies;
  const values = Array.from({ length: sizes.numExperts }, (_, expert) => {
    const own = rowsOf(probabilities, sizes.numExperts).map((row) =>
      entropyTerm(row[expert] ?? NaN, epsilon),
    );
    const sum = own.reduce((total, term) => total + term, 0);
    const mean = sizes.numTokens === 0 ? 0 : sum / sizes.numTokens;
    return { want: mean, error: sumError(mean, Math.min(sizes.numTokens, 32) + sizes.numTokens / 32) };
  });
  return [stored(entropies, 'entropy', values)];
}

function expectLoads(entropies: Entropies): Expectation[] {
  const { sizes, probabilities, epsilon, ids } = entropies;
  const rows = rowsOf(probabilities, sizes.numExperts);
  const sum = rows.reduce((total, row) => total + entropyOf(row, epsilon), 0);
  const mean = rows.length === 0 ? 0 : sum / rows.length;
  return [
    stored(entropies, 'entropy', [{ want: mean, error: sumError(mean, sizes.numExperts + 72) }]),
    exactly('expert_loads', 'f32', referenceHistogram(ids, sizes.numExperts)),
  ];
}

function expectGradient(entropies: Entropies): Expectation[] {
  const { probabilities, epsilon } = entropies;
  const values = Array.from(probabilities.values, (p) => {
    const isClose = Math.abs(p - 1.5 * epsilon) <= 1e-6 * epsilon;
    const error = isClose
      ? Infinity
      : FUNCTION_ROUNDINGS * FLOAT_ROUNDING * (Math.abs(Math.log2(p || 1)) + 2);
    return { want: entropySlope(p, epsilon), error };
  });
  return [stored(entropies, 'gradient', values)];
}
