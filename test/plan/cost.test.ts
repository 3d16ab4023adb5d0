// What a layer costs, against numbers worked out by hand, and against what must hold for every block.

import { describe, expect, it } from 'vitest';
import { explainModel, type BlockAccount, type PathAccount } from '../../generator/plan/explain.js';
import { planModel } from '../../generator/plan/model.js';
import { groupColumns, LOGIT_SHAPE, rowShape } from '../../generator/plan/rows.js';
import { denseFormat } from '../../generator/description/weights.js';
import { blockLayers, parseConfig } from '../../generator/description/models/index.js';
import { readFixture } from '../../generator/reference/fixture.js';
import { FIXTURE_NAMES, fixturePath } from '../support/fixtures.js';

const TOKENS = [1, 32, 512, 4096];

function blocksOf(configText: string, tokens: readonly number[] = TOKENS): readonly BlockAccount[] {
  const model = blockLayers(parseConfig(configText, 'config.json'), 'config.json');
  const plan = planModel('a model', model, {
    activations: ['bf16'],
    weights: ['bf16'],
    bf16Storage: 'ushort',
    mslVersion: '3.0',
  });
  return explainModel(plan, { activation: 'bf16', tokens }).blocks;
}

/** Rows of stage, threadgroups, bytes of weights, other bytes read, bytes written, operations. */
function rowsOf(block: BlockAccount | undefined, path: PathAccount['path'], numTokens: number): unknown[] {
  const run = block?.paths.find(
    (candidate) =>
      candidate.path === path && candidate.batches.some((batch) => batch.numTokens === numTokens),
  );
  const batch = run?.batches.find((candidate) => candidate.numTokens === numTokens);
  return (batch?.dispatches ?? []).map((dispatch, at) => [
    run?.stages[at]?.stage,
    dispatch.threadgroups.join(' x '),
    dispatch.weightBytes,
    dispatch.activationBytes,
    dispatch.writtenBytes,
    dispatch.flops,
  ]);
}

/** How many columns a threadgroup takes is a question of speed, and no part of these numbers. */
const LOGIT_COLUMNS = groupColumns(LOGIT_SHAPE, 1);
const decodeColumns = (parts: number) =>
  groupColumns(rowShape(denseFormat('bf16'), 'assignment', parts), parts);

const MIXTRAL = JSON.stringify({
  model_type: 'mixtral',
  hidden_size: 4096,
  intermediate_size: 14_336,
  num_local_experts: 8,
  num_experts_per_tok: 2,
  num_hidden_layers: 32,
  hidden_act: 'silu',
});

const QWEN3_MOE = JSON.stringify({
  model_type: 'qwen3_moe',
  hidden_size: 2048,
  moe_intermediate_size: 768,
  num_experts: 128,
  num_experts_per_tok: 8,
  norm_topk_prob: true,
  num_hidden_layers: 6,
  decoder_sparse_step: 2,
  mlp_only_layers: [5],
  hidden_act: 'silu',
});

