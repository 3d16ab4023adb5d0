// `moegen quantize`: what it writes is read again, compared with what the rule of the format makes of the source, and quantised a second
// time, which changes no byte.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openModel, type CheckpointModel } from '../../generator/checkpoint/model.js';
import type { TensorRole } from '../../generator/description/block.js';
import { formatReference } from '../../generator/reference/formats/index.js';
import type { BlockWeights } from '../../generator/reference/weights.js';
import { decodedWeights } from '../../generator/weights/decode.js';
import { quantize } from '../../generator/weights/quantize.js';
import { EXPECTED, unpack, type Unpacked } from '../checkpoint/fixtures.js';

let source: Unpacked;
/** Of the layer whose weights are not zero. */
let layer = 0;
function prepare(name: string): void {
  source = unpack(name);
  layer = EXPECTED[name]?.layer ?? NaN;
}
const out = (name: string) => path.join(source.folder, name);
const filesOf = (folder: string) =>
  readdirSync(folder).map((file) => [file, readFileSync(path.join(folder, file))] as const);
const configOf = (folder: string) =>
  JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;

afterEach(() => {
  source.remove();
});

async function withWeights<T>(
  folder: string,
  use: (weights: BlockWeights, model: CheckpointModel) => T,
): Promise<T> {
  const model = await openModel(folder, (index) => index === layer);
  try {
    const [first] = model.layers;
    if (first === undefined) throw new Error('no layers');
    return use(await decodedWeights(first), model);
  } finally {
    await model.checkpoint.close();
  }
}

/** Rows of gate, then of up, in either layout. */
function gateUpOf(weights: BlockWeights, { layers: [first] }: CheckpointModel, expert: number): Float64Array {
  const { gateUp } = first?.block.experts ?? {};
  if (gateUp === 'separate') {
    const [gate, up] = (['expert_gate', 'expert_up'] as const).map((role) => weights.expert(role, expert));
    return Float64Array.from([...(gate ?? []), ...(up ?? [])]);
  }
  const values = weights.expert('expert_gate_up', expert);
  if (gateUp !== 'interleaved') return Float64Array.from(values);
  const width = values.length / (2 * (first?.block.intermediateSize ?? 1));
  const rows = Array.from({ length: values.length / width }, (_, row) =>
    values.slice(row * width, (row + 1) * width),
  );
  const [even, odd] = [0, 1].map((rest) =>
    rows.filter((_, row) => row % 2 === rest).flatMap((row) => [...row]),
  );
  return Float64Array.from([...(even ?? []), ...(odd ?? [])]);
}

