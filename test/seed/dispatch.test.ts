// Inputs on which the audited dispatch kernels were wrong: half of the columns, rows with another expert than their tile's first,
// updates that got lost, sums in half, values beyond half, tails, limits on experts and slots.

import { describe, expect, it } from 'vitest';
import { runSeed } from '../support/seed-kernels.js';

const FORMS = [
  'moe_dispatch_fused',
  'moe_dispatch_parallel',
  'moe_dispatch_grouped',
  'moe_dispatch_atomic',
] as const;
type Dtype = 'f16' | 'bf16' | 'f32';

interface Layer {
  readonly rows: number;
  readonly terms: number;
  readonly columns: number;
  readonly experts: number;
  /** Experts and weights of each row's slots. */
  readonly ids: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
  readonly input: (row: number, term: number) => number;
  /** A code for each expert, and a scale for each of its columns. */
  readonly code: (expert: number, term: number) => number;
  readonly scale: (expert: number, column: number) => number;
  readonly seed?: number;
}

const CODES = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6];

function numbers(count: number, of: (at: number) => number): Float64Array {
  return Float64Array.from({ length: count }, (_, at) => of(at));
}

/** Assignments in the form that each kernel takes. */
function routing({ ids, weights, rows, experts }: Layer) {
  const topK = ids[0]?.length ?? 0;
  const flat = ids.flat();
  const own = (expert: number) => Array.from(flat.keys()).filter((at) => flat[at] === expert);
  const lists = Array.from({ length: experts }, (_, expert) => own(expert).reverse());
  const order = lists.flat();
  const flatWeights = weights.flat();
  const capacity = Math.max(...lists.map((list) => list.length));
  const buckets = lists.map((list) => [...list, ...new Array<number>(capacity - list.length).fill(0)]);
  return {
    values: { batch_size: rows, num_experts: experts, top_k: topK, max_per_expert: capacity },
    inputs: {
      topk_ids: flat,
      topk_weights: flatWeights,
      sorted_assignments: order,
      expert_offsets: lists.map((_, e) => lists.slice(0, e).flat().length).concat(order.length),
      sorted_weights: order.map((at) => flatWeights[at] ?? NaN),
      token_buffer: buckets.flat().map((at) => Math.floor(at / topK)),
      weight_buffer: buckets.flat().map((at) => flatWeights[at] ?? NaN),
      expert_counts: lists.map((list) => list.length),
    },
  };
}

async function run(form: (typeof FORMS)[number], dtype: Dtype, layer: Layer) {
  const { rows, terms, columns, experts } = layer;
  const words = Math.ceil(terms / 8);
  const { values, inputs } = routing(layer);
  const word = (expert: number, row: number) =>
    numbers(8, (i) => (8 * row + i < terms ? layer.code(expert, 8 * row + i) : 7)).reduce(
      (sum, code, i) => sum + code * 16 ** i,
      0,
    );
  const { outputs } = await runSeed(form, dtype, {
    values: { ...values, hidden_dim: terms, out_dim: columns, group_size: terms },
    inputs: {
      activations: numbers(rows * terms, (at) => layer.input(Math.floor(at / terms), at % terms)),
      expert_weight: numbers(experts * words * columns, (at) =>
        word(Math.floor(at / columns / words), Math.floor(at / columns) % words),
      ),
      expert_scales: numbers(experts * columns, (at) => layer.scale(Math.floor(at / columns), at % columns)),
      output: new Float64Array(rows * columns),
      ...inputs,
    },
    outputs: ['output'],
    ...(layer.seed !== undefined && { options: { seed: layer.seed } }),
  });
  return Array.from(outputs['output'] ?? []);
}

/** The same in plain double precision. */
function expected(layer: Layer): number[] {
  const { rows, terms, columns } = layer;
  return Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    return (layer.ids[row] ?? []).reduce((sum, expert, slot) => {
      if (expert >= layer.experts) return sum;
      let dot = 0;
      for (let term = 0; term < terms; term += 1) {
        dot +=
          layer.input(row, term) * (CODES[layer.code(expert, term)] ?? NaN) * layer.scale(expert, column);
      }
      return sum + (layer.weights[row]?.[slot] ?? NaN) * dot;
    }, 0);
  });
}

