// The C++ bindings, compiled against a stand-in for metal-cpp: a program encodes layers with them, the host engine runs what was
// encoded, and what comes out is what the float64 reference says.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ActivationDtype } from '../../generator/description/dtypes.js';
import { decodeElements } from '../../generator/validate/elements.js';
import { moegen } from '../cli/moegen.js';
import { hostDevice } from '../support/host-kernels.js';
import { freshFolder, put } from '../support/output-folder.js';
import { compileCpp } from './support/cpp.js';
import { CONFIG, layerError, testLayer, TOKEN_COUNTS } from './support/layers.js';
import { runProgram } from './support/stand-in.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const device = hostDevice();
const cwd = freshFolder();
const source = path.join(import.meta.dirname, 'cpp/run_layer.cc');

/** Folders of kernels, and the programs made for them. */
const MODEL_SET = path.join(cwd, 'set');
const GENERAL_SET = path.join(ROOT, 'generated');

beforeAll(async () => {
  put(cwd, 'config.json', JSON.stringify(CONFIG));
  const model = ['--config', 'config.json', '--dtype', 'f32', '--out', 'set', '--no-compile'];
  expect(await moegen(cwd, ...model)).toMatchObject({ code: 0 });
  for (const [name, folder] of [
    ['model', MODEL_SET],
    ['general', GENERAL_SET],
  ] as const) {
    const manifest = path.join(folder, 'manifest.json');
    const written = await moegen(cwd, 'bindings', '--language', 'cpp', '--manifest', manifest, '-o', name);
    expect(written).toMatchObject({ code: 0, err: '' });
    await compileCpp(source, path.join(cwd, name, 'cpp'), path.join(cwd, `run_${name}`));
  }
});

interface Run {
  readonly program: 'model' | 'general';
  readonly dtype: ActivationDtype;
  readonly instructions: readonly string[];
  readonly counts?: readonly number[];
  readonly isReversed?: boolean;
}

async function run({ program, dtype, instructions, counts = TOKEN_COUNTS, isReversed = false }: Run) {
  const layer = testLayer(dtype, path.join(cwd, dtype));
  const buffers = Object.entries(layer.files).map(([name, file]) => `buffer ${name} ${file}`);
  const constants = Object.entries(layer.constants).map(([name, value]) => `constant ${name} ${value}`);
  const size = dtype === 'f32' ? 4 : 2;
  const runs = counts.map((count) => {
    const bytes = count * CONFIG.hidden_size * size;
    return `run ${count} ${bytes} ${path.join(cwd, `output-${count}.bin`)}`;
  });
  const lines = [...instructions, ...(program === 'general' ? constants : []), ...buffers, ...runs];
  const file = path.join(cwd, 'instructions.txt');
  writeFileSync(file, lines.join('\n'));
  const kernels = program === 'model' ? MODEL_SET : GENERAL_SET;
  const outcome = await runProgram([path.join(cwd, `run_${program}`), kernels, file], {
    ...{ device, folder: cwd, isReversed },
  });
  const errors = counts.map((count) => {
    if (outcome.code !== 0) return NaN;
    const bytes = readFileSync(path.join(cwd, `output-${count}.bin`));
    return layerError(decodeElements(dtype, bytes), layer, count);
  });
  return { ...outcome, errors };
}

describe('the C++ bindings', () => {
  it.each([false, true])(
    'run the layers of a model on every path, dispatches of one phase in any order: %s',
    async (isReversed) => {
      const { errors, jobs, err } = await run({
        ...{ program: 'model', dtype: 'f32', instructions: ['layer 1'], isReversed },
      });
      expect(err).toBe('');
      expect(jobs.map(({ dispatches }) => dispatches.length)).toEqual([8, 9, 11, 11]);
      for (const error of errors) expect(error).toBeLessThan(3e-6);
    },
  );

  it('run layers with the general set, of which the choice takes the kernels', async () => {
    const { errors, jobs, err } = await run({
      ...{ program: 'general', dtype: 'bf16', counts: [3, 40], isReversed: true },
      instructions: [
        ...['activation', 'weight', 'intermediate'].map((name) => `choice ${name} bf16`),
        ...['choice scoring softmax', 'choice glu swiglu'],
      ],
    });
    expect(err).toBe('');
    expect(jobs.map(({ dispatches }) => dispatches[2]?.kernel)).toEqual([
      'moe_decode_gate_up_swiglu_bf16_bf16',
      'moe_index_count',
    ]);
    // Half a step of BF16 in the intermediate and in the output, beside values of the magnitude of the largest.
    for (const error of errors) expect(error).toBeLessThan(2 ** -7);
  });

  it.each([
    ['layer 7', 'model', 'moegen: the model has no experts in layer 7'],
    ['choice activation f16', 'model', 'moegen: the set has no run with activations f16'],
    ['choice glu relu', 'general', 'moegen: the set has no kernel with scoring  and glu relu'],
  ] as const)('refuse %s', async (instruction, program, message) => {
    const { code, err, jobs } = await run({ program, dtype: 'f32', instructions: [instruction] });
    expect({ code, jobs }).toEqual({ code: 1, jobs: [] });
    expect(err).toContain(message);
  });
});
