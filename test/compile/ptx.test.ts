import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { compilePtx } from '../../generator/compile/ptx.js';
import { fitToCuda, freezeLoads, UnsupportedOnCuda } from '../../generator/compile/representation/cuda.js';
import { PRELUDE, testCache } from './support.js';

describe('fitToCuda', () => {
  const head = 'target triple = "nvptx64-nvidia-cuda"\n';

  test('constant memory becomes global memory', () => {
    expect(fitToCuda('load float, ptr addrspace(4) %p\ncall void @llvm.memcpy.p0.p4.i64(ptr %a)')).toBe(
      'load float, ptr addrspace(1) %p\ncall void @llvm.memcpy.p0.p1.i64(ptr %a)',
    );
  });

  test('each threadgroup variable becomes a shared variable, once', () => {
    const call = (result: string, key: string): string =>
      `  ${result} = call i64 @__msl_shared_variable(ptr addrspace(4) noundef ${key}, i64 noundef 256, i64 noundef 8) #3\n`;
    const fitted = fitToCuda(head + call('%1', '@a.key') + call('%2', '@a.key') + call('%3', '@"b c"'));
    expect(fitted.match(/^@.*$/gmu)).toEqual([
      '@a.key.shared = internal addrspace(3) global [256 x i8] undef, align 16',
      '@"b c.shared" = internal addrspace(3) global [256 x i8] undef, align 16',
    ]);
    expect(fitted).toContain('%2 = ptrtoint ptr addrspace(3) @a.key.shared to i64\n');
    expect(fitted).not.toContain('__msl_shared_variable');
  });

  test('a size that is not known is an error', () => {
    const text =
      '%1 = call i64 @__msl_shared_variable(ptr addrspace(4) noundef @k, i64 noundef %n, i64 noundef 8)';
    expect(() => fitToCuda(head + text)).toThrow(UnsupportedOnCuda);
  });
});

describe('freezeLoads', () => {
  test('what is loaded, or put together, from 16-bit elements', () => {
    const text = [
      '  %7 = load <4 x half>, ptr addrspace(1) %6, align 8, !tbaa !3',
      '  %"a b" = bitcast i32 %7 to <2 x bfloat>',
      '  %s.1 = load i16, ptr %s, align 2',
      '  %8 = load <4 x float>, ptr %6',
      '  %9 = load <4 x i32>, ptr %6',
      '  %10 = bitcast half %h to i16',
    ].join('\n');
    expect(freezeLoads(text).split('\n')).toEqual([
      '  %raw.7 = load <4 x half>, ptr addrspace(1) %6, align 8, !tbaa !3',
      '  %7 = freeze <4 x half> %raw.7',
      '  %"raw.a b" = bitcast i32 %7 to <2 x bfloat>',
      '  %"a b" = freeze <2 x bfloat> %"raw.a b"',
      '  %raw.s.1 = load i16, ptr %s, align 2',
      '  %s.1 = freeze i16 %raw.s.1',
      '  %raw.8 = load <4 x float>, ptr %6',
      '  %8 = freeze <4 x float> %raw.8',
      '  %9 = load <4 x i32>, ptr %6',
      '  %10 = bitcast half %h to i16',
    ]);
  });
});

