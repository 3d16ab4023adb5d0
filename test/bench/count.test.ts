// What the kernels of a layer move, counted on the host engine, against what their grids and shapes say, worked out by hand; and
// how near that is to the least there can be.

import { beforeAll, describe, expect, it } from 'vitest';
import { benchBlock } from '../../generator/bench/bench.js';
import type { LayerReport, StageReport } from '../../generator/bench/report.js';
import { rowShape } from '../../generator/plan/rows.js';
import { formatNamed } from '../../generator/description/weights.js';
import { formatReference } from '../../generator/reference/formats/index.js';
import { hostDevice } from '../support/host-kernels.js';
import { blockOf, kernelsOf, type Sizes } from './support.js';

const SMALL = { hidden: 512, intermediate: 256, experts: 8, topK: 2 };
/** The widths of Qwen3-30B-A3B, with few experts. */
const QWEN = { hidden: 2048, intermediate: 768, experts: 8, topK: 2 };

/** With this seed the first two tokens share no expert. */
const OPTIONS = { seed: 5, available: 2 ** 40 };

function counted(
  sizes: Sizes,
  weight: string,
  numTokens: number,
  path?: LayerReport['path'],
): Promise<LayerReport> {
  const block = blockOf(sizes);
  const choice = { activation: 'bf16', weight, numTokens, path } as const;
  return benchBlock(hostDevice(), kernelsOf(block, choice), { block, choice }, OPTIONS);
}

function stageOf({ stages }: LayerReport, name: string): StageReport {
  const stage = stages.find(({ kernel }) => kernel.includes(name));
  if (stage === undefined) throw new Error(`no kernel ${name}`);
  return stage;
}

const readsOf = ({ buffers = [] }: StageReport) =>
  Object.fromEntries(buffers.flatMap(({ name, bytesRead }) => (bytesRead === 0 ? [] : [[name, bytesRead]])));

/** Bytes of all planes of one matrix. */
const matrixBytes = (weight: string, columns: number, terms: number): number =>
  Object.values(formatReference(weight).planeBytes(columns, terms)).reduce((sum, bytes) => sum + bytes, 0);

/**
 * A threadgroup computes so many rows of weights for one assignment: it reads these once, its row of input once, and the expert's
 * id once.
 */
function decodeBytes(weight: string, { rows, terms, parts }: { rows: number; terms: number; parts: number }) {
  const { rowLanes, laneRows, simdgroups } = rowShape(formatNamed(weight), 'assignment', parts);
  const groups = rows / (simdgroups * (32 / rowLanes) * laneRows);
  return {
    weights: matrixBytes(weight, rows, terms),
    input: groups * terms * 2,
    ids: groups * 4,
    groups,
  };
}

const FORMATS = ['bf16', 'q8_0', 'mxfp4', 'affine4_g64_bf16', 'q4_K'];

describe.each(FORMATS)('one token in the decode path, with %s weights', (weight) => {
  let report: LayerReport;
  beforeAll(async () => {
    report = await counted(QWEN, weight, 1);
  }, 600_000);

  it.each([
    ['gate_up', 2 * QWEN.intermediate, QWEN.hidden],
    ['down', QWEN.hidden, QWEN.intermediate],
  ])('%s reads weights once, and its input once in each threadgroup', (name, rows, terms) => {
    const { counted: counts, buffers = [] } = stageOf(report, `decode_${name}`);
    const { weights, input, ids, groups } = decodeBytes(weight, {
      rows,
      terms,
      parts: name === 'gate_up' ? 2 : 1,
    });
    const read = (pick: (name: string) => boolean) =>
      buffers.filter((buffer) => pick(buffer.name)).reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    expect(counts?.threadgroups).toBe(2 * groups);
    expect(counts?.idleThreadgroups).toBe(0);
    expect(read((buffer) => buffer.startsWith(name))).toBe(2 * weights);
    expect(read((buffer) => ['hidden_states', 'intermediate'].includes(buffer))).toBe(2 * input);
    expect(read((buffer) => buffer === 'topk_ids')).toBe(2 * ids);
  });

  it('takes five dispatches', () => {
    expect(report.path).toBe('decode');
    expect(report.dispatches).toBe(5);
    expect(report.stages.map(({ stage }) => stage)).toEqual([
      'router',
      'router',
      'gate_up',
      'down',
      'combine',
    ]);
  });
});

