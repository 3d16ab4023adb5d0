// Several runs at once, and runs that are stopped: no file is lost, none is left.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../generator/manifest/schema.js';
import { listFiles } from '../../generator/output/files.js';
import { withLock } from '../../generator/output/lock.js';
import { unlistedKernels } from '../../generator/output/unlisted.js';
import { freshFolder, put } from '../support/output-folder.js';

const BIN = path.resolve(import.meta.dirname, '../../bin/moegen.js');
const LOCK = '.moegen.lock';
const SOON = { wait: 200, stale: 60_000 };

function start(cwd: string, argv: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  return spawn(process.execPath, [BIN, ...argv], { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });
}

describe('the lock of an output folder', () => {
  it('lets one work after the other', async () => {
    const folder = freshFolder();
    const steps: string[] = [];
    const work = (name: string) =>
      withLock(folder, async () => {
        steps.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, 60));
        steps.push(`${name} ends`);
      });
    await Promise.all([work('a'), work('b')]);
    expect(steps).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(listFiles(folder)).toEqual([]);
  });

  it('is gone after a failure', async () => {
    const folder = freshFolder();
    await expect(withLock(folder, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(listFiles(folder)).toEqual([]);
  });

  it('is taken over from a process that is dead', async () => {
    const folder = freshFolder();
    put(folder, LOCK, JSON.stringify({ pid: 999_999_999, host: hostname() }));
    expect(await withLock(folder, () => 'done', SOON)).toBe('done');
    expect(listFiles(folder)).toEqual([]);
  });

  it('of another machine is taken over when it is old, and refused with its holder before', async () => {
    const folder = freshFolder();
    put(folder, LOCK, JSON.stringify({ pid: 7, host: 'elsewhere' }));
    await expect(withLock(folder, () => 'done', SOON)).rejects.toMatchObject({
      code: 'output/locked',
      message: expect.stringContaining('process 7 on elsewhere') as string,
    });
    expect(listFiles(folder)).toEqual([LOCK]);
    const old = new Date(Date.now() - 120_000);
    utimesSync(path.join(folder, LOCK), old, old);
    expect(await withLock(folder, () => 'done', SOON)).toBe('done');
  });

  it('keeps what another run writes to a folder of its own', () => {
    const files = ['model/.moegen.lock', 'model/bf16/a.metal', 'bf16/b.metal'];
    expect(unlistedKernels(files, { kernels: [] })).toEqual(['bf16/b.metal']);
  });
});

describe('processes', () => {
  it('that write different kernels to one folder at once all keep theirs', async () => {
    const cwd = freshFolder();
    const globs = ['moe_combine_*', 'moe_index_*', 'moe_shared_sigmoid_*'];
    const runs = globs.map((glob) => start(cwd, ['--kernel', glob, '--no-compile']));
    const ends = await Promise.all(runs.map(async (run) => (await once(run, 'exit'))[0] as unknown));
    expect(ends).toEqual([0, 0, 0]);
    const manifest = readFileSync(path.join(cwd, 'generated/manifest.json'), 'utf8');
    const { kernels } = parseManifest(manifest, 'manifest.json');
    const files = listFiles(path.join(cwd, 'generated'));
    expect(files).toEqual([...new Set(kernels.map(({ file }) => file)), 'manifest.json'].sort());
    for (const glob of globs) {
      expect(kernels.some(({ name }) => name.startsWith(glob.slice(0, -1)))).toBe(true);
    }
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('that get %s leave nothing that is half made', async (signal) => {
    const cwd = freshFolder();
    const cache = path.join(cwd, 'cache');
    put(
      cwd,
      'k.metal',
      '#include <metal_stdlib>\nkernel void f(device float* a [[buffer(0)]]) { a[0] = 1; }\n',
    );
    const run = start(cwd, ['compile', 'k.metal', '--target', 'host'], {
      ...process.env,
      MOEGEN_CACHE: cache,
    });
    const ended = once(run, 'exit');
    const files = () => (existsSync(cache) ? readdirSync(cache, { recursive: true, encoding: 'utf8' }) : []);
    const halfMade = () => files().filter((file) => file.includes(`.${run.pid ?? ''}.`));
    // A machine that does much else takes its time until the compiler runs.
    for (let i = 0; i < 10_000 && halfMade().length === 0 && run.exitCode === null; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(run.exitCode).toBeNull();
    expect(halfMade()).not.toEqual([]);
    run.kill(signal);
    expect(await ended).toEqual([null, signal]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(halfMade()).toEqual([]);
  });
});
