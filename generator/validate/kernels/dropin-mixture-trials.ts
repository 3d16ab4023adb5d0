// Trials of the drop-in mixture kernels, tiled and by single rows.

import type { KernelPlan } from '../../plan/types.js';
import type { Random } from '../random.js';
import type { KernelCase } from './cases.js';
import { expectMixture, type Share } from './dropin-mixture-bounds.js';
import { expertShape, hasMissingExpert, makeRouting, makeWeights } from './dropin-mixture-inputs.js';
import { spoilRows } from './nonfinite-numbers.js';
import { dtypeOf, store, type Stored, type Trial } from './trial.js';

/** Some of the cases reach beyond one tile of 64 rows and 64 columns. */
export function dropInMixtureTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const numTokens = sizes.numTokens === 33 ? 70 : sizes.numTokens;
  return [mixtureTrial(plan, { ...sizes, numTokens, intermediateSize: sizes.intermediateSize + 60 }, random)];
}

/** One token at a time, whose columns reach beyond one threadgroup. */
export function dropInDecodeTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const one = { ...sizes, numTokens: 1, intermediateSize: sizes.intermediateSize + 100 };
  return [mixtureTrial(plan, one, random)];
}

function mixtureTrial(plan: KernelPlan, sizes: KernelCase, random: Random): Trial {
  const { numTokens, hiddenSize, intermediateSize, numExperts, topK } = sizes;
  const input = plan.bindings[0]?.name ?? '';
  const states = makeStates(plan, input, sizes, random);
  const shape = { terms: hiddenSize, columns: intermediateSize };
  const names = new Set(plan.bindings.map(({ name }) => name));
  const experts = names.has('expert_weight')
    ? makeWeights(plan, 'expert', expertShape(sizes, hiddenSize, intermediateSize), random)
    : undefined;
  const shared = names.has('shared_weight')
    ? makeWeights(plan, 'shared', { count: 1, ...shape }, random)
    : undefined;
  const routing =
    experts === undefined ? { inputs: {}, shares: [] } : makeRouting(plan, sizes, states, random);
  const isAdded = plan.bindings.some(({ name, access }) => name === 'output' && access === 'read_write');
  const dtype = dtypeOf(plan, 'output');
  const before = store(dtype, random.spread(numTokens * intermediateSize, sizes.scale));
  const sharedShare = makeSharedShare(plan, sizes);
  return {
    values: {
      batch_size: numTokens,
      hidden_dim: hiddenSize,
      out_dim: intermediateSize,
      num_tokens: numTokens,
      hidden_size: hiddenSize,
      intermediate_size: intermediateSize,
      num_experts: numExperts,
      top_k: topK,
      group_size: (experts ?? shared)?.groupSize ?? 0,
      has_shared: sharedShare === 0 ? 0 : 1,
      shared_prob: sharedShare,
      shared_expert_id: 0,
      use_sparse: 0,
    },
    inputs: {
      [input]: states.bytes,
      ...experts?.inputs,
      ...shared?.inputs,
      ...routing.inputs,
      ...(isAdded && { output: before.bytes }),
    },
    expectations: [
      expectMixture({
        dtype,
        input: states.values,
        terms: hiddenSize,
        columns: intermediateSize,
        shares: [
          ...routing.shares.map((share) => ({
            ...share,
            matrix: experts?.matrices.get(share.expert) ?? NO_MATRIX,
          })),
          ...everyRow(numTokens, shared?.matrices.get(0) ?? NO_MATRIX, sharedShare),
        ],
        before: isAdded ? before.values : null,
        ...('open' in routing && { open: routing.open }),
      }),
    ],
  };
}

const NO_MATRIX = new Float64Array(0);

/** With NaN routing, one token is NaN where the kernel itself routes, unless an expert is. */
function makeStates(plan: KernelPlan, input: string, sizes: KernelCase, random: Random): Stored {
  const { numTokens, hiddenSize, routing, scale, numbers } = sizes;
  const values = random.spread(numTokens * hiddenSize, scale);
  const isRouted = plan.bindings.some(({ name }) => name === 'router_weight');
  if (numbers === 'nonfinite' && !isRouted) spoilRows(values, hiddenSize);
  if (routing === 'nan' && isRouted && !hasMissingExpert(sizes)) values[hiddenSize + 1] = NaN;
  return store(dtypeOf(plan, input), values);
}

/** The weight of the shared expert, where there is one: switched, given, or one. */
function makeSharedShare(plan: KernelPlan, { numTokens, numExperts }: KernelCase): number {
  const names = new Set(plan.bindings.map(({ name }) => name));
  if (!names.has('shared_weight')) return 0;
  if (names.has('shared_prob')) return 0.3125;
  return names.has('params') && (numTokens + numExperts) % 2 === 0 ? 0 : 1;
}

function everyRow(numRows: number, matrix: Float64Array, weight: number): Share[] {
  return weight === 0 ? [] : Array.from({ length: numRows }, (_, row) => ({ row, matrix, weight }));
}
