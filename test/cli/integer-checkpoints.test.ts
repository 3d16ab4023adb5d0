// Integers of GPTQ, AWQ and compressed-tensors from file to output: the kernels run on what the recipes make of them, and are compared with
// float64 on values that are read as they lie. Terms that are reordered are refused, and can be quantised anew.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyFolder, type Unpacked } from '../checkpoint/fixtures.js';
import { INTEGER_KINDS, writeIntegers } from '../checkpoint/integer-files.js';
import { json, moegenIn } from './moegen.js';

let place: Unpacked;
beforeEach(() => {
  place = emptyFolder();
});
afterEach(() => {
  place.remove();
});

const run = (...argv: string[]) => moegenIn(process.env, place.folder, ...argv);
const VALIDATE = [
  'validate',
  '--model',
  '.',
  '--dtype',
  'f32',
  '--tokens',
  '3',
  '--device',
  'host',
  '--json',
];

it.each(INTEGER_KINDS)('%s gives what its values give', { timeout: 120_000 }, async (kind) => {
  writeIntegers(place.folder, kind);
  const outcome = await run(...VALIDATE);
  const [verdict] = json(outcome)['layers'] as readonly Readonly<Record<string, unknown>>[];
  expect(verdict).toMatchObject({ layer: 0, dtype: 'f32', ok: true, identical: true });
  expect(verdict?.['rel_error']).toBeGreaterThan(0);
  expect(verdict?.['rel_error']).toBeLessThan(2e-6);
  expect(outcome.code).toBe(0);
});

describe('reordered terms', () => {
  beforeEach(() => {
    writeIntegers(place.folder, 'gptq', true);
  });

  it.each([
    ['model', ['model', '.', '--no-compile']],
    ['validate', VALIDATE],
  ])('are refused by moegen %s, which says what to do', async (_, argv) => {
    const outcome = await run(...argv);
    expect(outcome.code).toBe(2);
    expect(outcome.err).toMatch(
      /^error\[checkpoint\/not-affine\]: .+ its terms are reordered \(act-order, desc_act\): term \d+ is in group \d/m,
    );
    expect(outcome.err).toMatch(/--> \S*model\.layers\.0\.mlp\.experts\.\d\.\w+_proj/);
    expect(outcome.err).toContain('help: quantise it anew with moegen quantize --weights FORMAT');
  });

  it('are in order once they are quantised anew', async () => {
    const outcome = await run('quantize', '.', '-o', 'new', '--weights', 'affine8_g32_bf16');
    expect(outcome).toMatchObject({ code: 0 });
    expect(await run('model', 'new', '--no-compile')).toMatchObject({ code: 0 });
  });
});
