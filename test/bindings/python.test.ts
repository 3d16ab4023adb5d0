// The Python bindings with stand-ins for torch and MLX: a program runs layers with them, the kernels in their flat form run on the
// host engine, and what comes out is what the float64 reference says.

import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ActivationDtype } from '../../generator/description/dtypes.js';
import { decodeElements } from '../../generator/validate/elements.js';
import { moegen } from '../cli/moegen.js';
import { hostDevice } from '../support/host-kernels.js';
import { freshFolder, put } from '../support/output-folder.js';
import { CONFIG, layerError, testLayer, TOKEN_COUNTS } from './support/layers.js';
import { runProgram } from './support/stand-in.js';

/** Debian's, Apple's and python.org's installations all have it by this name. */
const hasPython = spawnSync('python3', ['--version']).status === 0;
const hasTomllib = spawnSync('python3', ['-c', 'import tomllib']).status === 0;
const device = hostDevice();
const cwd = freshFolder();

const program = path.join(import.meta.dirname, 'python/run_layer.py');

beforeAll(async () => {
  put(cwd, 'config.json', JSON.stringify(CONFIG));
  const model = ['--config', 'config.json', '--dtype', 'f32', '--form', 'flat', '--out', 'model'];
  expect(await moegen(cwd, ...model)).toMatchObject({ code: 0 });
  expect(await moegen(cwd, '--dtype', 'bf16', '--form', 'flat', '--out', 'general')).toMatchObject({
    code: 0,
  });
  for (const set of ['model', 'general']) {
    const options = [
      '--language',
      'python,huggingface',
      '--manifest',
      `${set}/manifest.json`,
      '-o',
      `${set}-bindings`,
    ];
    expect(await moegen(cwd, 'bindings', ...options)).toMatchObject({ code: 0, err: '' });
  }
});

interface Run {
  readonly through?: 'torch' | 'mlx' | 'package';
  readonly set: 'model' | 'general';
  readonly kernels?: string;
  readonly dtype: ActivationDtype;
  readonly choice?: Readonly<Record<string, string>>;
  readonly layer?: number;
  readonly counts?: readonly number[];
}

async function run({
  through = 'torch',
  set,
  kernels = set,
  dtype,
  choice = {},
  layer,
  counts = TOKEN_COUNTS,
}: Run) {
  const contents = testLayer(dtype, path.join(cwd, dtype));
  const task = {
    through,
    ...{ dtype: dtype === 'f32' ? 'float32' : 'bfloat16', width: CONFIG.hidden_size, choice, layer },
    ...{ files: contents.files, constants: set === 'general' ? contents.constants : {} },
    runs: counts.map((count) => [count, path.join(cwd, `output-${count}.bin`)]),
  };
  const file = path.join(cwd, 'task.json');
  writeFileSync(file, JSON.stringify(task));
  const folder = through === 'package' ? 'huggingface/torch-ext' : 'python';
  const modules = [path.join(import.meta.dirname, 'stand-in'), path.join(cwd, `${set}-bindings`, folder)];
  const outcome = await runProgram(['python3', '-B', program, kernels, file], {
    ...{ device, folder: cwd, env: { PYTHONPATH: modules.join(path.delimiter) }, cwd },
  });
  const errors = counts.map((count) => {
    if (outcome.code !== 0) return NaN;
    const bytes = readFileSync(path.join(cwd, `output-${count}.bin`));
    return layerError(decodeElements(dtype, bytes), contents, count);
  });
  return { ...outcome, errors };
}

const BF16 = {
  ...{ activation: 'bf16', weight: 'bf16', intermediate: 'bf16' },
  ...{ scoring: 'softmax', glu: 'swiglu' },
};

describe.skipIf(!hasPython)(`the Python bindings${hasPython ? '' : ' (skipped: no python3 here)'}`, () => {
  it.each(['torch', 'mlx'] as const)(
    'run the layers of a model on every path through %s',
    async (through) => {
      const { errors, jobs, err } = await run({ through, set: 'model', dtype: 'f32', layer: 1 });
      expect(err).toBe('');
      expect(jobs.map(({ dispatches }) => dispatches.length)).toEqual([8, 9, 11, 11]);
      for (const error of errors) expect(error).toBeLessThan(3e-6);
    },
  );

  it.each(['torch', 'mlx', 'package'] as const)(
    'run layers with the general set, of which the choice takes the kernels, through %s',
    async (through) => {
      if (through === 'package')
        cpSync(
          path.join(cwd, 'general'),
          path.join(cwd, 'general-bindings/huggingface/torch-ext/moegen/kernels'),
          { recursive: true },
        );
      const { errors, err } = await run({
        through,
        set: 'general',
        dtype: 'bf16',
        choice: BF16,
        counts: [3, 12],
      });
      expect(err).toBe('');
      // Half a step of BF16 in the intermediate and in the output, beside values of the magnitude of the largest.
      for (const error of errors) expect(error).toBeLessThan(2 ** -7);
    },
  );

  // tomllib came with Python 3.11.
  const note = hasTomllib ? '' : ' (skipped: no tomllib here)';
  it.skipIf(!hasTomllib)(`come as a package whose description kernel-builder can read${note}`, () => {
    const script = 'import json, sys, tomllib; print(json.dumps(tomllib.load(open(sys.argv[1], "rb"))))';
    const file = path.join(cwd, 'general-bindings/huggingface/build.toml');
    const { stdout, stderr } = spawnSync('python3', ['-c', script, file], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      general: { name: 'moegen', version: 1, edition: 5, license: 'MIT', backends: ['metal'] },
      'torch-noarch': { pyext: ['py', 'metal'] },
    });
  });

  it.each<[string, Partial<Run>, string]>([
    ['a layer that there is not', { layer: 7 }, 'error: the model has no experts in layer 7'],
    ['types that there are not', { choice: { activation: 'f16' } }, 'error: the set has no run with'],
    [
      'kernels in the bound form',
      {
        kernels: path.resolve(import.meta.dirname, '../../generated'),
        set: 'general',
        dtype: 'bf16',
        choice: BF16,
      },
      'flat form',
    ],
  ])('refuse %s', async (_, given, message) => {
    for (const through of ['torch', 'mlx'] as const) {
      const { code, err, jobs } = await run({ through, set: 'model', dtype: 'f32', ...given });
      expect({ code, jobs }).toEqual({ code: 1, jobs: [] });
      expect(err).toContain(message);
    }
  });
});
