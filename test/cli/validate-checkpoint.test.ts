// `moegen validate --model`: layers of checkpoints on the host, compared with outputs that were computed without this code.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CHECKPOINTS, unpack, type Unpacked } from '../checkpoint/fixtures.js';
import { json, moegenIn } from './moegen.js';

interface Outputs {
  readonly layers: readonly { readonly layer: number; readonly y: number[] }[];
}

const FOLDER = path.resolve(import.meta.dirname, '../fixtures/checkpoints');
const OUTPUTS = JSON.parse(
  gunzipSync(readFileSync(path.join(FOLDER, 'outputs.json.gz'))).toString('utf8'),
) as Readonly<Record<string, Outputs>>;

let unpacked: Unpacked;

function prepare(name: string, outputs = OUTPUTS[name]): readonly string[] {
  unpacked = unpack(name);
  writeFileSync(path.join(unpacked.folder, 'expected.json'), JSON.stringify(outputs));
  return ['validate', '--model', '.', '--expect', 'expected.json', '--device', 'host', '--json'];
}

const run = (...argv: string[]) => moegenIn(process.env, unpacked.folder, ...argv);

interface Verdict {
  readonly layer: number;
  readonly dtype: string;
  readonly ok: boolean;
  readonly rel_error: number;
  readonly identical: boolean;
}

describe('the layers of checkpoints', () => {
  afterEach(() => {
    unpacked.remove();
  });

  it.each(CHECKPOINTS)('%s', { timeout: 300_000 }, async (name) => {
    const argv = prepare(name);
    const outcome = await run(...argv, '--dtype', 'f32,bf16');
    const layers = json(outcome)['layers'] as readonly Verdict[];
    expect(layers.map(({ dtype }) => dtype)).toEqual(['bf16', 'f32']);
    expect(new Set(layers.map(({ layer }) => layer))).toEqual(new Set([OUTPUTS[name]?.layers[0]?.layer]));
    for (const { dtype, rel_error: error, ok, identical } of layers) {
      expect({ ok, identical, error }).toEqual({ ok: true, identical: true, error });
      expect(error).toBeLessThan(dtype === 'f32' ? 2e-6 : 2.9e-3);
      expect(error).toBeGreaterThan(0);
    }
    expect(outcome.code).toBe(0);
  });
});

describe('one layer', () => {
  const NAME = '01_qwen3_moe_mlx_4bit';
  const own = OUTPUTS[NAME]?.layers[0];
  let argv: readonly string[];
  beforeEach(() => {
    const y = (own?.y ?? []).map((value, at) => (at === 300 ? value + 0.01 : value));
    argv = prepare(NAME, { layers: own === undefined ? [] : [{ ...own, y }] });
  });
  afterEach(() => {
    unpacked.remove();
  });

  it('that does not give what is expected is no', async () => {
    const outcome = await run(...argv, '--dtype', 'f32');
    expect(outcome.code).toBe(1);
    const [verdict] = json(outcome)['layers'] as readonly Verdict[];
    expect(verdict?.ok).toBe(false);
    expect(verdict?.rel_error).toBeCloseTo(0.01 / Math.hypot(...(own?.y ?? [])), 5);
  });

  it('runs with inputs filled by rule, in the dtype of the configuration', async () => {
    const outcome = await run(
      'validate',
      '--model',
      '.',
      '--layer',
      '1',
      '--tokens',
      '2',
      '--device',
      'host',
    );
    expect(outcome).toMatchObject({ code: 0, err: '' });
    expect(outcome.out).toMatch(
      /^ok {4} layer 1 bf16: error \S+ of \S+ allowed, 2 tokens, router affine8_g64_bf16, gate_up affine4_g64_bf16,/,
    );
  });

  it.each([
    [['--layer', '4'], '--layer', 'layers with experts are 0, 1'],
    [['--layer', '0'], '--layer', 'it has layers 1'],
    [['--tokens', '3'], '--tokens', 'leave --tokens out'],
    [['--weights', 'f32'], '--weights', 'leave --weights out'],
  ])('with %j is refused', async (more, place, help) => {
    const outcome = await run(...argv, ...more);
    expect(outcome.code).toBe(2);
    expect(json(outcome)).toMatchObject({ error: { where: place } });
    expect(outcome.err).toContain(`--> ${place}`);
    expect(outcome.err).toContain(help);
  });
});
