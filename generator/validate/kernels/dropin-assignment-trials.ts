// Trials of the drop-in kernels that sort assignments by expert: whole numbers, which must be met exactly, in a stable order.

import type { KernelPlan } from '../../plan/types.js';
import { referenceHistogram, referenceIndex } from '../../reference/expert-index.js';
import type { ElementType } from '../../description/dtypes.js';
import { encodeElements } from '../elements.js';
import type { Random } from '../random.js';
import type { KernelCase } from './cases.js';
import { dtypeOf, exactly, routeTokens, sizeValues, store, type Expectation, type Trial } from './trial.js';

type Builder = (
  plan: KernelPlan,
  sizes: KernelCase,
  random: Random,
) => Pick<Trial, 'inputs' | 'expectations'> & {
  readonly values?: Readonly<Record<string, number>>;
};

const BUILDERS: Readonly<Record<string, Builder>> = {
  moe_compute_grouping: countTrial,
  moe_count_experts_atomic: countTrial,
  moe_compute_offsets: offsetsTrial,
  moe_scatter_indices: scatterTrial,
  moe_assign_tokens_atomic: bucketsTrial,
  moe_gpu_sort: sortTrial,
};

export function dropInAssignmentTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const builder = BUILDERS[plan.axes['kernel'] ?? ''];
  if (builder === undefined) throw new Error(`${plan.name} has no trials`);
  const { values, ...trial } = builder(plan, sizes, random);
  return [{ ...trial, values: { ...sizeValues(sizes), ...values } }];
}

/** Counts are added to what is there. */
function countTrial(_plan: KernelPlan, sizes: KernelCase, random: Random): ReturnType<Builder> {
  const { ids } = routeTokens(sizes, random);
  const before = Uint32Array.from({ length: sizes.numExperts }, (_, expert) => expert % 3);
  const counts = referenceHistogram(ids, sizes.numExperts);
  return {
    inputs: { topk_ids: encodeElements('u32', ids), expert_counts: encodeElements('u32', before) },
    expectations: [
      exactly(
        'expert_counts',
        'u32',
        counts.map((count, expert) => count + (before[expert] ?? 0)),
      ),
    ],
  };
}

function offsetsTrial(_plan: KernelPlan, sizes: KernelCase, random: Random): ReturnType<Builder> {
  const { counts, offsets } = referenceIndex(routeTokens(sizes, random).ids, sizes.numExperts);
  return {
    inputs: { expert_counts: encodeElements('u32', counts) },
    expectations: [exactly('expert_offsets', 'u32', offsets)],
  };
}

function scatterTrial(_plan: KernelPlan, sizes: KernelCase, random: Random): ReturnType<Builder> {
  const { ids } = routeTokens(sizes, random);
  const { offsets, order } = referenceIndex(ids, sizes.numExperts);
  return {
    inputs: { topk_ids: encodeElements('u32', ids), write_offsets: encodeElements('u32', offsets) },
    expectations: [partly('sorted_assignments', 'u32', order, ids.length)],
  };
}

/** The fullest bucket cannot hold the last of its assignments. */
function bucketsTrial(plan: KernelPlan, sizes: KernelCase, random: Random): ReturnType<Builder> {
  const { ids, weights } = routeTokens(sizes, random);
  const dtype = dtypeOf(plan, 'topk_weights');
  const stored = store(dtype, weights);
  const { counts, offsets, order } = referenceIndex(ids, sizes.numExperts);
  const capacity = Math.max(1, Math.max(...counts) - 1);
  const tokens = new Float64Array(sizes.numExperts * capacity).fill(NaN);
  const shares = tokens.slice();
  counts.forEach((count, expert) => {
    for (let entry = 0; entry < Math.min(count, capacity); entry += 1) {
      const assignment = order[(offsets[expert] ?? 0) + entry] ?? 0;
      tokens[expert * capacity + entry] = Math.floor(assignment / sizes.topK);
      shares[expert * capacity + entry] = stored.values[assignment] ?? NaN;
    }
  });
  return {
    values: { max_per_expert: capacity },
    inputs: {
      topk_ids: encodeElements('u32', ids),
      topk_weights: stored.bytes,
      write_counts: encodeElements('u32', new Uint32Array(sizes.numExperts)),
    },
    expectations: [
      filled('token_buffer', 'u32', tokens),
      filled('weight_buffer', dtype, shares),
      exactly('write_counts', 'u32', counts),
    ],
  };
}

function sortTrial(plan: KernelPlan, sizes: KernelCase, random: Random): ReturnType<Builder> {
  const { ids, weights } = routeTokens(sizes, random);
  const stored = store(dtypeOf(plan, 'topk_weights'), weights);
  const { offsets, order } = referenceIndex(ids, sizes.numExperts);
  const shares = Array.from(
    order,
    (assignment) => 65535 * Math.min(1, Math.max(0, stored.values[assignment] ?? NaN)),
  );
  const packed = shares.map((share, row) => (ids[order[row] ?? 0] ?? 0) * 65536 + Math.round(share));
  const sorted = partly('packed_assignments', 'u32', packed, ids.length);
  // Half way between two whole numbers the product's rounding decides.
  const tolerance = sorted.tolerance.map((bound, row) => (isHalfWay(shares[row] ?? 0) ? 1 : bound));
  return {
    inputs: { topk_ids: encodeElements('u32', ids), topk_weights: stored.bytes },
    expectations: [
      { ...sorted, tolerance },
      partly(
        'sorted_tokens',
        'u32',
        Array.from(order, (assignment) => Math.floor(assignment / sizes.topK)),
        ids.length,
      ),
      exactly('expert_bounds', 'u32', offsets),
    ],
  };
}

function isHalfWay(value: number): boolean {
  return Math.abs((value % 1) - 0.5) < 2 ** -7;
}

/** Only as many elements as are wanted have been written. */
function partly(output: string, element: ElementType, want: ArrayLike<number>, length: number): Expectation {
  return filled(
    output,
    element,
    Float64Array.from({ length }, (_, at) => want[at] ?? NaN),
  );
}

/** Elements that are NaN here have not been written. */
function filled(output: string, element: ElementType, want: Float64Array): Expectation {
  return { output, element, want, tolerance: want.map((value) => (Number.isNaN(value) ? Infinity : 0)) };
}
