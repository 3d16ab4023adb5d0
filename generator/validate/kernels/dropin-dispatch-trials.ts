// Trials of the drop-in matrix kernels of the dispatch file: a linear layer whose rows go to several experts, with
// the assignments given as slots, as a sorted list, or in buckets, each in an unhelpful order.

import type { KernelPlan } from '../../plan/types.js';
import { referenceIndex } from '../../reference/expert-index.js';
import { linearOutIn } from '../../reference/linear.js';
import { encodeElements } from '../elements.js';
import type { Inputs } from '../job.js';
import type { Random } from '../random.js';
import { absolute, dotError, FLOAT_ROUNDING, storedError } from '../tolerance.js';
import type { KernelCase } from './cases.js';
import { expertShape, makeWeights, type MadeWeights } from './dropin-mixture-inputs.js';
import { spoilRows } from './nonfinite-numbers.js';
import { dtypeOf, routeTokens, store, type Expectation, type Stored, type Trial } from './trial.js';

/** A row's share of an expert. */
interface Assignment {
  readonly token: number;
  readonly expert: number;
  readonly weight: number;
}

interface Routed {
  readonly assignments: readonly Assignment[];
  readonly inputs: Inputs;
  readonly values: Readonly<Record<string, number>>;
}

export function dropInDispatchTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { numTokens, hiddenSize, intermediateSize, numExperts, topK, scale } = sizes;
  const shape = expertShape(sizes, hiddenSize, intermediateSize);
  const weight = makeWeights(plan, 'expert', shape, random);
  const rows = random.spread(numTokens * hiddenSize, scale);
  if (sizes.numbers === 'nonfinite') spoilRows(rows, hiddenSize);
  const states = store(dtypeOf(plan, 'activations'), rows);
  const before = store(dtypeOf(plan, 'output'), random.spread(numTokens * intermediateSize, scale));
  const routed = route(plan, sizes, random);
  const isAdded = plan.bindings.some(({ name, access }) => name === 'output' && access === 'read_write');
  return [
    {
      values: {
        batch_size: numTokens,
        hidden_dim: hiddenSize,
        out_dim: intermediateSize,
        num_experts: numExperts,
        top_k: topK,
        group_size: weight.groupSize,
        ...routed.values,
      },
      inputs: {
        activations: states.bytes,
        ...weight.inputs,
        ...(isAdded && { output: before.bytes }),
        ...routed.inputs,
      },
      expectations: [
        expectRows(plan, sizes, {
          states,
          weight,
          assignments: routed.assignments,
          before: isAdded ? before : null,
        }),
      ],
    },
  ];
}

function route(plan: KernelPlan, sizes: KernelCase, random: Random): Routed {
  const { numExperts, topK } = sizes;
  const { ids, weights } = routeTokens(sizes, random);
  const names = new Set(plan.bindings.map(({ name }) => name));
  if (names.has('topk_ids')) {
    const stored = store(dtypeOf(plan, 'topk_weights'), weights);
    return {
      assignments: assignmentsAt(Uint32Array.from(ids.keys()), ids, stored, topK, numExperts),
      inputs: { topk_ids: encodeElements('u32', ids), topk_weights: stored.bytes },
      values: {},
    };
  }
  const { counts, offsets, order } = referenceIndex(ids, numExperts);
  counts.forEach((_, expert) => order.subarray(offsets[expert], offsets[expert + 1]).reverse());
  return names.has('sorted_assignments')
    ? routeSorted(plan, sizes, { ids, weights, offsets, order })
    : routeBuckets(plan, sizes, { ids, weights, offsets, order });
}

interface Sorted {
  readonly ids: Uint32Array;
  readonly weights: Float64Array;
  readonly offsets: Uint32Array;
  readonly order: Uint32Array;
}

