import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterAll, describe, expect, test, vi } from 'vitest';

import { cached, contentKey, defaultCacheDir } from '../../generator/compile/cache.js';
import { compileHost } from '../../generator/compile/host.js';
import { emptyFolder, PRELUDE } from './support.js';

const folder = emptyFolder();
const cacheDir = join(folder, 'cache');
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const PROGRAM = `${PRELUDE}#include "part.h"
constant int size [[function_constant(4)]];
kernel void first(device float* o [[buffer(0)]]) { o[0] = VALUE * size; }
kernel void second(device float* o [[buffer(0)]]) { threadgroup float t[4]; t[0] = o[0]; o[0] = t[0]; }
`;

async function compile(options: { kernels?: string[]; instrument?: boolean } = {}) {
  return compileHost({ path: join(folder, 'program.metal'), text: PROGRAM }, { ...options, cacheDir });
}

function libraries(): string[] {
  return readdirSync(join(cacheDir, 'host')).sort();
}

describe('compiled libraries', () => {
  test('are built once per content and options', async () => {
    writeFileSync(join(folder, 'part.h'), '#define VALUE 2.0f\n');
    const first = await compile();
    expect(first).toMatchObject({ ok: true, kernels: ['first', 'second'], diagnostics: [] });
    expect(first.library).toMatchObject({
      instrumented: false,
      constants: [{ index: 4, name: 'size', type: 'int', symbol: '__msl_constant_4' }],
      kernels: [{ name: 'first' }, { name: 'second' }],
    });
    const path = first.library?.path ?? '';
    expect(statSync(path).size).toBeGreaterThan(0);
    const long = new Date('2020-01-01');
    utimesSync(path, long, long);
    expect(await compile()).toEqual(first);
    expect(statSync(path).mtime).toEqual(long);
    expect(libraries()).toHaveLength(1);
  });

  test('are rebuilt when an included file changes, and found again when it changes back', async () => {
    const before = await compile();
    writeFileSync(join(folder, 'part.h'), '#define VALUE 3.0f\n');
    const after = await compile();
    expect(after.library?.path).not.toBe(before.library?.path);
    expect(libraries()).toHaveLength(2);
    writeFileSync(join(folder, 'part.h'), '#define VALUE 2.0f\n');
    expect((await compile()).library?.path).toBe(before.library?.path);
    expect(libraries()).toHaveLength(2);
  });

  test('are rebuilt when the file is gone', async () => {
    const path = (await compile()).library?.path ?? '';
    rmSync(path);
    expect((await compile()).library?.path).toBe(path);
    expect(statSync(path).size).toBeGreaterThan(0);
  });

  test.each([
    ['the library', (path: string) => path],
    [
      'what is remembered of it',
      () => join(cacheDir, 'outcomes', readdirSync(join(cacheDir, 'outcomes'))[0] ?? ''),
    ],
  ])('are rebuilt when %s is damaged', async (_, placeOf) => {
    const path = (await compile()).library?.path ?? '';
    const whole = readFileSync(path);
    const place = placeOf(path);
    writeFileSync(place, readFileSync(place).subarray(0, 20));
    expect(await compile()).toMatchObject({ ok: true, library: { path } });
    expect(readFileSync(path).equals(whole)).toBe(true);
    expect(readFileSync(place).byteLength).toBeGreaterThan(20);
  });

  test('lie in folders that nobody else can write', async () => {
    await compile();
    const own = join(cacheDir, 'host');
    expect(statSync(own).mode & 0o777).toBe(0o700);
    chmodSync(own, 0o777);
    rmSync((await compile()).library?.path ?? '');
    expect((await compile()).ok).toBe(true);
    expect(statSync(own).mode & 0o777).toBe(0o755);
  });

  test.runIf(process.getuid?.() === 0)('of another user are refused', async () => {
    await compile();
    const own = join(cacheDir, 'host');
    rmSync((await compile()).library?.path ?? '');
    chownSync(own, 4242, 4242);
    await expect(compile()).rejects.toMatchObject({ code: 'compile/cache-unsafe' });
    chownSync(own, 0, 0);
    expect((await compile()).ok).toBe(true);
  });

  test('differ by kernels and by instrumentation', async () => {
    const some = await compile({ kernels: ['second'] });
    expect(some.kernels).toEqual(['first', 'second']);
    expect(some.library?.kernels.map((kernel) => kernel.name)).toEqual(['second']);
    const instrumented = await compile({ instrument: true });
    expect(instrumented.library?.instrumented).toBe(true);
    const text = readFileSync(instrumented.library?.path ?? '', 'latin1');
    expect(text).toContain('__hwasan_store4');
    expect(readFileSync(some.library?.path ?? '', 'latin1')).not.toContain('__hwasan');
  });

  test('hold the entries and the storage of function constants', async () => {
    const library = (await compile()).library;
    const text = readFileSync(library?.path ?? '', 'latin1');
    for (const kernel of library?.kernels ?? []) expect(text).toContain(kernel.symbol);
    for (const constant of library?.constants ?? []) expect(text).toContain(`${constant.symbol}_defined`);
  });

  test('leave nothing half-written behind', () => {
    const names = readdirSync(cacheDir, { recursive: true, encoding: 'utf8' });
    expect(names.filter((name) => /\.o$|\.ll$|\.\d+\.[\da-f]{8}/u.test(name))).toEqual([]);
  });

  test('a broken program is no library', async () => {
    const count = libraries().length;
    const outcome = await compileHost(
      { path: 'x.metal', text: 'kernel void k(device int* a) { a[0] = nothing; }' },
      { cacheDir },
    );
    expect(outcome).toMatchObject({ ok: false, kernels: ['k'] });
    expect(outcome.library).toBeUndefined();
    expect(libraries()).toHaveLength(count);
  });
});

