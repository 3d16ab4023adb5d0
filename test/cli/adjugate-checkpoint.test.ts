// A checkpoint of GroveMoE, whose neighbouring experts share an adjugate expert, from its files to outputs that a plain loop over its numbers
// gives; and the same quantised.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { emptyFolder, type Unpacked } from '../checkpoint/fixtures.js';
import { branches, matrix, mlp, mlpTensors, writePlain, type Mlp } from '../checkpoint/plain-files.js';
import {
  add,
  best,
  divided,
  pick,
  scaled,
  softmax,
  sumOf,
  times,
  total,
  type Vector,
} from '../reference/naive.js';
import { json, moegenIn } from './moegen.js';

const [HIDDEN, WIDTH, ADJUGATE_WIDTH, EXPERTS, TOP_K, TOKENS] = [64, 96, 32, 8, 3, 7] as const;
const LAYER = 'model.layers.0.mlp';

let place: Unpacked;
beforeEach(() => {
  place = emptyFolder();
  writeCheckpoint(place.folder);
});
afterEach(() => {
  place.remove();
});
const run = (...argv: string[]) => moegenIn(process.env, place.folder, ...argv);

const ROUTER = matrix(5, EXPERTS, HIDDEN, 0.25);
const MLPS = Array.from({ length: EXPERTS }, (_, expert) => mlp(100 + 3 * expert, HIDDEN, WIDTH));
const ADJUGATES = Array.from({ length: EXPERTS / 2 }, (_, group) =>
  mlp(900 + 3 * group, HIDDEN, ADJUGATE_WIDTH),
);
const X = matrix(7, TOKENS, HIDDEN, 1);

function output(x: Vector): Vector {
  const scores = softmax(times(ROUTER, x));
  const ids = best(scores, TOP_K);
  const weights = divided(pick(scores, ids), total(pick(scores, ids)));
  const sum = (all: readonly Mlp[], size: number) =>
    sumOf(
      branches(
        ids.map((id) => all[Math.floor(id / size)]),
        weights,
        x,
      ),
      HIDDEN,
    );
  return add(sum(MLPS, 1), scaled(sum(ADJUGATES, 2), 0.05));
}

function writeCheckpoint(folder: string): void {
  const config = {
    ...{ architectures: ['GroveMoeForCausalLM'], model_type: 'grove_moe' },
    ...{ hidden_size: HIDDEN, intermediate_size: 999, moe_intermediate_size: WIDTH, num_hidden_layers: 1 },
    ...{
      num_experts: EXPERTS,
      num_experts_per_tok: TOP_K,
      parallel_expert_intermediate_size: ADJUGATE_WIDTH,
    },
  };
  // The makers register it, and no code reads it.
  const unread = `${LAYER}.expert_bias`;
  const tensors = [
    [`${LAYER}.gate.weight`, ROUTER],
    ...mlpTensors(`${LAYER}.experts`, MLPS),
    ...mlpTensors(`${LAYER}.chunk_experts`, ADJUGATES),
    [unread, matrix(1, 1, EXPERTS, 1)],
  ] as const;
  writePlain(folder, config, tensors, [unread]);
}

const HOST = ['--device', 'host', '--json'];

it('gives what a plain loop gives', { timeout: 300_000 }, async () => {
  const layer = { layer: 0, tokens: TOKENS, hidden: HIDDEN, x: X.flat(), y: X.flatMap(output) };
  writeFileSync(path.join(place.folder, 'expected.json'), JSON.stringify({ layers: [layer] }));
  const outcome = await run(
    'validate',
    '--model',
    '.',
    '--expect',
    'expected.json',
    '--dtype',
    'f32,bf16',
    ...HOST,
  );
  const layers = json(outcome)['layers'] as readonly Readonly<Record<string, unknown>>[];
  expect(layers.map(({ dtype, ok, identical }) => ({ dtype, ok, identical }))).toEqual([
    { dtype: 'bf16', ok: true, identical: true },
    { dtype: 'f32', ok: true, identical: true },
  ]);
  expect(layers[0]?.['rel_error']).toBeLessThan(2.9e-3);
  expect(layers[1]?.['rel_error']).toBeLessThan(2e-6);
});

it('has recipes from the names in its files', async () => {
  expect(await run('model', '.', '--out', 'set', '--no-compile')).toMatchObject({ code: 0 });
  const manifest = JSON.parse(readFileSync(path.join(place.folder, 'set/manifest.json'), 'utf8')) as {
    model: { groups: [{ buffers: { binding: string; tensors: Record<string, string> }[] }] };
  };
  const [{ buffers }] = manifest.model.groups;
  const own = buffers.filter(({ binding }) => binding.startsWith('adjugate_'));
  expect(Object.fromEntries(own.map(({ binding, tensors }) => [binding, tensors['weight']]))).toEqual({
    adjugate_gate_weight: 'model.layers.{layer}.mlp.chunk_experts.{expert}.gate_proj.weight',
    adjugate_up_weight: 'model.layers.{layer}.mlp.chunk_experts.{expert}.up_proj.weight',
    adjugate_down_weight: 'model.layers.{layer}.mlp.chunk_experts.{expert}.down_proj.weight',
  });
});

it.each([
  ['affine4_g32_bf16', 'new', 'affine4_g32_bf16'],
  ['fp8_channel_f32', 'new', 'fp8_channel_f32'],
  ['q8_0', 'new.gguf', 'q8_0'],
])('quantised to %s, gives what its values give', { timeout: 300_000 }, async (weights, out, format) => {
  expect(await run('quantize', '.', '-o', out, '--weights', weights)).toMatchObject({ code: 0 });
  const outcome = await run('validate', '--model', out, '--dtype', 'f32', '--tokens', '3', ...HOST);
  const [verdict] = json(outcome)['layers'] as readonly Readonly<Record<string, unknown>>[];
  const formats = { gate_up: format, down: format, adjugate_gate_up: format, adjugate_down: format };
  expect(verdict).toMatchObject({ ok: true, identical: true, formats });
  expect(verdict?.['rel_error']).toBeLessThan(2e-6);
});