function routeSorted(plan: KernelPlan, { topK, numExperts }: KernelCase, sorted: Sorted): Routed {
  const { ids, weights, offsets, order } = sorted;
  const dtype = dtypeOf(plan, 'sorted_weights');
  return {
    assignments: assignmentsAt(order, ids, store(dtype, weights), topK, numExperts),
    inputs: {
      sorted_assignments: encodeElements('u32', order),
      expert_offsets: encodeElements('u32', offsets),
      sorted_weights: encodeElements(
        dtype,
        Array.from(order, (assignment) => weights[assignment] ?? NaN),
      ),
    },
    values: {},
  };
}

/** Buckets are one entry too small for the largest expert, whose count says more than fits. */
function routeBuckets(plan: KernelPlan, { topK, numExperts }: KernelCase, sorted: Sorted): Routed {
  const { ids, weights, offsets, order } = sorted;
  const counts = Array.from(
    { length: numExperts },
    (_, expert) => (offsets[expert + 1] ?? 0) - (offsets[expert] ?? 0),
  );
  const capacity = Math.max(1, Math.max(...counts) - 1);
  const dtype = dtypeOf(plan, 'weight_buffer');
  const tokens = new Uint32Array(numExperts * capacity).fill(0xffffffff);
  const shares = new Float64Array(tokens.length).fill(NaN);
  const kept: number[] = [];
  counts.forEach((count, expert) => {
    for (let entry = 0; entry < Math.min(count, capacity); entry += 1) {
      const assignment = order[(offsets[expert] ?? 0) + entry] ?? 0;
      tokens[expert * capacity + entry] = Math.floor(assignment / topK);
      shares[expert * capacity + entry] = weights[assignment] ?? NaN;
      kept.push(assignment);
    }
  });
  return {
    assignments: assignmentsAt(Uint32Array.from(kept), ids, store(dtype, weights), topK, numExperts),
    inputs: {
      token_buffer: encodeElements('u32', tokens),
      weight_buffer: encodeElements(dtype, shares),
      expert_counts: encodeElements('u32', counts),
    },
    values: { max_per_expert: capacity },
  };
}

function assignmentsAt(
  places: Uint32Array,
  ids: Uint32Array,
  weights: Stored,
  topK: number,
  numExperts: number,
): Assignment[] {
  return Array.from(places, (place) => ({
    token: Math.floor(place / topK),
    expert: ids[place] ?? numExperts,
    weight: weights.values[place] ?? NaN,
  })).filter(({ expert }) => expert < numExperts);
}

interface Mixture {
  readonly states: Stored;
  readonly weight: MadeWeights;
  readonly assignments: readonly Assignment[];
  /** What the sum is added to. */
  readonly before: Stored | null;
}

function expectRows(
  plan: KernelPlan,
  sizes: KernelCase,
  { states, weight, assignments, before }: Mixture,
): Expectation {
  const { numTokens, hiddenSize, intermediateSize, topK } = sizes;
  const want = before?.values.slice() ?? new Float64Array(numTokens * intermediateSize);
  const magnitudes = absolute(want);
  const errors = new Float64Array(want.length);
  const dotRelative = dotError(hiddenSize);
  for (const { token, expert, weight: share } of assignments) {
    const row = states.values.subarray(token * hiddenSize, (token + 1) * hiddenSize);
    const matrix = weight.matrices.get(expert) ?? new Float64Array();
    const dots = linearOutIn(row, matrix, null, hiddenSize);
    const sums = linearOutIn(absolute(row), absolute(matrix), null, hiddenSize);
    dots.forEach((dot, column) => {
      const at = token * intermediateSize + column;
      want[at] = (want[at] ?? 0) + share * dot;
      magnitudes[at] = (magnitudes[at] ?? 0) + Math.abs(share * dot);
      errors[at] = (errors[at] ?? 0) + Math.abs(share) * dotRelative * (sums[column] ?? 0);
    });
  }
  const dtype = dtypeOf(plan, 'output');
  const tolerance = want.map((value, at) => {
    const error = (errors[at] ?? 0) + (topK + 2) * FLOAT_ROUNDING * (magnitudes[at] ?? 0);
    return storedError(dtype, value, error);
  });
  return { output: 'output', element: dtype, want, tolerance };
}