describe('cached', () => {
  test('builds one file once for concurrent calls', async () => {
    const build = vi.fn(async (path: string) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      writeFileSync(path, 'content');
      return { ok: true };
    });
    const results = await Promise.all([1, 2, 3].map(() => cached(join(folder, 'c'), 'file', build)));
    expect(build).toHaveBeenCalledTimes(1);
    expect(results.map((result) => result.path)).toEqual(Array(3).fill(join(folder, 'c', 'file')));
    expect(readdirSync(join(folder, 'c'))).toEqual(['file']);
  });

  test('keeps nothing of a build that fails', async () => {
    const build = (path: string): Promise<{ ok: boolean }> => {
      writeFileSync(path, 'half');
      return Promise.resolve({ ok: false });
    };
    expect((await cached(join(folder, 'd'), 'file', build)).result).toEqual({ ok: false });
    expect(readdirSync(join(folder, 'd'))).toEqual([]);
  });

  test('says what to do about a folder that cannot be written', async () => {
    writeFileSync(join(folder, 'file'), '');
    const build = (): Promise<{ ok: boolean }> => Promise.resolve({ ok: true });
    await expect(cached(join(folder, 'file', 'below'), 'x', build)).rejects.toMatchObject({
      code: 'compile/cache-unwritable',
      help: 'Set MOEGEN_CACHE to a folder that can be written.',
    });
  });
});

test('keys tell parts apart', () => {
  expect(contentKey(['ab', 'c'])).not.toBe(contentKey(['a', 'bc']));
  expect(contentKey(['ab', 'c'])).toBe(contentKey(['ab', 'c']));
});

test('the default folder follows MOEGEN_CACHE and the platform', () => {
  expect(defaultCacheDir({ MOEGEN_CACHE: '/elsewhere' })).toBe('/elsewhere');
  if (process.platform === 'linux') {
    expect(defaultCacheDir({ XDG_CACHE_HOME: '/x' })).toBe('/x/moegen');
    expect(defaultCacheDir({})).toMatch(/\.cache\/moegen$/u);
  }
});

test('symbols of a library are its entries, its constants and nothing else', async () => {
  const library = (await compile()).library;
  // Everything dynamic that starts with an underscore pair is ours; user functions stay hidden.
  const strings = execFileSync(
    'grep',
    ['-aoE', '(__msl_entry_[0-9]+|__msl_constant_[0-9a-z_]+)', library?.path ?? ''],
    { encoding: 'utf8' },
  );
  expect(new Set(strings.trim().split('\n'))).toEqual(
    new Set(['__msl_entry_0', '__msl_entry_1', '__msl_constant_4', '__msl_constant_4_defined']),
  );
});