describe('a decode layer', () => {
  it.each([1, 2])(
    'moves at most 1.05 times the floor, of 4 bits a weight 1.06 times, %i tokens',
    async (numTokens) => {
      for (const weight of ['bf16', 'q8_0', 'affine8_g64_bf16']) {
        const report = await counted(QWEN, weight, numTokens);
        expect(report.touchedExperts, 'no expert is chosen twice').toBe(2 * numTokens);
        expect(report.counted?.ratio, weight).toBeLessThan(1.05);
        expect(report.counted?.ratio, weight).toBeGreaterThan(1);
      }
      // Here the experts are few: with the router of a model of many, these stay below 1.05 too.
      for (const weight of ['mxfp4', 'affine4_g64_bf16', 'q4_K']) {
        const report = await counted(QWEN, weight, numTokens);
        expect(report.counted?.ratio, weight).toBeLessThan(1.06);
      }
    },
    600_000,
  );
});

describe('every path of a small layer', () => {
  it.each([
    ['decode', 1],
    ['decode', 3],
    ['skinny', 5],
    ['skinny', 24],
    ['batched', 24],
    ['batched', 70],
  ] as const)(
    '%s, %i tokens: no threadgroup without work, and the operations of the formula',
    async (path, numTokens) => {
      for (const weight of ['bf16', 'mxfp4']) {
        const { stages, counted: total, touchedExperts } = await counted(SMALL, weight, numTokens, path);
        expect(stages.map(({ counted: own }) => own?.idleThreadgroups)).toEqual(stages.map(() => 0));
        // The others write some values twice, or leave out what nobody asks for.
        const products = stages.filter(({ kernel }) => /logits|gate_up|down|combine/.test(kernel));
        expect(products).toHaveLength(4);
        for (const { kernel, counted: own, floor } of products) {
          expect(own?.bytesWritten, kernel).toBe(floor.written);
          expect((own?.bytesRead ?? 0) >= floor.read, kernel).toBe(true);
          expect((own?.flops ?? 0) >= floor.flops, kernel).toBe(true);
        }
        expect(total?.threadgroups).toBeGreaterThan(5);
        expect(touchedExperts).toBeLessThanOrEqual(Math.min(8, 2 * numTokens));
      }
    },
    600_000,
  );

  it('reads the weights of an expert once for its rows in the skinny path', async () => {
    const report = await counted(SMALL, 'bf16', 5, 'skinny');
    const { buffers = [] } = stageOf(report, 'skinny_gate_up');
    expect(buffers.find(({ name }) => name === 'gate_up_weight')?.bytesRead).toBe(
      report.touchedExperts * 512 * 512 * 2,
    );
    expect(readsOf(stageOf(report, 'skinny_down'))['down_weight']).toBe(
      report.touchedExperts * 512 * 256 * 2,
    );
  }, 600_000);
});

it('refuses a path that the block does not have, and a layer that does not fit', async () => {
  const block = blockOf(SMALL);
  const choice = { activation: 'bf16', weight: 'bf16', numTokens: 1 } as const;
  const run = benchBlock(
    hostDevice(),
    kernelsOf(block, choice),
    { block, choice },
    { seed: 1, available: 1000 },
  );
  await expect(run).rejects.toMatchObject({ code: 'bench/too-large' });
  const transposed = { ...block, experts: { ...block.experts, downOrder: 'in_out' } } as const;
  const skinny = benchBlock(
    hostDevice(),
    kernelsOf(transposed, choice),
    { block: transposed, choice: { ...choice, path: 'skinny' } },
    OPTIONS,
  );
  await expect(skinny).rejects.toMatchObject({ code: 'bench/no-such-path' });
});