describe('a checkpoint in shards', () => {
  beforeEach(() => {
    prepare('02_qwen3_moe_bf16');
  });

  it.each([
    ['affine5_g32_bf16', { group_size: 32, bits: 5, mode: 'affine' }],
    ['nvfp4_plain', { group_size: 16, bits: 4, mode: 'nvfp4' }],
  ])('becomes %s, and stays so', async (format, sizes) => {
    const [once, twice] = [out('once'), out('twice')];
    const { layers } = await quantize(source.folder, once, { format });
    expect(layers).toEqual([0, 1]);
    expect(configOf(once)).toMatchObject({ model_type: 'qwen3_moe', quantization: sizes });
    expect(configOf(once)['quantization_config']).toEqual(configOf(once)['quantization']);
    await quantize(once, twice, { format });
    expect(filesOf(twice)).toEqual(filesOf(once));

    const reference = formatReference(format);
    const rounded = (values: Float64Array, rows: number, terms: number) =>
      reference.decode(reference.encode(values, rows, terms), rows, terms);
    const [given, router] = await withWeights(source.folder, (weights, model) => {
      const { intermediateSize: width, hiddenSize } = model.layers[0]?.block ?? {};
      const [rows, terms] = [width ?? 0, hiddenSize ?? 0];
      const gateUp = gateUpOf(weights, model, 7);
      return [
        [
          ...rounded(gateUp.slice(0, rows * terms), rows, terms),
          ...rounded(gateUp.slice(rows * terms), rows, terms),
          ...rounded(Float64Array.from(weights.expert('expert_down', 7)), terms, rows),
        ],
        weights.tensor('router'),
      ] as const;
    });
    expect(given.some((value) => value !== 0)).toBe(true);
    await withWeights(once, (weights, model) => {
      expect(model.layers[0]?.formats).toEqual({ router: 'bf16', gate_up: format, down: format });
      const found = [...gateUpOf(weights, model, 7), ...weights.expert('expert_down', 7)];
      expect(found.findIndex((value, at) => value !== given[at])).toBe(-1);
      expect(found).toHaveLength(given.length);
      expect(weights.tensor('router')).toEqual(router);
    });
  });

  it('has its routers in a format of their own where that is asked for', async () => {
    const [once, twice] = [out('once'), out('twice')];
    const choice = { format: 'mxfp4', router: 'affine8_g64_bf16' };
    await quantize(source.folder, once, choice);
    expect(configOf(once)['quantization']).toMatchObject({
      'model.layers.0.mlp.gate': { group_size: 64, bits: 8, mode: 'affine' },
      'model.layers.1.mlp.gate': { group_size: 64, bits: 8, mode: 'affine' },
    });
    await withWeights(once, (_, { layers }) => {
      expect(layers.map(({ formats }) => formats.router)).toEqual(['affine8_g64_bf16']);
    });
    await quantize(once, twice, choice);
    expect(filesOf(twice)).toEqual(filesOf(once));
  });

  it.each([
    ['q4_K', 'quantize/partial-group'],
    ['affine7_g64_bf16', 'quantize/unknown-format'],
    // Its rows of down have 96 terms.
    ['affine4_g64_bf16', 'quantize/partial-group'],
  ])('does not become %s', async (format, code) => {
    await expect(quantize(source.folder, out('once'), { format })).rejects.toMatchObject({ code });
    expect(existsSync(out('once'))).toBe(false);
  });

  it('is not written over', async () => {
    await expect(quantize(source.folder, source.folder, { format: 'mxfp4' })).rejects.toMatchObject({
      code: 'quantize/same-place',
    });
  });
});

describe('checkpoints that are quantised already', () => {
  it.each([
    ['03_gpt_oss_mxfp4', 'mxfp4'],
    ['07_kimi_deepseek_v3_int4', 'affine4_g32_bf16'],
    ['09_olmoe_gptq_int4', 'affine8_g32_f16'],
  ])('%s becomes %s, and stays so', async (name, format) => {
    prepare(name);
    const [once, twice] = [out('once'), out('twice')];
    await quantize(source.folder, once, { format });
    await quantize(once, twice, { format });
    expect(filesOf(twice)).toEqual(filesOf(once));
    const biases = ['expert_up_bias', 'expert_down_bias'] as const satisfies readonly TensorRole[];
    const read = (folder: string) =>
      withWeights(folder, (weights, model) => ({
        formats: model.layers[0]?.formats,
        gateUp: gateUpOf(weights, model, 7),
        down: Float64Array.from(weights.expert('expert_down', 7)),
        biases: biases.filter((role) => model.layers[0]?.block.tensors[role] !== undefined).length,
      }));
    const [before, after] = [await read(source.folder), await read(once)];
    expect(after.formats).toMatchObject({ gate_up: format, down: format });
    // The same codes in the same blocks, in another order of rows.
    if (name.startsWith('03')) {
      expect([after.gateUp, after.down]).toEqual([before.gateUp, before.down]);
      expect(after.biases).toBe(2);
    }
    const error = Math.hypot(...after.down.map((value, at) => value - (before.down[at] ?? NaN)));
    expect(error / Math.hypot(...before.down)).toBeLessThan(0.09);
  });
});
