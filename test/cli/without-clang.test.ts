// The package without its optional dependency, the bundled clang: what still works, and what it says where a compiler is needed.

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { freshFolder, put } from '../support/output-folder.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PARTS = ['bin', 'dist', 'templates', 'native', 'package.json'];

const folder = freshFolder();
const bin = path.join(folder, 'package/bin/moegen.js');

beforeAll(() => {
  for (const part of PARTS)
    cpSync(path.join(ROOT, part), path.join(folder, 'package', part), { recursive: true });
  const modules = path.join(folder, 'package/node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(path.join(ROOT, 'node_modules'))) {
    if (name !== '@zigc' && !name.startsWith('.'))
      symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name));
  }
  put(
    folder,
    'k.metal',
    '#include <metal_stdlib>\nkernel void f(device float* a [[buffer(0)]]) { a[0] = 1; }\n',
  );
});

function moegen(PATH: string, ...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH, MOEGEN_CACHE: path.join(folder, 'cache') };
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...argv], { cwd: folder, env }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });
}

it('writes kernels, and says what compiling them needs', async () => {
  const written = await moegen('', '--kernel', 'moe_combine_f32', '--no-compile');
  expect(written).toMatchObject({ code: 0, err: '' });
  const compiled = await moegen('', 'compile');
  expect(compiled).toMatchObject({ code: 2, out: '' });
  expect(compiled.err).toMatch(
    /^error\[compile\/no-clang\]: no clang was found: expected clang 17 or newer\n {2}help: .*npm install --include=optional.*apt-get install clang.*MOEGEN_CLANG/,
  );
});

it('names a clang that is too old', async () => {
  const tools = path.join(folder, 'tools');
  mkdirSync(tools);
  const tool = path.join(tools, 'clang++');
  writeFileSync(tool, '#!/bin/sh\necho "Debian clang version 14.0.6"\n', { mode: 0o755 });
  const old = await moegen(tools, 'compile', 'k.metal', '--target', 'host');
  expect(old.code).toBe(2);
  expect(old.err).toContain(`${tool} is clang 14.0.6: expected clang 17 or newer`);
});
