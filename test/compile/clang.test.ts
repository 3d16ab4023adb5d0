import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { findClang, search } from '../../generator/compile/clang.js';
import { compileFlags, processorFlags } from '../../generator/compile/flags.js';
import { LIBRARY_HEADER } from '../../generator/compile/headers.js';
import { linkCommand } from '../../generator/compile/link.js';
import { runProcess } from '../../generator/compile/process.js';
import { emptyFolder } from './support.js';

const folder = emptyFolder();
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A folder with a program that only says its version. */
function stage(name: string, program: string, version: string): string {
  const bin = join(folder, name);
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, program), `#!/bin/sh\necho "Some clang version ${version} (test)"\n`);
  chmodSync(join(bin, program), 0o755);
  return bin;
}

describe('search', () => {
  test('MOEGEN_CLANG comes first, with its arguments', async () => {
    const bin = stage('chosen', 'my-clang', '18.1.0');
    const clang = await search({
      MOEGEN_CLANG: `${join(bin, 'my-clang')} -some-flag`,
      PATH: stage('path', 'clang++', '20.1.0'),
    });
    expect(clang).toMatchObject({
      command: [join(bin, 'my-clang'), '-some-flag'],
      kind: 'clang',
      version: '18.1.0',
    });
  });

  test('then clang++ on the PATH', async () => {
    const bin = stage('path', 'clang++', '20.1.0');
    expect(await search({ PATH: bin })).toMatchObject({
      command: [join(bin, 'clang++')],
      version: '20.1.0',
    });
  });

  test('but none that is too old: the package has one', async () => {
    const clang = await search({ PATH: stage('old', 'clang++', '14.0.6') });
    expect(clang.kind).toBe('zig');
    expect(clang.command.at(-1)).toBe('clang');
  });

  test('and the newest of several by their full names', async () => {
    const bin = stage('several', 'clang++-19', '19.1.7');
    for (const version of ['14.0.6', '20.1.2']) stage('several', `clang++-${parseInt(version, 10)}`, version);
    expect(await search({ PATH: bin })).toMatchObject({ command: [join(bin, 'clang++-20')] });
  });

  test('MOEGEN_CLANG that is no clang is an error with a next step', async () => {
    await expect(search({ MOEGEN_CLANG: '/nowhere/clang' })).rejects.toMatchObject({
      code: 'compile/no-clang',
      message: "MOEGEN_CLANG is '/nowhere/clang', which is no clang",
    });
  });
});

describe('linkCommand', () => {
  const zig = { command: ['/z/zig', 'clang'], kind: 'zig', version: '21', identity: '' } as const;
  const clang = { command: ['/c/clang++'], kind: 'clang', version: '20', identity: '' } as const;

  test.each([
    [zig, 'linux', '/z/zig ld.lld -shared --allow-multiple-definition -o out a.o b.o'],
    [clang, 'linux', '/c/clang++ -shared -nostdlib -Wl,-z,muldefs -o out a.o b.o'],
    [zig, 'darwin', '/z/zig cc -shared -Wl,-undefined,dynamic_lookup -o out a.o b.o'],
    [clang, 'darwin', '/c/clang++ -shared -Wl,-undefined,dynamic_lookup -o out a.o b.o'],
  ] as const)('%o on %s', (compiler, platform, expected) => {
    expect(linkCommand(compiler, ['a.o', 'b.o'], 'out', platform).join(' ')).toBe(expected);
  });
});

test('processes that cannot start are errors of the user', async () => {
  await expect(runProcess(['/nowhere/tool'])).rejects.toMatchObject({ code: 'compile/cannot-start' });
});

test('never more processes at a time than there are cores', async () => {
  const log = join(folder, 'log');
  const one = ['sh', '-c', `echo + >> ${log}; sleep 0.05; echo - >> ${log}`];
  const count = 3 * availableParallelism() + 1;
  // Each starts another one when it ends, while others wait.
  await Promise.all(Array.from({ length: count }, () => runProcess(one).then(() => runProcess(one))));
  const steps = readFileSync(log, 'utf8').trim().split('\n');
  let running = 0;
  const most = Math.max(...steps.map((step) => (running += step === '+' ? 1 : -1)));
  expect(steps).toHaveLength(4 * count);
  expect(most).toBe(availableParallelism());
});

test.each(['linux-x64', 'linux-arm64', 'darwin-arm64', 'darwin-x64'])(
  'the library compiles for %s',
  async (machine) => {
    const clang = await findClang();
    const flags = compileFlags('host', processorFlags(machine) ?? []);
    const probe = `#include "${LIBRARY_HEADER}"
half product(half a, half b, half c) { return a * b + c; }
bfloat rounded(float x) { return (bfloat)x; }`;
    const { code, stdout, stderr } = await runProcess([...clang.command, ...flags, '-S', '-', '-o', '-'], {
      input: probe,
    });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    // Each half operation rounds by itself.
    expect(stdout).not.toMatch(/fmadd\s+h|vfmadd\w*sh/u);
  },
);
