// Warnings of what Metal allows and Apple's GPUs compute wrongly: with reason, place and a way out, and never an error.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { compilePtx } from '../../generator/compile/ptx.js';
import { check, PRELUDE, testCache } from './support.js';

describe('a limit of at most one simdgroup', () => {
  const limited = (limit: string): string =>
    `${PRELUDE}constant uint lanes = 32;
[[kernel, max_total_threads_per_threadgroup(${limit})]] void k(device float* o) { o[0] = 1.0f; }`;

  test.each(['32', '16', '1', '16 * 2', 'lanes'])('%s', async (limit) => {
    const outcome = await check(limited(limit));
    expect(outcome.ok).toBe(true);
    expect(outcome.diagnostics).toMatchObject([
      {
        file: 'program.metal',
        line: 4,
        severity: 'warning',
        message: expect.stringMatching(/'k'.*barriers.*64/u) as string,
      },
    ]);
  });

  test.each(['33', '64', '1024', '2 * lanes'])('%s is none', async (limit) => {
    expect(await check(limited(limit))).toMatchObject({ ok: true, diagnostics: [] });
  });

  test('every instantiation of a template for itself', async () => {
    const outcome = await check(`${PRELUDE}template <int N>
[[kernel, max_total_threads_per_threadgroup(N * 32)]] void k(device float* o) { o[0] = N; }
template [[host_name("one")]] [[kernel]] decltype(k<1>) k<1>;
template [[host_name("two")]] [[kernel]] decltype(k<2>) k<2>;`);
    expect(outcome).toMatchObject({ ok: true, kernels: ['one', 'two'] });
    expect(outcome.diagnostics.map(({ line, severity }) => [line, severity])).toEqual([[5, 'warning']]);
  });

  test('also for PTX', async () => {
    const outcome = await compilePtx({ path: 'p.metal', text: limited('32') }, { cacheDir: testCache });
    expect(outcome).toMatchObject({ ok: true, diagnostics: [{ severity: 'warning', line: 4 }] });
  });

  test('no kernel of ours has one', () => {
    const folder = fileURLToPath(new URL('../../generated/', import.meta.url));
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const limits = files.flatMap(({ parentPath, name }) =>
      [
        ...readFileSync(join(parentPath, name), 'utf8').matchAll(
          /max_total_threads_per_threadgroup\(([^)]*)\)/gu,
        ),
      ].map(([, limit = '']) => ({ name, limit })),
    );
    expect(limits.length).toBeGreaterThan(0);
    expect(limits.filter(({ limit }) => !(Number(limit) >= 64))).toEqual([]);
  });
});

describe('simd_shuffle_xor with a mask that differs from lane to lane', () => {
  const shuffle = (mask: string, before = ''): string => `${PRELUDE}
kernel void k(device float* o, uint lane [[thread_index_in_simdgroup]], uint group [[simdgroup_index_in_threadgroup]]) {
  ${before}
  o[lane] = simd_shuffle_xor(o[lane], ushort(${mask}));
}`;

  test.each(['lane', 'lane & 3', 'group + (lane > 4 ? 1 : 2)'])('%s', async (mask) => {
    const outcome = await check(shuffle(mask));
    expect(outcome.ok).toBe(true);
    expect(outcome.diagnostics).toMatchObject([
      {
        line: 6,
        severity: 'warning',
        message: expect.stringMatching(/'lane'.*quad.*simd_shuffle$/u) as string,
      },
    ]);
  });

  test.each([['16'], ['group'], ['lane', 'for (ushort lane = 16; lane > 0; lane /= 2)']])(
    '%s %s is none',
    async (mask, before = '') => {
      expect(await check(shuffle(mask, before))).toMatchObject({ ok: true, diagnostics: [] });
    },
  );
});