const PLAIN: Layer = {
  rows: 40,
  terms: 24,
  columns: 70,
  experts: 3,
  ids: Array.from({ length: 40 }, (_, row) => [row % 3]),
  weights: Array.from({ length: 40 }, () => [1]),
  input: (row, term) => ((row + term) % 5) - 2,
  code: (expert, term) => (3 * expert + term) % 16,
  scale: (expert, column) => 2 ** (((expert + column) % 3) - 1),
};

describe.each(FORMS)('%s', (form) => {
  it('computes all columns of a tile, and each row with its own expert', async () => {
    expect(await run(form, 'f32', PLAIN)).toEqual(expected(PLAIN));
  });

  it('knows every FP4 code', async () => {
    const layer: Layer = {
      ...PLAIN,
      rows: 1,
      terms: 16,
      experts: 1,
      ids: [[0]],
      weights: [[1]],
      input: (_, term) => 4 ** term % 257,
      code: (_, term) => term,
    };
    expect(await run(form, 'f32', layer)).toEqual(expected(layer));
  });

  it('loses no update where several experts add to a row, in any schedule', async () => {
    const ids = Array.from({ length: 40 }, (_, row) => [row % 3, (row + 1) % 3]);
    const layer = { ...PLAIN, ids, weights: ids.map(() => [0.5, 2]) };
    for (const seed of [0, 7, 11]) {
      expect(await run(form, 'f16', { ...layer, seed })).toEqual(expected(layer));
    }
  });

  it('takes 70 experts and nine slots', async () => {
    const ids = Array.from({ length: 5 }, (_, row) =>
      Array.from({ length: 9 }, (_, slot) => (13 * row + 8 * slot) % 70),
    );
    const layer = {
      ...PLAIN,
      rows: 5,
      experts: 70,
      ids,
      weights: ids.map((row) => row.map((_, slot) => 2 ** -slot)),
    };
    expect(await run(form, 'f32', layer)).toEqual(expected(layer));
  });

  it('multiplies the last terms where their number is no multiple of eight, and odd numbers of columns', async () => {
    const layer = { ...PLAIN, terms: 13, columns: 33 };
    expect(await run(form, 'bf16', { ...layer, input: () => 1, scale: () => 1 })).toEqual(
      expected({ ...layer, input: () => 1, scale: () => 1 }),
    );
  });

  it('sums in float: thousands of ones are not stuck where half has no more steps', async () => {
    const layer: Layer = {
      ...PLAIN,
      rows: 2,
      terms: 6000,
      columns: 9,
      experts: 1,
      ids: [[0], [0]],
      weights: [[1], [1]],
    };
    const ones = { ...layer, input: () => 1, code: () => 2, scale: () => 1 };
    expect(await run(form, 'f16', ones)).toEqual(new Array(18).fill(6000));
  });

  it.each(['bf16', 'f32'] as const)('carries values of 1e30 in %s', async (dtype) => {
    const layer = {
      ...PLAIN,
      input: (row: number) => (row % 2 === 0 ? 2 ** 100 : -(2 ** 99)),
      code: () => 2,
      scale: () => 0.5,
    };
    expect(await run(form, dtype, layer)).toEqual(expected(layer));
  });

  it('leaves out slots without an expert, and lets no number of another row or expert in', async () => {
    const layer: Layer = {
      ...PLAIN,
      rows: 3,
      ids: [
        [0, 3],
        [1, 0],
        [3, 3],
      ],
      weights: [
        [1, NaN],
        [1, 2],
        [NaN, NaN],
      ],
      input: (row, term) => (row === 1 && term === 3 ? Infinity : 1),
      code: (_, term) => (term % 2 === 0 ? 2 : 1),
      scale: (expert) => (expert === 2 ? Infinity : 1),
    };
    const rows = await run(form, 'f32', layer);
    expect(rows.slice(0, 70)).toEqual(expected(layer).slice(0, 70));
    expect(rows.slice(70, 140)).toEqual(new Array(70).fill(Infinity));
    expect(rows.slice(140)).toEqual(new Array(70).fill(0));
  });
});
