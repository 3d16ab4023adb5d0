// Trials of the drop-in kernels around the shared expert: gate and up with SwiGLU, and the sum of ready outputs.

import { linearOutIn } from '../../reference/linear.js';
import type { KernelPlan } from '../../plan/types.js';
import type { Random } from '../random.js';
import { absolute, dotError, FLOAT_ROUNDING, storedError } from '../tolerance.js';
import type { KernelCase } from './cases.js';
import { boundGlu, type Bounded } from './glu-bounds.js';
import { makeWeights } from './dropin-mixture-inputs.js';
import { dtypeOf, store, type Trial } from './trial.js';

/** Gate and up of 1e15 each would leave the range of float: inputs of this size stay within it. */
const LARGEST_INPUT = 1e9;

export function dropInGateUpTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { hiddenSize } = sizes;
  const numTokens = sizes.numTokens === 33 ? 70 : sizes.numTokens;
  const columns = sizes.intermediateSize + 60;
  const dtype = dtypeOf(plan, 'output');
  const states = store(dtype, random.spread(numTokens * hiddenSize, Math.min(sizes.scale, LARGEST_INPUT)));
  const made = makeWeights(plan, 'gate_up', { count: 1, terms: hiddenSize, columns: 2 * columns }, random);
  const matrix = made.matrices.get(0) ?? new Float64Array(0);
  const sums = linearOutIn(states.values, matrix, null, hiddenSize);
  const magnitudes = linearOutIn(absolute(states.values), absolute(matrix), null, hiddenSize);
  const bounded = (at: number): Bounded => ({
    value: sums[at] ?? NaN,
    error: dotError(hiddenSize) * (magnitudes[at] ?? NaN),
  });
  const outputs = Array.from({ length: numTokens * columns }, (_, at) => {
    const gate = Math.floor(at / columns) * 2 * columns + (at % columns);
    return boundGlu({ kind: 'plain', activation: 'silu' }, bounded(gate), bounded(gate + columns));
  });
  return [
    {
      values: {
        num_tokens: numTokens,
        hidden_size: hiddenSize,
        intermediate_size: columns,
        group_size: made.groupSize,
      },
      inputs: { hidden_states: states.bytes, ...made.inputs },
      expectations: [
        {
          output: 'output',
          element: dtype,
          want: Float64Array.from(outputs, ({ value }) => value),
          tolerance: Float64Array.from(outputs, ({ value, error }) => storedError(dtype, value, error)),
        },
      ],
    },
  ];
}

export function dropInAggregateTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { numTokens, hiddenSize, topK, scale } = sizes;
  const dtype = dtypeOf(plan, 'output');
  const shared = store(dtype, random.spread(numTokens * hiddenSize, scale));
  const experts = store(dtype, random.spread(numTokens * topK * hiddenSize, scale));
  const weights = store(dtypeOf(plan, 'topk_weights'), random.spread(numTokens * topK, 1));
  const want = new Float64Array(numTokens * hiddenSize);
  const tolerance = want.map((_, at) => {
    const token = Math.floor(at / hiddenSize);
    let sum = shared.values[at] ?? NaN;
    let magnitude = Math.abs(sum);
    for (let slot = token * topK; slot < (token + 1) * topK; slot += 1) {
      const term =
        (weights.values[slot] ?? NaN) * (experts.values[slot * hiddenSize + (at % hiddenSize)] ?? NaN);
      sum += term;
      magnitude += Math.abs(term);
    }
    want[at] = sum;
    return storedError(dtype, sum, (topK + 1) * FLOAT_ROUNDING * magnitude);
  });
  return [
    {
      values: { num_tokens: numTokens, hidden_size: hiddenSize, top_k: topK },
      inputs: { shared_output: shared.bytes, expert_output: experts.bytes, topk_weights: weights.bytes },
      expectations: [{ output: 'output', element: dtype, want, tolerance }],
    },
  ];
}
