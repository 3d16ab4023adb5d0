// Inputs on which the audited mixture kernels were wrong: all but a quarter or half of the columns, rows with another expert than
// their tile's first, updates that got lost, wrong FP4 codes, sums in half, tails, fixed numbers of experts and slots.

import { describe, expect, it } from 'vitest';
import type { Check } from '../../generator/native/types.js';
import { expectedOutput, runLayer, type Layer } from '../support/dropin-layer.js';

const GIVEN = [
  'moe_dispatch_optimized_prerouted',
  'moe_expert_gemm_fp4',
  'moe_expert_gemm_fp4_grouped',
  'moe_shared_expert_fused',
  'moe_shared_expert_fused_fp4',
  'moe_shared_expert_scatter',
] as const;

const ROUTING = ['moe_dispatch_optimized', 'moe_dispatch_ultra_optimized', 'moe_dispatch_decode'] as const;

const WITHOUT_SHARED: readonly string[] = ['moe_expert_gemm_fp4', 'moe_expert_gemm_fp4_grouped'];
const CHECKS: readonly Check[] = ['bounds', 'races', 'divergence', 'uninitialized', 'unwritten'];

const ROWS = 70;

const PLAIN: Layer = {
  rows: ROWS,
  terms: 24,
  columns: 75,
  experts: 3,
  ids: Array.from({ length: ROWS }, (_, row) => [row % 3]),
  weights: Array.from({ length: ROWS }, () => [1]),
  input: (row, term) => ((row + term) % 5) - 2,
  code: (expert, term) => (3 * expert + term + 3) % 16,
  scale: (expert, column) => 2 ** (((expert + 1 + column) % 3) - 1),
  sharedWeight: 1,
};

function layerFor(kernel: string, layer: Layer): Layer {
  return WITHOUT_SHARED.includes(kernel) ? { ...layer, sharedWeight: 0 } : layer;
}

async function expectExact(kernel: string, layer: Layer, dtype: 'f16' | 'bf16' | 'f32' = 'f32') {
  const own = layerFor(kernel, layer);
  expect((await runLayer(kernel, dtype, own)).output).toEqual(expectedOutput(own));
}

function slots(count: number, of: (row: number, slot: number) => number): number[][] {
  return Array.from({ length: ROWS }, (_, row) => Array.from({ length: count }, (_, slot) => of(row, slot)));
}

describe.each(GIVEN)('%s', (kernel) => {
  it('computes every column, and each row with its own expert', () => expectExact(kernel, PLAIN));

  it('knows every FP4 code', () =>
    expectExact(kernel, {
      ...PLAIN,
      terms: 16,
      input: (_, term) => 2 ** (term % 7),
      code: (expert, term) => (term + expert + 1) % 16,
    }));

  it('adds all slots of a row, in any schedule and without a race', async () => {
    const layer = layerFor(kernel, {
      ...PLAIN,
      ids: slots(2, (row, slot) => (row + slot) % 3),
      weights: slots(2, (_, slot) => (slot === 0 ? 0.5 : 2)),
    });
    for (const seed of [0, 7]) {
      const { output, reports } = await runLayer(kernel, 'f32', layer, { seed, checks: CHECKS });
      expect(reports).toEqual([]);
      expect(output).toEqual(expectedOutput(layer));
    }
  });

  it('takes 65 experts and five slots', () =>
    expectExact(kernel, {
      ...PLAIN,
      experts: 65,
      ids: slots(5, (row, slot) => (row + 13 * slot) % 65),
      weights: slots(5, (_, slot) => 2 ** -slot),
    }));

  it('takes more slots than it lists at once', () =>
    expectExact(kernel, {
      ...PLAIN,
      terms: 8,
      experts: 80,
      ids: slots(70, (row, slot) => (row + slot) % 80),
      weights: slots(70, (_, slot) => (slot % 3) - 1),
    }));

  it('takes terms that are no multiple of eight, and an odd number of columns', () =>
    expectExact(kernel, { ...PLAIN, terms: 21, columns: 33 }));

  it('skips experts that do not exist, in every slot', () =>
    expectExact(kernel, {
      ...PLAIN,
      ids: slots(2, (row, slot) => (slot === row % 2 ? 3 + row : row % 3)),
      weights: slots(2, () => 1),
    }));

  it('adds the weights of an expert that a row names twice', () =>
    expectExact(kernel, {
      ...PLAIN,
      ids: slots(2, (row) => row % 3),
      weights: slots(2, (_, slot) => slot + 0.5),
    }));

  it('keeps values that half cannot hold', () =>
    expectExact(
      kernel,
      {
        ...PLAIN,
        code: (_, term) => (term === 0 ? 2 : 0),
        input: (row) => (row % 2 === 0 ? 2 ** 99 : -(2 ** 100)),
      },
      'bf16',
    ));

  it.each([Infinity, NaN])('keeps a scale of %d to the rows that take its expert', (scale) =>
    expectExact(kernel, {
      ...PLAIN,
      input: (row, term) => ((row + term) % 5) + 1,
      code: () => 2,
      scale: (expert, column) => (expert === 1 && column % 2 === 0 ? scale : 1),
    }),
  );

  it('sums in float: 2048 and a thousand ones', async () => {
    const layer = layerFor(kernel, {
      ...PLAIN,
      terms: 1025,
      code: () => 2,
      scale: () => 1,
      input: (_, term) => (term === 0 ? 2048 : 1),
      sharedWeight: 0,
    });
    const isFused = kernel.startsWith('moe_shared');
    const { output } = await runLayer(kernel, 'f16', layer);
    // A sum in half would stay at 2048.
    expect(new Set(output)).toEqual(new Set([isFused ? 6144 : 3072]));
  });
});

