// `--watch`: a command runs again when a file changes, survives what is wrong with it, and ends when it is interrupted.

import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { renameSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { freshFolder, put } from '../support/output-folder.js';
import { moegen } from './moegen.js';

const BIN = path.resolve(import.meta.dirname, '../../bin/moegen.js');
const KERNEL = `#include <metal_stdlib>
kernel void f(device float* p [[buffer(0)]]) { p[0] = 1.0f; }
`;
const BLOCK = {
  ...{ hidden_size: 64, intermediate_size: 64, num_experts: 4, top_k: 2 },
  router: { scoring: { kind: 'softmax' } },
};

interface Watching {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** What came out until the next time that it waits. */
  readonly pause: () => Promise<string>;
}

const children: Watching['child'][] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(cwd: string, ...options: string[]): Watching {
  const child = spawn(process.execPath, [BIN, ...options, '--watch'], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let seen = '';
  let wake = (): void => undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
      wake();
    });
  }
  const waits = /^watching .+; interrupt to end$/m;
  const pause = async (): Promise<string> => {
    while (!waits.test(seen)) await new Promise<void>((resolve) => (wake = resolve));
    const text = seen;
    seen = '';
    return text;
  };
  return { child, pause };
}

async function interrupted({ child }: Watching): Promise<[number | null, string | null]> {
  const ended = new Promise<[number | null, string | null]>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve([code, signal]);
    });
  });
  child.kill('SIGINT');
  return ended;
}

describe('--watch', { timeout: 120_000 }, () => {
  it('compiles a file, and what lies beside it, again when it changes', async () => {
    const cwd = freshFolder();
    put(cwd, 'own.metal', KERNEL);
    const watching = start(cwd, 'compile', 'own.metal', '--target', 'host');
    expect(await watching.pause()).toMatch(/^1 of 1 files? compile/m);
    put(cwd, 'own.metal', KERNEL.replace('1.0f', 'undeclared'));
    expect(await watching.pause()).toContain(
      "own.metal:2:55: error: use of undeclared identifier 'undeclared'",
    );
    put(cwd, 'other.txt', 'not watched');
    put(cwd, 'next', KERNEL.replace('1.0f', 'VALUE').replace('>', '>\n#include "value.h"'));
    put(cwd, 'value.h', '#define VALUE 2.0f\n');
    // As editors do that write beside the file.
    renameSync(path.join(cwd, 'next'), path.join(cwd, 'own.metal'));
    expect(await watching.pause()).toMatch(/^1 of 1 files? compile/m);
    put(cwd, 'value.h', '#define VALUE unknown\n');
    expect(await watching.pause()).toContain("undeclared identifier 'unknown'");
    expect(await interrupted(watching)).toEqual([0, null]);
  });

  it('generates a model again, and says what is wrong with its description', async () => {
    const cwd = freshFolder();
    put(cwd, 'block.json', JSON.stringify(BLOCK));
    const options = ['--spec', 'block.json', '--dtype', 'f32', '--no-compile', '--kernel', 'moe_combine_*'];
    const watching = start(cwd, ...options);
    expect(await watching.pause()).toMatch(/^generated\/block: 1 kernels; files: 1 written/m);
    put(cwd, 'block.json', '{');
    expect(await watching.pause()).toMatch(/^error\[spec\//m);
    put(cwd, 'block.json', JSON.stringify({ ...BLOCK, top_k: 3 }));
    expect(await watching.pause()).toMatch(/^generated\/block: 1 kernels; files: 1 written/m);
    expect(await interrupted(watching)).toEqual([0, null]);
  });

  it.each([
    [['compile'], 'cli/nothing-to-watch'],
    [['validate', 'moe_combine_f32'], 'cli/nothing-to-watch'],
    [['--spec', 'block.json', '--check'], 'cli/usage'],
    [['compile', 'own.metal', '--json'], 'cli/usage'],
  ])('is refused with %j', async (options, code) => {
    const outcome = await moegen(freshFolder(), ...options, '--watch');
    expect(outcome.code).toBe(2);
    expect(`${outcome.out}${outcome.err}`).toContain(code);
  });
});
