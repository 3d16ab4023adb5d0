import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { referenceBlock } from '../../generator/reference/block.js';
import { fixtureWeights, readFixture, type Fixture } from '../../generator/reference/fixture.js';
import type { MoeBlock } from '../../generator/description/block.js';
import { parseConfig, readBlock } from '../../generator/description/models/index.js';

const FIXTURES = path.resolve(import.meta.dirname, '../fixtures');
const FILES = readdirSync(FIXTURES).filter((file) => file.endsWith('.safetensors'));

/** The fixtures come from a block whose router computes in float. */
const FLOAT_ROUTER = 1.5e-7;

async function load(file: string): Promise<{ readonly fixture: Fixture; readonly block: MoeBlock }> {
  const fixture = await readFixture(path.join(FIXTURES, file));
  return { fixture, block: readBlock(parseConfig(fixture.configText, file), fixture.layer, file) };
}

function relativeError(fixture: Fixture, block: MoeBlock): number {
  const tokenIds = Uint32Array.from({ length: fixture.numTokens }, (_, token) => token);
  const y = referenceBlock(block, fixtureWeights(fixture, block), { x: fixture.x, tokenIds });
  const norm = (values: Float64Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(y.map((value, at) => value - (fixture.expected[at] ?? NaN))) / norm(fixture.expected);
}

test('there are fixtures', () => {
  expect(FILES).toHaveLength(20);
});

test.each(FILES)('%s', async (file) => {
  const { fixture, block } = await load(file);
  expect(relativeError(fixture, block)).toBeLessThan(FLOAT_ROUTER);
  const named = Object.values(block.tensors).map(({ name, shape }) => [name, shape] as const);
  const stored = Object.entries(fixture.parameters).map(([name, { shape }]) => [name, shape] as const);
  expect(Object.fromEntries(named)).toEqual(Object.fromEntries(stored));
});

type Change = (block: MoeBlock) => MoeBlock;
const router =
  (change: Partial<MoeBlock['router']>): Change =>
  (block) => ({
    ...block,
    router: { ...block.router, ...change },
  });
const experts =
  (change: Partial<MoeBlock['experts']>): Change =>
  (block) => ({
    ...block,
    experts: { ...block.experts, ...change },
  });

describe('a block that differs in one trait does not meet the fixture', () => {
  test.each<[string, string, Change]>([
    ['mixtral', 'normalizing', router({ normalize: { kind: 'none' } })],
    ['mixtral', 'order of gate and up', experts({ gateUp: 'interleaved' })],
    ['mixtral', 'activation', experts({ glu: { kind: 'plain', activation: 'gelu' } })],
    ['olmoe', 'no normalizing', router({ normalize: { kind: 'sum', epsilon: 0 } })],
    ['granitemoe', 'softmax of the selected', router({ scoring: { kind: 'softmax' }, post: 'none' })],
    ['deepseek_v3', 'selection bias', router({ selectionBias: false })],
    ['deepseek_v3', 'groups', router({ groups: null })],
    ['deepseek_v3', 'rating of groups', router({ groups: { count: 8, keep: 4, score: 'max' } })],
    ['deepseek_v3', 'scale', router({ scale: 1 })],
    ['deepseek_v3', 'shared expert', (block) => ({ ...block, shared: null })],
    ['deepseek_v4_moe_layer', 'scores', router({ scoring: { kind: 'sigmoid' } })],
    ['deepseek_v4_moe_layer', 'selection bias', router({ selectionBias: false })],
    ['ernie4_5_moe', 'selection bias', router({ selectionBias: false })],
    ['lfm2_moe', 'selection bias', router({ selectionBias: false })],
    ['minimax_m2', 'scores', router({ scoring: { kind: 'softmax' } })],
    ['phimoe', 'sparsemixer', router({ scoring: { kind: 'softmax' } })],
    ['phimoe', 'its margin', router({ scoring: { kind: 'sparsemixer', epsilon: 1e-6 } })],
    ['gpt_oss', 'logit bias', router({ logitBias: false })],
    ['gpt_oss', 'interleaving', experts({ gateUp: 'concatenated' })],
    ['gpt_oss', 'layout of gate and up', experts({ gateUpOrder: 'out_in' })],
    ['gpt_oss', 'expert biases', experts({ bias: false })],
    ['gpt_oss', 'unit', experts({ glu: { kind: 'plain', activation: 'silu' } })],
    ['llama4', 'weight on the input', experts({ weightOn: 'output' })],
    ['llama4', 'layout of gate and up', experts({ gateUpOrder: 'out_in' })],
    ['nemotron_h', 'activation', experts({ glu: { kind: 'plain', activation: 'relu' } })],
    [
      'qwen2_moe',
      'sigmoid of the shared expert',
      (block) => ({ ...block, shared: block.shared && { ...block.shared, sigmoidGate: false } }),
    ],
    [
      'qwen3_next',
      'sum with the shared expert',
      (block) => ({ ...block, shared: block.shared && { ...block.shared, combine: 'average' } }),
    ],
  ])('%s: %s', async (name, _, change) => {
    const { fixture, block } = await load(`${name}.safetensors`);
    expect(relativeError(fixture, change(block))).toBeGreaterThan(1e-5);
  });
});