describe.each(ROUTING)('%s', (kernel) => {
  const isDecode = kernel === 'moe_dispatch_decode';
  const rows = isDecode ? 1 : ROWS;
  /** Logits are twice the router's numbers: the first term of every row is two. */
  const routed: Layer = {
    ...PLAIN,
    rows,
    columns: 140,
    experts: 65,
    input: (row, term) => (term === 0 ? 2 : ((row + term) % 5) - 2),
    router: (expert) => -expert,
    ids: Array.from({ length: rows }, () => [0]),
    weights: Array.from({ length: rows }, () => [1]),
  };

  it.each([
    ['the last expert of many', (expert: number) => expert, [64]],
    [
      'the lower one of two equal experts',
      (expert: number) => (expert === 32 || expert === 16 ? 9 : 0),
      [16, 32],
    ],
    ['five experts, the lower of equals', (expert: number) => (expert === 40 ? 1 : 0), [40, 0, 1, 2, 3]],
  ])('selects %s', async (_, router, chosen) => {
    const shares = chosen.map((expert) => Math.exp(2 * (router(expert) - router(chosen[0] ?? 0))));
    const total = shares.reduce((sum, share) => sum + share, 0);
    const layer = {
      ...routed,
      router,
      ids: Array.from({ length: rows }, () => chosen),
      weights: Array.from({ length: rows }, () => shares.map((share) => share / total)),
    };
    const { output, reports } = await runLayer(kernel, 'f32', layer, { checks: CHECKS });
    expect(reports).toEqual([]);
    const want = expectedOutput(layer);
    output.forEach((value, at) => {
      expect(Math.abs(value - (want[at] ?? NaN)), String(at)).toBeLessThanOrEqual(1e-4);
    });
  });

  it('takes every expert there is, more than it lists at once', async () => {
    const layer = {
      ...routed,
      experts: 150,
      router: () => 0,
      ids: Array.from({ length: rows }, () => Array.from({ length: 128 }, (_, slot) => slot)),
      weights: Array.from({ length: rows }, () => new Array<number>(128).fill(1 / 128)),
    };
    const { output } = await runLayer(kernel, 'f32', layer);
    const want = expectedOutput(layer);
    output.forEach((value, at) => {
      expect(Math.abs(value - (want[at] ?? NaN)), String(at)).toBeLessThanOrEqual(1e-4);
    });
  });

  it('never selects a NaN logit, and says NaN where too few are left', async () => {
    const layer = { ...routed, router: (expert: number) => (expert === 7 ? NaN : -expert) };
    expect((await runLayer(kernel, 'f32', layer)).output).toEqual(expectedOutput(layer));
    const none = { ...routed, experts: 3, router: () => NaN };
    expect((await runLayer(kernel, 'f32', none)).output.every(Number.isNaN)).toBe(true);
  });

  it('leaves the shared expert out unless it is asked for', async () => {
    const layer = { ...routed, sharedWeight: 0 };
    expect((await runLayer(kernel, 'bf16', { ...layer, router: () => 0, experts: 1 })).output).toEqual(
      expectedOutput({ ...layer, experts: 1 }),
    );
  });
});

describe('kernels that add to their output', () => {
  it.each(['moe_expert_gemm_fp4_grouped', 'moe_expert_gemm_shared_fp4'])(
    'keep what was there: %s',
    async (kernel) => {
      const isShared = kernel.endsWith('shared_fp4');
      const layer: Layer = {
        ...PLAIN,
        before: 3,
        sharedWeight: isShared ? 0.25 : 0,
        ...(isShared && { ids: slots(1, () => 99) }),
      };
      expect((await runLayer(kernel, 'f32', layer)).output).toEqual(expectedOutput(layer));
    },
  );
});

describe('the same token', () => {
  it.each(GIVEN)('gets the same bits alone and in a batch: %s', async (kernel) => {
    const wave = (row: number, term: number) => Math.sin(row * 31 + term * 7);
    const layer = layerFor(kernel, {
      ...PLAIN,
      terms: 100,
      input: wave,
      ids: slots(3, (row, slot) => (row + slot) % 3),
      weights: slots(3, (row, slot) => Math.cos(row + slot)),
    });
    const { output } = await runLayer(kernel, 'f32', layer);
    for (const row of [0, 17, 69]) {
      const alone = {
        ...layer,
        rows: 1,
        ids: [layer.ids[row] ?? []],
        weights: [layer.weights[row] ?? []],
        input: (_: number, term: number) => wave(row, term),
      };
      expect((await runLayer(kernel, 'f32', alone)).output).toEqual(
        output.slice(row * layer.columns, (row + 1) * layer.columns),
      );
    }
  });
});
