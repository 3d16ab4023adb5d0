import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { compilePtx, type PtxOptions } from '../../generator/compile/ptx.js';
import { promiseComponentAlignment } from '../../generator/compile/representation/alignment.js';
import { releasePrivateMemory } from '../../generator/compile/representation/private-memory.js';
import { PRELUDE, testCache } from './support.js';

async function ptxOf(text: string, options: PtxOptions = {}): Promise<string> {
  const outcome = await compilePtx({ path: 'p.metal', text }, { ...options, cacheDir: testCache });
  expect(outcome.diagnostics).toEqual([]);
  return readFileSync(outcome.library?.path ?? '', 'utf8');
}

describe('variables of a thread lie in registers', () => {
  const folder = (name: string): string =>
    fileURLToPath(new URL(`../../generated/${name}/`, import.meta.url));
  // Those of the drop-in files sort lists whose length only the caller knows.
  const files = ['bf16', 'common'].flatMap((name) =>
    readdirSync(folder(name))
      .filter((file) =>
        /^moe_(?:\w*_bf16_bf16(?:_\w+)?|combine_\w+|index_\w+|router_select_\w+)\.metal$/u.test(file),
      )
      .map((file) => folder(name) + file),
  );

  test.each(files)('%s', async (path) => {
    const outcome = await compilePtx({ path }, { cacheDir: testCache });
    const text = readFileSync(outcome.library?.path ?? '', 'utf8');
    expect(text).toContain('.visible .entry');
    expect(text).not.toMatch(/\.local\b|__local_depot/u);
  });

  test('fragments that loops with much in them index', async () => {
    const text = await ptxOf(`${PRELUDE}
kernel void k(device float* o, device const float* a, constant uint& n, uint t [[thread_index_in_threadgroup]]) {
  float sums[8][4];
  for (uint i = 0; i < 8; i++) for (uint j = 0; j < 4; j++) sums[i][j] = 0;
  for (uint s = 0; s < n; s++) {
    for (uint i = 0; i < 8; i++) {
      float x[4], y[8];
      for (uint j = 0; j < 4; j++) x[j] = a[s * 128 + i * 4 + j];
      for (uint j = 0; j < 8; j++) y[j] = exp(a[s * 64 + j * t] * a[j + i]);
      for (uint j = 0; j < 4; j++) for (uint l = 0; l < 8; l++) sums[i][j] = fma(x[j], y[l] + y[7 - l], sums[i][j]);
    }
  }
  for (uint i = 0; i < 8; i++) for (uint j = 0; j < 4; j++) o[(i * 4 + j) * 32 + t] = sums[i][j];
}`);
    expect(text).not.toMatch(/\.local\b|__local_depot/u);
  });

  test('variables that are volatile, or that a function takes by reference', async () => {
    const text = await ptxOf(`${PRELUDE}
struct Sums { float values[4]; };
__attribute__((noinline)) float of(thread Sums& s) { return s.values[0]; }
inline void add(thread Sums& s, device const float* a, uint i) { for (uint j = 0; j < 4; j++) s.values[j] += exp(a[i + j]); }
kernel void k(device float* o, device const float* a, constant uint& n, uint t [[thread_position_in_grid]]) {
  Sums s = {{0, 0, 0, 0}};
  for (uint i = 0; i < n; i++) { volatile int barrier; add(s, a, i); (void)barrier; }
  for (uint j = 0; j < 4; j++) o[t * 4 + j] = s.values[j];
}`);
    expect(text).not.toMatch(/\.local\b|__local_depot/u);
  });
});

describe('releasePrivateMemory', () => {
  test("only a thread's own variables", () => {
    const text = [
      'define void @k(ptr %p) {',
      '  %v = alloca i32, align 4',
      '  store volatile i32 0, ptr %v, align 4',
      '  %1 = load volatile i32, ptr %v, align 4',
      '  %2 = load volatile i32, ptr %p, align 4',
      '  store volatile i32 %1, ptr addrspace(1) %g, align 4',
      '}',
    ].join('\n');
    expect(releasePrivateMemory(text).match(/volatile [^\n]*/gu)).toEqual([
      'volatile i32, ptr %p, align 4',
      'volatile i32 %1, ptr addrspace(1) %g, align 4',
    ]);
  });
});

describe('where vectors may lie', () => {
  const program = `${PRELUDE}
kernel void k(device const float* f, device const half* h, device const uchar* c, device float* o, constant uint& n, uint t [[thread_position_in_grid]]) {
  const float4 sum = *(device const float4*)(f + t * n) + float4(*(device const half4*)(h + t * n)) + float4(*(device const uchar4*)(c + t * n));
  *(device float4*)(o + t * n) = sum;
}`;
  const accesses = (text: string): string[] => (text.match(/\b(?:ld|st)\.global[.\w]*/gu) ?? []).sort();

  test("at multiples of their size: a vector's pointer says so", async () => {
    expect(accesses(await ptxOf(program)).map((name) => name.replace(/\bb64\b/u, 'v2.b32'))).toEqual(
      expect.arrayContaining(['ld.global.v2.b32', 'st.global.v4.b32']),
    );
    expect(accesses(await ptxOf(program))).toHaveLength(5);
  });

  test("at multiples of their components' size, where that is asked for", async () => {
    const text = await ptxOf(program, { alignment: 'component' });
    expect(accesses(text)).toEqual([
      ...Array<string>(4).fill('ld.global.b16'),
      ...Array<string>(5).fill('ld.global.b32'),
      ...Array<string>(4).fill('ld.global.b8'),
      ...Array<string>(4).fill('st.global.b32'),
    ]);
  });

  test('copies, references and vectors lose their promise, scalars do not', () => {
    const text = [
      '  %1 = load <4 x float>, ptr addrspace(1) %p, align 16',
      '  store <2 x half> %x, ptr %p, align 4',
      '  call void @llvm.memcpy.p0.p1.i64(ptr align 8 %a, ptr addrspace(1) align 8 %b, i64 8, i1 false)',
      '  call void @llvm.memcpy.p0.p1.i64(ptr align 8 %a, ptr addrspace(1) align 8 %b, i64 24, i1 false)',
      '  call void @f(ptr noundef nonnull align 16 dereferenceable(16) %a)',
      '  %2 = load i64, ptr %p, align 8',
    ].join('\n');
    expect(promiseComponentAlignment(text).split('\n')).toEqual([
      '  %1 = load <4 x float>, ptr addrspace(1) %p, align 4',
      '  store <2 x half> %x, ptr %p, align 2',
      '  call void @llvm.memcpy.p0.p1.i64(ptr align 2 %a, ptr addrspace(1) align 2 %b, i64 8, i1 false)',
      '  call void @llvm.memcpy.p0.p1.i64(ptr align 8 %a, ptr addrspace(1) align 8 %b, i64 24, i1 false)',
      '  call void @f(ptr noundef nonnull align 1 dereferenceable(16) %a)',
      '  %2 = load i64, ptr %p, align 8',
    ]);
  });
});
