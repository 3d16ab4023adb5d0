// Inputs on which the audited dispatch kernels were wrong: half of the columns, rows with another expert than their tile's first,
// updates that got lost, sums in half, values beyond half, tails, limits on experts and slots.

import { describe, expect, it } from 'vitest';
import { expectedOutput, runLayer, type Layer } from '../support/dropin-layer.js';

const FORMS = [
  'moe_dispatch_fused',
  'moe_dispatch_parallel',
  'moe_dispatch_grouped',
  'moe_dispatch_atomic',
] as const;

async function run(form: (typeof FORMS)[number], dtype: 'f16' | 'bf16' | 'f32', layer: Layer, seed?: number) {
  return (await runLayer(form, dtype, layer, seed === undefined ? {} : { seed })).output;
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
  sharedWeight: 0,
};

describe.each(FORMS)('%s', (form) => {
  it('computes all columns of a tile, and each row with its own expert', async () => {
    expect(await run(form, 'f32', PLAIN)).toEqual(expectedOutput(PLAIN));
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
    expect(await run(form, 'f32', layer)).toEqual(expectedOutput(layer));
  });

  it('loses no update where several experts add to a row, in any schedule', async () => {
    const ids = Array.from({ length: 40 }, (_, row) => [row % 3, (row + 1) % 3]);
    const layer = { ...PLAIN, ids, weights: ids.map(() => [0.5, 2]) };
    for (const seed of [0, 7, 11]) {
      expect(await run(form, 'f16', layer, seed)).toEqual(expectedOutput(layer));
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
    expect(await run(form, 'f32', layer)).toEqual(expectedOutput(layer));
  });

  it('multiplies the last terms where their number is no multiple of eight, and odd numbers of columns', async () => {
    const layer = { ...PLAIN, terms: 13, columns: 33 };
    expect(await run(form, 'bf16', { ...layer, input: () => 1, scale: () => 1 })).toEqual(
      expectedOutput({ ...layer, input: () => 1, scale: () => 1 }),
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
    expect(await run(form, dtype, layer)).toEqual(expectedOutput(layer));
  });

  it('leaves out slots without an expert, and lets no number of another row or expert in', async () => {
    const layer: Layer = {
      ...PLAIN,
      rows: 4,
      ids: [
        [0, 3],
        [1, 0],
        [3, 3],
        [2, 3],
      ],
      weights: [
        [1, NaN],
        [1, 2],
        [NaN, NaN],
        [-1, NaN],
      ],
      input: (row, term) => (row === 1 && term === 3 ? Infinity : 1),
      code: (_, term) => (term % 2 === 0 ? 2 : 1),
      scale: (expert) => (expert === 2 ? Infinity : 1),
    };
    const rows = await run(form, 'f32', layer);
    expect(rows.slice(0, 70)).toEqual(expectedOutput(layer).slice(0, 70));
    expect(rows.slice(70, 140)).toEqual(new Array(70).fill(Infinity));
    expect(rows.slice(140, 210)).toEqual(new Array(70).fill(0));
    expect(rows.slice(210)).toEqual(new Array(70).fill(-Infinity));
  });
});