describe('the cost of a layer, by hand', () => {
  it('mixtral decodes one token: two of eight experts are read', () => {
    const [block] = blocksOf(MIXTRAL);
    // Router: 8 * 4096 weights. gate_up: 2 experts * 28,672 * 4096. down: 2 experts * 4096 * 14,336. combine: 2 * 4096 terms.
    expect(rowsOf(block, 'decode', 1)).toEqual([
      ['router', `${8 / LOGIT_COLUMNS} x 1 x 1`, 65_536, 8_192, 32, 65_536],
      ['router', '1 x 1 x 1', 0, 32, 16, 0],
      ['gate_up', `${14_336 / decodeColumns(2)} x 2 x 1`, 469_762_048, 8_200, 57_344, 469_762_048],
      ['down', `${4096 / decodeColumns(1)} x 2 x 1`, 234_881_024, 57_352, 32_768, 234_881_024],
      ['combine', '16 x 1 x 1', 0, 32_784, 8_192, 16_384],
    ]);
  });

  it('qwen3_moe takes 32 tokens: 256 assignments, two rows for each of 128 experts, sorted in one step', () => {
    const [block] = blocksOf(QWEN3_MOE);
    const rows = rowsOf(block, 'skinny', 32);
    expect(rows.map((row) => (row as unknown[])[0])).toEqual([
      ...['router', 'router', 'index build', 'gate_up', 'down', 'combine'],
    ]);
    // 256 ids; 129 offsets, a tile for each expert, two grids, assignments and their rows.
    expect(rows[2]).toEqual(['index build', '1 x 1 x 1', 0, 1_024, 516 + 128 * 12 + 24 + 2 * 1_024, 0]);
    expect((rows[3] as unknown[]).slice(2)).toEqual([
      805_306_368,
      32 * 4096 + 1_024 + 128 * 12,
      256 * 768 * 2,
      2 * 256 * 1536 * 2048,
    ]);
  });

  it('qwen3_moe takes 512 tokens: 4,096 assignments, 32 for each of 128 experts, one tile each', () => {
    const [block] = blocksOf(QWEN3_MOE);
    expect(block?.layers).toEqual([1, 3]);
    expect(rowsOf(block, 'batched', 512)).toEqual([
      ['router', '4 x 64 x 1', 524_288, 2_097_152, 262_144, 268_435_456],
      ['router', '128 x 1 x 1', 0, 262_144, 32_768, 0],
      ['index build', '16 x 1 x 1', 0, 16_384, 8_192, 0],
      ['index build', '1 x 1 x 1', 0, 8_192, 10_268, 0],
      ['index build', '16 x 1 x 1', 0, 25_092, 32_768, 0],
      ['gate_up', '12 x 128 x 1', 805_306_368, 2_115_072, 6_291_456, 25_769_803_776],
      ['down', '16 x 128 x 1', 402_653_184, 6_292_992, 33_554_432, 12_884_901_888],
      ['combine', '8 x 512 x 1', 0, 33_587_200, 2_097_152, 16_777_216],
    ]);
  });

  it('qwen3_moe says where its tensors lie', () => {
    const [block] = blocksOf(QWEN3_MOE);
    expect(block?.tensors).toEqual([
      {
        role: 'router',
        tensor: 'gate.weight',
        shape: [128, 2048],
        buffer: 'router_weight',
        element: 'bf16',
        bufferShape: ['num_experts', 'hidden_size'],
        layout: '',
        bytes: 524_288,
      },
      {
        role: 'expert_gate_up',
        tensor: 'experts.gate_up_proj',
        shape: [128, 1536, 2048],
        buffer: 'gate_up_weight',
        element: 'bf16',
        bufferShape: ['num_experts', '2 * intermediate_size', 'hidden_size'],
        layout: 'rows of gate, then rows of up',
        bytes: 805_306_368,
      },
      {
        role: 'expert_down',
        tensor: 'experts.down_proj',
        shape: [128, 2048, 768],
        buffer: 'down_weight',
        element: 'bf16',
        bufferShape: ['num_experts', 'hidden_size', 'intermediate_size'],
        layout: '',
        bytes: 402_653_184,
      },
    ]);
  });

  it('takes each batch in the ways that fit it', () => {
    const [block] = blocksOf(QWEN3_MOE, [1, 128, 129, 511, 512]);
    const batches = block?.paths.map(({ path, tile, batches: own }) => [
      path,
      tile,
      own.map(({ numTokens }) => numTokens),
    ]);
    expect(batches).toEqual([
      ['decode', 'none', [1, 128, 129, 511, 512]],
      ['skinny', 'none', [1, 128]],
      ['batched', 'low', [1, 128, 129, 511]],
      ['batched', 'wide', [512]],
    ]);
  });
});

describe('the cost of any layer', () => {
  it.each(FIXTURE_NAMES)('%s reads each tensor once and computes the same on every path', async (name) => {
    const { configText } = await readFixture(fixturePath(name));
    for (const block of blocksOf(configText)) {
      const totals = block.paths.flatMap(({ path, batches }) =>
        batches.filter(({ numTokens }) => numTokens === 4096).map(({ total }) => ({ path, ...total })),
      );
      const whole = block.tensors.filter(({ role }) => role !== 'token_table');
      const bytes = whole.reduce((sum, tensor) => sum + tensor.bytes, 0);
      const table = block.tensors.find(({ role }) => role === 'token_table');
      const looked = table === undefined ? 0 : 4096 * Number(block.constants['top_k']) * 4;
      expect(totals.map(({ path, weightBytes, flops }) => [path, weightBytes, flops])).toEqual([
        ['decode', bytes + looked, totals[0]?.flops],
        ['batched', bytes + looked, totals[0]?.flops],
      ]);
      const few = block.paths.flatMap(({ path, batches }) =>
        batches.filter(({ numTokens }) => numTokens === 32).map(({ total }) => ({ path, ...total })),
      );
      expect(few.length).toBeGreaterThanOrEqual(2);
      for (const { path, weightBytes, flops } of few) {
        expect([path, weightBytes, flops]).toEqual([path, few[0]?.weightBytes, few[0]?.flops]);
      }
      for (const { stages } of block.paths) {
        expect(stages.every(({ threadgroupBytes }) => threadgroupBytes <= 32_768)).toBe(true);
      }
    }
  });
});
