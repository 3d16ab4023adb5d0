import { describe, expect, test } from 'vitest';

import { check, errorsOf, PRELUDE, translateText } from './support.js';

describe('refused', () => {
  test.each([
    [
      "'buffer' and 'threadgroup' exclude each other",
      'kernel void k(device float* o [[buffer(0), threadgroup(0)]]) { *o = 1; }',
    ],
    [
      'max_total_threads_per_threadgroup(2048) is 2048',
      '[[max_total_threads_per_threadgroup(2048)]] kernel void k(device float* o) { *o = 1; }',
    ],
    [
      "function_constant(a) is 'float', not 'bool'",
      'constant float a [[function_constant(0)]]; kernel void k(device float* o [[buffer(0), function_constant(a)]]) { *o = 1; }',
    ],
    [
      'function_constant(nope) is no function constant',
      'kernel void k(device float* o [[buffer(0), function_constant(nope)]]) { *o = 1; }',
    ],
    [
      "function constant 'a' must be a scalar or a vector, not 'S'",
      'struct S { int b; }; constant S a [[function_constant(0)]];',
    ],
    ["kernel 'k' cannot be a member", 'struct S { kernel void k(device float* o) { *o = 1; } };'],
    [
      "'b' calls the kernel 'a'",
      'kernel void a(device float* o) { *o = 1; } kernel void b(device float* o) { a(o); }',
    ],
    [
      'a thread index must be ushort or uint',
      'kernel void k(device float* o [[buffer(0)]], uint2 i [[thread_index_in_simdgroup]]) { *o = i.x; }',
    ],
  ])('%s', async (message, text) => {
    expect(
      errorsOf(await check(PRELUDE + text))
        .map((error) => error.message)
        .join('\n'),
    ).toContain(message);
  });
});

test.each([
  '[[foo]] kernel void k(device float* o) { *o = 1; }',
  'kernel void k(device float* o) { float x [[foo]] = 1; *o = x; }',
  'struct S { int a [[foo]]; };',
])('what Metal does not know is ignored, with a warning: %s', async (text) => {
  const { ok, diagnostics } = await check(PRELUDE + text);
  expect(ok).toBe(true);
  expect(diagnostics).toMatchObject([
    { severity: 'warning', line: 3, message: "unknown attribute 'foo' is ignored" },
  ]);
});

test('helpers may repeat attributes of kernels, and structs those of other functions', async () => {
  const outcome =
    await check(`${PRELUDE}struct V { float4 p [[position, invariant]]; float2 q [[user(locn0)]]; float4 a [[attribute(0)]]; };
void helper(device float* o [[buffer(0)]], uint i [[thread_index_in_simdgroup]]) { o[i] = 1; }
extern "C" kernel void k(device float* o [[buffer(0)]], uint i [[thread_index_in_simdgroup]], uint3 g [[grid_origin]], ushort q [[dispatch_quadgroups_per_threadgroup]]) { helper(o, i + g.x + q); }`);
  expect(outcome.diagnostics).toEqual([]);
});

test('kernels with one name are told apart by their template arguments', () => {
  const { kernels, findings } = translateText(`
    template <typename T, typename M, int WM, int WN> [[kernel, max_total_threads_per_threadgroup(WM * WN * 32)]] void k(device T* a [[buffer(3)]]) {}
    template <typename T, int BM, int BN, int WM, int WN = 2> [[kernel, max_total_threads_per_threadgroup(WM * WN * 32)]] void k(device T* a [[buffer(4)]]) {}
    template [[host_name("a")]] [[kernel]] decltype(k<half, bool, 1, 2>) k<half, bool, 1, 2>;
    template [[host_name("b")]] [[kernel]] decltype(k<half, 64, 32, 4>) k<half, 64, 32, 4>;`);
  expect(findings).toEqual([]);
  expect(
    kernels.map((kernel) => [kernel.maxTotalThreadsPerThreadgroup, kernel.parameters[0]?.index]),
  ).toEqual([
    [64, 3],
    [256, 4],
  ]);
});
