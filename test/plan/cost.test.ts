// What a layer costs, against numbers worked out by hand, and against what must hold for every block.

import { describe, expect, it } from 'vitest';
import { explainModel, type BlockAccount, type PathAccount } from '../../generator/plan/explain.js';
import { planModel } from '../../generator/plan/model.js';
import { blockLayers, parseConfig } from '../../generator/spec/models/index.js';
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
  return explainModel(plan, { activation: 'bf16', weight: 'bf16', tokens }).blocks;
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
    // Router: 8 * 4096 weights. gate_up: 2 experts * 28,672 * 4096. down: 2 experts * 4096 * 14,336.
    expect(rowsOf(block, 'decode', 1)).toEqual([
      ['router', '1 x 1 x 1', 65_536, 8_192, 16, 65_536],
      ['gate_up', '1792 x 2 x 1', 469_762_048, 8_200, 57_344, 469_762_048],
      ['down, combine', '1024 x 1 x 1', 234_881_024, 57_360, 8_192, 234_897_408],
    ]);
  });

  it('qwen3_moe takes 512 tokens: 4,096 assignments, 32 for each of 128 experts, one tile each', () => {
    const [block] = blocksOf(QWEN3_MOE);
    expect(block?.layers).toEqual([1, 3]);
    expect(rowsOf(block, 'batched', 512)).toEqual([
      ['router', '4 x 16 x 1', 524_288, 2_097_152, 262_144, 268_435_456],
      ['router', '128 x 1 x 1', 0, 262_144, 32_768, 0],
      ['index build', '16 x 1 x 1', 0, 16_384, 8_192, 0],
      ['index build', '1 x 1 x 1', 0, 8_192, 10_268, 0],
      ['index build', '16 x 1 x 1', 0, 25_092, 32_768, 0],
      ['gate_up', '24 x 128 x 1', 805_306_368, 2_115_072, 6_291_456, 25_769_803_776],
      ['down', '64 x 128 x 1', 402_653_184, 6_292_992, 33_554_432, 12_884_901_888],
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

  it('takes each batch with the tile that fits it', () => {
    const [block] = blocksOf(QWEN3_MOE, [1, 255, 256]);
    const batches = block?.paths.map(({ path, tile, batches: own }) => [
      path,
      tile,
      own.map(({ numTokens }) => numTokens),
    ]);
    expect(batches).toEqual([
      ['batched', 'low', [1, 255]],
      ['batched', 'wide', [256]],
      ['decode', 'none', [1, 255, 256]],
    ]);
  });
});

describe('the cost of any layer', () => {
  it.each(FIXTURE_NAMES)('%s reads each tensor once and computes the same on both paths', async (name) => {
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
        ['batched', bytes + looked, totals[0]?.flops],
        ['decode', bytes + looked, totals[0]?.flops],
      ]);
      for (const { stages } of block.paths) {
        expect(stages.every(({ threadgroupBytes }) => threadgroupBytes <= 32_768)).toBe(true);
      }
    }
  });
});
