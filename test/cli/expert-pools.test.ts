// A checkpoint of ERNIE 4.5 VL, whose tokens of text and of images have routers and experts of their own, from its files to outputs that a plain
// loop over its numbers gives.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyFolder, type Unpacked } from '../checkpoint/fixtures.js';
import { branches, forward, matrix, mlp, mlpTensors, writePlain } from '../checkpoint/plain-files.js';
import { add, best, divided, pick, softmax, sumOf, times, total, transpose } from '../reference/naive.js';
import type { Vector } from '../reference/naive.js';
import { json, moegenIn } from './moegen.js';

const [HIDDEN, EXPERTS, TOP_K, TOKENS] = [64, 6, 3, 5] as const;
const LAYER = 'model.layers.1.mlp';
const POOLS = [
  { name: 'text', width: 96, suffix: '', other: 'images', seed: 100 },
  { name: 'image', width: 32, suffix: '_1', other: 'text', seed: 500 },
] as const;

const ROUTERS = POOLS.map(({ seed }) => matrix(seed + 90, EXPERTS, HIDDEN, 0.25));
const BIAS = matrix(77, POOLS.length, EXPERTS, 0.125);
const MLPS = POOLS.map(({ seed, width }) =>
  Array.from({ length: EXPERTS }, (_, expert) => mlp(seed + 3 * expert, HIDDEN, width)),
);
const SHARED = mlp(7, HIDDEN, 96);
const X = matrix(9, TOKENS, HIDDEN, 1);

function output(pool: number, x: Vector): Vector {
  const scores = softmax(times(ROUTERS[pool] ?? [], x));
  const ids = best(add(scores, BIAS[pool] ?? []), TOP_K);
  const weights = divided(pick(scores, ids), total(pick(scores, ids)));
  const chosen = ids.map((id) => MLPS[pool]?.[id]);
  return add(sumOf(branches(chosen, weights, x), HIDDEN), forward(SHARED, x));
}

const CONFIG = {
  ...{ architectures: ['Ernie4_5_VLMoeForConditionalGeneration'], model_type: 'ernie4_5_moe_vl' },
  ...{ hidden_size: HIDDEN, intermediate_size: 999, num_hidden_layers: 2, moe_k: TOP_K },
  ...{ moe_intermediate_size: POOLS.map(({ width }) => width), moe_num_experts: [EXPERTS, EXPERTS] },
  ...{ moe_num_shared_experts: 1, moe_layer_start_index: [1, 1], moe_layer_end_index: [1, 1] },
};

let place: Unpacked;
beforeEach(() => {
  place = emptyFolder();
  writePlain(place.folder, CONFIG, [
    ...ROUTERS.map(
      (router, at) => [`${LAYER}.gate.weight${POOLS[at]?.suffix ?? ''}`, transpose(router)] as const,
    ),
    [`${LAYER}.moe_statics.e_score_correction_bias`, BIAS],
    ...mlpTensors(`${LAYER}.experts`, MLPS.flat()),
    ...mlpTensors(LAYER, [SHARED]).map(
      ([name, rows]) => [name.replace('.mlp.0.', '.mlp.shared_experts.'), rows] as const,
    ),
  ]);
});
afterEach(() => {
  place.remove();
});
const run = (...argv: string[]) => moegenIn(process.env, place.folder, ...argv);

describe.each(POOLS.map((pool, at) => ({ ...pool, at })))(
  'the experts of $name',
  ({ name, other, suffix, at }) => {
    it('give what a plain loop gives', { timeout: 300_000 }, async () => {
      const layer = {
        layer: 1,
        tokens: TOKENS,
        hidden: HIDDEN,
        x: X.flat(),
        y: X.flatMap((x) => output(at, x)),
      };
      writeFileSync(path.join(place.folder, 'expected.json'), JSON.stringify({ layers: [layer] }));
      const argv = [
        'validate',
        '--model',
        '.',
        '--experts',
        name,
        '--expect',
        'expected.json',
        '--dtype',
        'f32',
      ];
      const outcome = await run(...argv, '--device', 'host', '--json');
      const [verdict] = json(outcome)['layers'] as readonly Readonly<Record<string, unknown>>[];
      expect(verdict).toMatchObject({ layer: 1, ok: true, identical: true });
      expect(verdict?.['rel_error']).toBeLessThan(2e-6);
    });

    it.each([
      ['a checkpoint', ['.']],
      ['a configuration', ['--config', 'config.json']],
    ])('have recipes, of %s', async (_, given) => {
      const outcome = await run('model', ...given, '--experts', name, '--out', 'set', '--no-compile');
      expect(outcome).toMatchObject({ code: 0 });
      expect(outcome.err).toContain(`tokens of ${other} have a router and experts of their own`);
      const manifest = JSON.parse(readFileSync(path.join(place.folder, 'set/manifest.json'), 'utf8')) as {
        model: { groups: [{ buffers: Readonly<Record<string, unknown>>[] }] };
      };
      const [{ buffers }] = manifest.model.groups;
      const recipe = (binding: string) => buffers.find((buffer) => buffer['binding'] === binding);
      const prefix = 'model.layers.{layer}.mlp';
      expect(recipe('router_weight')).toMatchObject({
        tensors: { weight: `${prefix}.gate.weight${suffix}` },
        isTransposed: true,
      });
      expect(recipe('selection_bias')).toMatchObject({
        tensors: { weight: `${prefix}.moe_statics.e_score_correction_bias` },
        row: at,
      });
      expect(recipe('down_weight')).toMatchObject({
        tensors: { weight: `${prefix}.experts.{expert}.down_proj.weight` },
        perExpert: true,
      });
      expect(recipe('down_weight')?.['firstExpert']).toBe(at === 0 ? undefined : EXPERTS);
    });
  },
);

it('quantize and other models refuse what they cannot do', async () => {
  const quantized = await run('quantize', '.', '-o', 'new', '--weights', 'q8_0');
  expect(quantized.code).toBe(2);
  expect(quantized.err).toContain('experts of text and of images cannot be quantised');
  const config = {
    ...CONFIG,
    model_type: 'ernie4_5_moe',
    moe_intermediate_size: 96,
    moe_num_experts: EXPERTS,
  };
  writeFileSync(path.join(place.folder, 'text.json'), JSON.stringify(config));
  const other = await run('model', '--config', 'text.json', '--experts', 'image', '--no-compile');
  expect(other.code).toBe(2);
  expect(other.err).toContain('error[spec/no-such-experts]: ernie4_5_moe has no experts for images alone');
  expect((await run('validate', '--experts', 'image')).err).toContain(
    '--experts is about the layers of a checkpoint',
  );
});