describe('compilePtx', () => {
  const program = `${PRELUDE}constant int n [[function_constant(3)]];
constant bool wide [[function_constant(4)]];
constant float table[3] = {1, 2, 3};
kernel void k(device float* o [[buffer(0)]], constant float& c [[buffer(2)]], threadgroup float* d [[threadgroup(0)]], ushort t [[thread_index_in_threadgroup]]) {
  threadgroup float s[64];
  s[t] = o[t] * c + table[t % 3];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (n > 5) { threadgroup int q[4]; q[t & 3] = n; d[t] = q[0]; }
  o[t] = s[63 - t] + (is_function_constant_defined(wide) ? 1.0 : 0.5);
}`;

  test('the kernel has a body, its shared variables and its parameters', async () => {
    const outcome = await compilePtx(
      { path: 'p.metal', text: program },
      { constants: { 3: 7 }, cacheDir: testCache },
    );
    expect(outcome).toMatchObject({
      ok: true,
      diagnostics: [],
      library: { kernels: [{ name: 'k', symbol: 'k' }] },
    });
    const text = readFileSync(outcome.library?.path ?? '', 'utf8');
    expect(text.match(/^\.visible \.entry \w+/gmu)).toEqual(['.visible .entry k']);
    expect(text.match(/\.param \.u\d+ k_param_\d/gu)).toEqual([
      '.param .u64 k_param_0',
      '.param .u64 k_param_1',
      '.param .u64 k_param_2',
      '.param .u32 k_param_3',
    ]);
    expect(text).toMatch(/\.shared \.align 16 \.b8 \S+\[256\]/u);
    expect(text).toMatch(/\.shared \.align 16 \.b8 \S+\[16\]/u);
    expect(text).toContain('st.global');
    expect(text).toContain('bar.sync');
    expect(text).not.toContain('ld.const');
  });

  test('constants decide what is compiled', async () => {
    const outcome = await compilePtx(
      { path: 'p.metal', text: program },
      { constants: { 3: 5 }, cacheDir: testCache },
    );
    const text = readFileSync(outcome.library?.path ?? '', 'utf8');
    expect(text).not.toMatch(/\.b8 \S+\[16\]/u);
  });

  test('errors have their places', async () => {
    const text = `${PRELUDE}kernel void k(device float* o) { o[0] = missing; }`;
    const outcome = await compilePtx({ path: 'p.metal', text }, { cacheDir: testCache });
    expect(outcome).toMatchObject({
      ok: false,
      kernels: ['k'],
      diagnostics: [{ file: 'p.metal', line: 3, column: 41 }],
    });
  });

  test.each(['half2', 'half4', 'bfloat3', 'bfloat4', 'ushort4'])('a loop may carry %s', async (type) => {
    const text = `${PRELUDE}kernel void k(device ${type}* o, device const ${type}* a, constant int& n) {
  ${type} sum = a[0], scale = a[1];
  for (int i = 0; i < n; i++) { sum += a[i] * scale; sum.y = sum.x; }
  o[0] = sum;
  o[1] = ${type}(${type.startsWith('u') ? 'max(sum, scale)' : 'exp(sum)'});
}`;
    const outcome = await compilePtx({ path: 'p.metal', text }, { cacheDir: testCache });
    expect(outcome).toMatchObject({ ok: true, diagnostics: [] });
  });

  test.each(['float2', 'float4'])('what is loaded in one block is there in another: %s', async (type) => {
    const text = `${PRELUDE}kernel void k(device ${type}* o, device const uint& n, uint t [[thread_index_in_threadgroup]]) {
  threadgroup ${type} s[32];
  s[t] = o[t + 1];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const ${type} x = s[31 - t];
  if (n > 2) atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
  o[t] = x;
}`;
    const outcome = await compilePtx({ path: 'p.metal', text }, { cacheDir: testCache });
    expect(outcome.diagnostics).toEqual([]);
    const ptx = readFileSync(outcome.library?.path ?? '', 'utf8');
    expect(ptx).toMatch(/ld\.shared\.(?:v2\.b(?:32|64)|b64|v4\.b32)/u);
  });

  test("kernels that LLVM's peephole optimiser fails on", async () => {
    const path = fileURLToPath(new URL('../../generated/bf16/moe_shared_expert_bf16.metal', import.meta.url));
    const outcome = await compilePtx({ path }, { cacheDir: testCache });
    expect(outcome).toMatchObject({ ok: true, diagnostics: [] });
  });

  test('subnormal floats count as zeros unless they are kept', async () => {
    const text = `${PRELUDE}kernel void k(device float* o, device const float* a, device half* h, uint t [[thread_position_in_grid]]) {
  const float x = a[t];
  o[0] = (x < 1.0f ? x + o[1] : x * o[2]) / o[3];
  o[4] = fma(x, o[5], o[6]) + sqrt(o[7]) + simd_sum(x) + precise::exp(x);
  h[0] = h[1] * h[2] + half(o[8]);
}`;
    const arithmetic = /^\s(?:add|sub|mul|fma|div|sqrt|setp)\.\S*f32\b/gmu;
    const ptx = async (options: { readonly subnormals?: 'flush' | 'keep' }) => {
      const outcome = await compilePtx({ path: 'p.metal', text }, { ...options, cacheDir: testCache });
      return readFileSync(outcome.library?.path ?? '', 'utf8');
    };
    const flush = await ptx({});
    expect(await ptx({ subnormals: 'flush' })).toBe(flush);
    const operations = flush.match(arithmetic) ?? [];
    expect(operations.length).toBeGreaterThan(10);
    expect(operations.filter((operation) => !operation.includes('.ftz'))).toEqual([]);
    // In conversions `.ftz` is about the float alone.
    expect(flush.match(/^\s(?!cvt)\S*\.ftz\.(?:f16|f64|bf16)/gmu)).toBeNull();
    expect(flush).toMatch(/^\s(?:mul|fma)\.rn\.f16/mu);
    const keep = await ptx({ subnormals: 'keep' });
    expect(keep.match(arithmetic)).toHaveLength(operations.length);
    expect(keep).not.toContain('.ftz');
  });

  test('integers are divided by anything', async () => {
    const text = `${PRELUDE}kernel void k(device int* o, constant int& n) { o[0] = n == 0 ? 7 : o[1] / n; }`;
    const outcome = await compilePtx({ path: 'p.metal', text }, { cacheDir: testCache });
    // The comparison with zero is still there.
    expect(readFileSync(outcome.library?.path ?? '', 'utf8')).toMatch(/setp\.(?:eq|ne)\.[bsu]32\s.*, 0;/u);
  });

  test('function constants of small types and vectors', async () => {
    const text = `${PRELUDE}typedef bfloat2 Pair;
constant half a [[function_constant(0)]]; constant Pair b [[function_constant(1)]]; constant ulong c [[function_constant(2)]];
kernel void k(device float* o) { o[0] = float(a) + b.y + c; }`;
    const constants = { 0: 0.5, 1: [2, 1.5], 2: 3 };
    const outcome = await compilePtx({ path: 'p.metal', text }, { constants, cacheDir: testCache });
    // 5 as a float.
    expect(readFileSync(outcome.library?.path ?? '', 'utf8')).toMatch(/0f40A00000|1084227584/u);
  });
});
