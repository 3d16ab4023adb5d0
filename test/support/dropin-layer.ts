// A linear layer of FP4 or dense experts in numbers that every dtype holds exactly, as the drop-in mixture kernels take it, and
// the same in plain double precision.

import type { ActivationDtype } from '../../generator/description/dtypes.js';
import type { JobOptions } from '../../generator/validate/job.js';
import { runDropIn } from './dropin-kernels.js';

const CODES = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6];

export interface Layer {
  readonly rows: number;
  readonly terms: number;
  readonly columns: number;
  readonly experts: number;
  /** Experts and weights of each row's slots. */
  readonly ids: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
  readonly input: (row: number, term: number) => number;
  /** Expert number -1 is the shared one. */
  readonly code: (expert: number, term: number, column: number) => number;
  readonly scale: (expert: number, column: number) => number;
  /** Logit of an expert is a row's first term times this, for kernels that route. */
  readonly router?: (expert: number) => number;
  readonly sharedWeight: number;
  readonly before?: number;
}

function numbers(count: number, of: (at: number) => number): Float64Array {
  return Float64Array.from({ length: count }, (_, at) => of(at));
}

/** The words of a format, by where each element of a matrix has its word. */
const PACKINGS: Readonly<Record<string, (rows: number, columns: number) => (at: number) => number[]>> = {
  fp4: (_, columns) => (at) => [Math.floor(at / columns), at % columns],
  fp4_nk: (rows) => (at) => [at % rows, Math.floor(at / rows)],
};

type Packing = (typeof PACKINGS)[string];

function wordsOf(
  { terms, columns, code }: Layer,
  count: number,
  first: number,
  packing: Packing,
): Float64Array {
  const rows = Math.ceil(terms / 8);
  const placeOf = packing(rows, columns);
  return numbers(count * rows * columns, (at) => {
    const [row = 0, column = 0] = placeOf(at % (rows * columns));
    const expert = Math.floor(at / columns / rows) + first;
    // What lies beyond the last term must not count.
    return numbers(8, (i) => (8 * row + i < terms ? code(expert, 8 * row + i, column) : 7)).reduce(
      (sum, nibble, i) => sum + nibble * 16 ** i,
      0,
    );
  });
}

function valueOf({ code, scale }: Layer, expert: number, term: number, column: number): number {
  return (CODES[code(expert, term, column)] ?? NaN) * scale(expert, column);
}

function denseOf(layer: Layer, count: number, first: number): Float64Array {
  const { terms, columns } = layer;
  return numbers(count * terms * columns, (at) =>
    valueOf(layer, Math.floor(at / terms / columns) + first, Math.floor(at / columns) % terms, at % columns),
  );
}

const DENSE = ['moe_shared_expert_fused', 'moe_shared_expert_scatter'];

/** The elements of `count` matrices as the kernel takes them. */
function elementsOf(kernel: string, weight: string | undefined, layer: Layer) {
  const packing = DENSE.includes(kernel) ? undefined : PACKINGS[weight ?? 'fp4'];
  return (count: number, first: number): Float64Array =>
    packing === undefined ? denseOf(layer, count, first) : wordsOf(layer, count, first, packing);
}

/** Assignments in every form that a kernel may take; those of one expert in descending order, on which none may rely. */
function routingOf({ ids, weights, experts }: Layer) {
  const topK = ids[0]?.length ?? 0;
  const [flat, flatWeights] = [ids.flat(), weights.flat()];
  const lists = Array.from({ length: experts }, (_, expert) =>
    Array.from(flat.keys())
      .filter((at) => flat[at] === expert)
      .reverse(),
  );
  const order = lists.flat();
  const capacity = Math.max(...lists.map((list) => list.length));
  const buckets = lists.flatMap((list) => [...list, ...new Array<number>(capacity - list.length).fill(0)]);
  const tokenOf = (at: number): number => Math.floor(at / topK);
  const weightOf = (at: number): number => flatWeights[at] ?? NaN;
  return {
    values: { top_k: topK, max_per_expert: capacity },
    inputs: {
      topk_ids: flat,
      topk_weights: flatWeights,
      sorted_assignments: order,
      sorted_token_ids: order.map(tokenOf),
      sorted_weights: order.map(weightOf),
      expert_offsets: numbers(experts + 1, (expert) => lists.slice(0, expert).flat().length),
      token_buffer: buckets.map(tokenOf),
      weight_buffer: buckets.map(weightOf),
      expert_counts: lists.map((list) => list.length),
    },
  };
}

/** The output, the checks' reports and the counters of one kernel. */
export async function runLayer(
  kernel: string,
  dtype: ActivationDtype,
  layer: Layer,
  options: JobOptions = {},
  weight?: string,
) {
  const { rows, terms, columns, experts, scale, sharedWeight, before = 0 } = layer;
  const states = numbers(rows * terms, (at) => layer.input(Math.floor(at / terms), at % terms));
  const elements = elementsOf(kernel, weight, layer);
  const routing = routingOf(layer);
  const { outputs, ...rest } = await runDropIn(kernel, dtype, {
    values: {
      ...{ batch_size: rows, hidden_dim: terms, out_dim: columns, num_experts: experts },
      ...{ num_tokens: rows, hidden_size: terms, intermediate_size: columns, group_size: terms },
      ...{ has_shared: sharedWeight === 0 ? 0 : 1, shared_prob: sharedWeight },
      ...{ shared_expert_id: 0, use_sparse: 0 },
      ...routing.values,
    },
    inputs: {
      activations: states,
      hidden_states: states,
      expert_weight: elements(experts, 0),
      expert_scales: numbers(experts * columns, (at) => scale(Math.floor(at / columns), at % columns)),
      shared_weight: elements(1, -1),
      shared_scales: numbers(columns, (at) => scale(-1, at)),
      router_weight: numbers(terms * experts, (at) => (at < experts ? (layer.router?.(at) ?? 0) : 0)),
      ...routing.inputs,
      output: new Float64Array(rows * columns).fill(before),
    },
    outputs: ['output'],
    options,
    ...(weight !== undefined && { weight }),
  });
  return { output: Array.from(outputs['output'] ?? []), ...rest };
}

/** In double precision, slot by slot. */
export function expectedOutput(layer: Layer): number[] {
  const { rows, columns, terms, experts, ids, weights, sharedWeight, before = 0 } = layer;
  return Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const product = (expert: number): number => {
      let sum = 0;
      for (let term = 0; term < terms; term += 1)
        sum += layer.input(row, term) * valueOf(layer, expert, term, column);
      return sum;
    };
    const routed = (ids[row] ?? []).reduce(
      (sum, expert, slot) => (expert < experts ? sum + (weights[row]?.[slot] ?? NaN) * product(expert) : sum),
      before,
    );
    return routed + (sharedWeight === 0 ? 0 : sharedWeight * product(-1));
  });
}
