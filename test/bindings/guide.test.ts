// The programs in docs/integrate.md, run as they stand there, with the commands that come before them.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeElements } from '../../generator/validate/elements.js';
import { moegen } from '../cli/moegen.js';
import { hostDevice } from '../support/host-kernels.js';
import { freshFolder, put } from '../support/output-folder.js';
import { compileCpp } from './support/cpp.js';
import { CONFIG, layerError, testLayer, type TestLayer } from './support/layers.js';
import { runProgram } from './support/stand-in.js';

const NUM_TOKENS = 12;
const guide = readFileSync(path.resolve(import.meta.dirname, '../../docs/integrate.md'), 'utf8');
const device = hostDevice();
const cwd = freshFolder();
const hasPython = spawnSync('python3', ['--version']).status === 0;
let layer: TestLayer;

function blocks(language: string): string[] {
  const all = [...guide.matchAll(/^```(\w+)\n([^`]*)^```$/gm)];
  return all.flatMap(([, own, text = '']) => (own === language ? [text] : []));
}

/** The one block of a language. */
function block(language: string): string {
  const [found, ...others] = blocks(language);
  if (found === undefined || others.length > 0) throw new Error(`expected one block of ${language}`);
  return found;
}

beforeAll(async () => {
  put(cwd, 'config.json', JSON.stringify(CONFIG));
  for (const line of blocks('sh').join('').trim().split('\n')) {
    const [npx, program, ...argv] = line.split(' ');
    expect([npx, program]).toEqual(['npx', 'moegen']);
    expect(await moegen(cwd, ...argv)).toMatchObject({ code: 0, err: '' });
  }
  layer = testLayer('f32', path.join(cwd, 'weights'));
  renameSync(path.join(cwd, 'weights/hidden_states.bin'), path.join(cwd, 'states.bin'));
  const states = readFileSync(path.join(cwd, 'states.bin'));
  writeFileSync(path.join(cwd, 'hidden_states.bin'), states.subarray(0, NUM_TOKENS * CONFIG.hidden_size * 4));
  mkdirSync(path.join(cwd, 'gpu'));
});

async function error(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  writeFileSync(path.join(cwd, 'output.bin'), '');
  const outcome = await runProgram(command, { device, folder: path.join(cwd, 'gpu'), cwd, env });
  expect(outcome).toMatchObject({ code: 0, err: '' });
  const bytes = readFileSync(path.join(cwd, 'output.bin'));
  return layerError(decodeElements('f32', bytes), layer, NUM_TOKENS);
}

describe('the guide to integration', () => {
  it('has a program in C++ that runs a layer', async () => {
    put(cwd, 'layer.cpp', block('cpp'));
    await compileCpp(path.join(cwd, 'layer.cpp'), path.join(cwd, 'bindings/cpp'), path.join(cwd, 'layer'));
    expect(await error([path.join(cwd, 'layer')])).toBeLessThan(3e-6);
  });

  it.each([[], ['--reverse']])('has it run by the command that it names, %s', async (...options) => {
    const include = await moegen(cwd, 'host', '--include');
    expect(existsSync(path.join(include.out.trim(), 'Metal/Metal.hpp'))).toBe(true);
    writeFileSync(path.join(cwd, 'output.bin'), '');
    const { code, out, err } = await moegen(cwd, 'host', ...options, './layer');
    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(err).toMatch(/^1 command buffer with \d+ dispatches ran on the engine\n$/);
    const bytes = readFileSync(path.join(cwd, 'output.bin'));
    expect(layerError(decodeElements('f32', bytes), layer, NUM_TOKENS)).toBeLessThan(3e-6);
  });

  it.skipIf(!hasPython)(
    `has a program in Python that runs a layer${hasPython ? '' : ' (skipped: no python3 here)'}`,
    async () => {
      put(cwd, 'layer.py', block('python'));
      const modules = [path.join(import.meta.dirname, 'stand-in'), path.join(cwd, 'bindings/python')];
      const env = { PYTHONPATH: modules.join(path.delimiter) };
      expect(await error(['python3', '-B', path.join(cwd, 'layer.py')], env)).toBeLessThan(3e-6);
    },
  );
});
