// A linear layer of FP4 or dense experts in numbers that every dtype holds exactly, as the drop-in mixture kernels take it, and
// the same in plain double precision.

import type { ActivationDtype } from '../../generator/spec/dtypes.js';
import type { JobOptions } from '../../generator/validate/job.js';
import { runSeed } from './seed-kernels.js';

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
  readonly code: (expert: number, term: number) => number;
  readonly scale: (expert: number, column: number) => number;
  /** Logit of an expert is a row's first term times this, for kernels that route. */
  readonly router?: (expert: number) => number;
  readonly sharedWeight: number;
  readonly before?: number;
}

function numbers(count: number, of: (at: number) => number): Float64Array {
  return Float64Array.from({ length: count }, (_, at) => of(at));
}

function wordsOf({ terms, columns, code }: Layer, count: number, first: number): Float64Array {
  const rows = Math.ceil(terms / 8);
  return numbers(count * rows * columns, (at) => {
    const row = Math.floor(at / columns) % rows;
    const expert = Math.floor(at / columns / rows) + first;
    // What lies beyond the last term must not count.
    return numbers(8, (i) => (8 * row + i < terms ? code(expert, 8 * row + i) : 7)).reduce(
      (sum, nibble, i) => sum + nibble * 16 ** i,
      0,
    );
  });
}

function valueOf({ code, scale }: Layer, expert: number, term: number, column: number): number {
  return (CODES[code(expert, term)] ?? NaN) * scale(expert, column);
}

function denseOf(layer: Layer, count: number, first: number): Float64Array {
  const { terms, columns } = layer;
  return numbers(count * terms * columns, (at) =>
    valueOf(layer, Math.floor(at / terms / columns) + first, Math.floor(at / columns) % terms, at % columns),
  );
}

const DENSE = ['moe_shared_expert_fused', 'moe_shared_expert_scatter'];

/** The output, the checks' reports and the counters of one kernel. */
export async function runLayer(
  kernel: string,
  dtype: ActivationDtype,
  layer: Layer,
  options: JobOptions = {},
) {
  const { rows, terms, columns, experts, ids, weights, scale, sharedWeight, before = 0 } = layer;
  const topK = ids[0]?.length ?? 0;
  const isDense = DENSE.includes(kernel);
  const flat = ids.flat();
  const order = Array.from(flat.keys())
    .filter((at) => (flat[at] ?? experts) < experts)
    .sort((a, b) => (flat[a] ?? 0) - (flat[b] ?? 0) || b - a);
  const states = numbers(rows * terms, (at) => layer.input(Math.floor(at / terms), at % terms));
  const { outputs, ...rest } = await runSeed(kernel, dtype, {
    values: {
      ...{ batch_size: rows, hidden_dim: terms, out_dim: columns, num_experts: experts, top_k: topK },
      ...{ num_tokens: rows, hidden_size: terms, intermediate_size: columns, group_size: terms },
      ...{
        has_shared: sharedWeight === 0 ? 0 : 1,
        shared_prob: sharedWeight,
        shared_expert_id: 0,
        use_sparse: 0,
      },
    },
    inputs: {
      activations: states,
      hidden_states: states,
      expert_weight: isDense ? denseOf(layer, experts, 0) : wordsOf(layer, experts, 0),
      expert_scales: numbers(experts * columns, (at) => scale(Math.floor(at / columns), at % columns)),
      shared_weight: isDense ? denseOf(layer, 1, -1) : wordsOf(layer, 1, -1),
      shared_scales: numbers(columns, (at) => scale(-1, at)),
      router_weight: numbers(terms * experts, (at) => (at < experts ? (layer.router?.(at) ?? 0) : 0)),
      topk_ids: flat,
      topk_weights: weights.flat(),
      sorted_token_ids: order.map((at) => Math.floor(at / topK)),
      expert_offsets: numbers(experts + 1, (expert) => order.filter((at) => (flat[at] ?? 0) < expert).length),
      sorted_weights: order.map((at) => weights.flat()[at] ?? NaN),
      output: new Float64Array(rows * columns).fill(before),
    },
    outputs: ['output'],
    options,
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
