// Programs that must compile: large ones in the style of the libraries that engines use, and small ones beside each rule.

import { describe, expect, test } from 'vitest';

import { listKernels } from '../../generator/compile/front.js';
import { checkHost } from '../../generator/compile/host.js';
import { check, fixture, kernel, PRELUDE, testCache } from './support.js';

describe('whole files', () => {
  test.each([
    ['block_kernels.metal', 14],
    ['tiles.metal', 17],
    ['language.metal', 7],
    ['atomics.metal', 5],
  ])('%s has %i kernels', async (name, kernels) => {
    const outcome = await checkHost(
      { path: fixture(name) },
      { defines: { HAS_BF16: '' }, cacheDir: testCache },
    );
    expect(outcome.diagnostics).toEqual([]);
    expect(outcome.kernels).toHaveLength(kernels);
    expect(outcome.ok).toBe(true);
  });

  test('as Metal 3.0, without bfloat', async () => {
    const outcome = await checkHost(
      { path: fixture('language.metal') },
      { mslVersion: '3.0', cacheDir: testCache },
    );
    expect(outcome.diagnostics).toEqual([]);
    expect(outcome.kernels).toHaveLength(5);
  });
});

const PROGRAMS: Readonly<Record<string, string>> = {
  'explicit vector conversions': kernel('o[i] = float4(h[i]).x + c;'),
  'half arithmetic with literals': kernel('half4 v = h[i] * 0.5h + 1.0h; v *= 2; o[i] = v.x;'),
  'half vector times float literal': kernel('o[i] = (h[i] * 0.5f).x;'),
  'a scalar fills a vector': kernel('float4 v = 0; v.xy += 1; o[i] = v.w;'),
  'fewer initialisers than components': kernel('float4 v = {1, 2, 3}; float3 w = {v.xy}; o[i] = v.x + w.z;'),
  'bfloat by construction': kernel('bfloat b = bfloat(o[i]); o[i] = b * 2.0f;'),
  'bfloat and half': kernel('half q = 1.0h; bfloat b = bfloat(q); o[i] = half(b) + static_cast<half>(b);'),
  'operands in different address spaces': kernel('half4 v = i < 4 ? h[i] : half4(0); o[i] = v.x;'),
  'structs copy from and to every address space': `${PRELUDE}struct P { float a; int b; };
kernel void k(constant P& p [[buffer(0)]], device P* q [[buffer(1)]]) { P r = p; r.b = 1; q[0] = r; P z = q[1]; q[2] = p; q[3].a = z.a; }`,
  'threadgroup variables in templates and in blocks': `${PRELUDE}template <int N> kernel void k(device float* o [[buffer(0)]], uint i [[thread_index_in_threadgroup]]) {
  threadgroup float t[N]; t[i] = 1; threadgroup_barrier(mem_flags::mem_threadgroup); o[i] = t[0];
  if (N > 2) { threadgroup float u[N]; u[i] = 2; o[i] += u[i]; } }
template [[host_name("k4")]] kernel void k<4>(device float*, uint);`,
  'exactly 32768 bytes of threadgroup memory': kernel('threadgroup float a[8192]; a[i] = 1; o[i] = a[0];'),
  'buffer index 30': `${PRELUDE}kernel void k(device float* a [[buffer(30)]]) { *a = 1; }`,
  'one index for two conditional buffers': `${PRELUDE}constant bool f [[function_constant(0)]]; constant bool g = !f;
kernel void k(device float* a [[buffer(0), function_constant(f)]], device half* b [[buffer(0), function_constant(g)]]) { if (f) *a = 1; else *b = 1; }`,
  'references to thread memory': `${PRELUDE}float f(const thread float& x) { return x; }
float f(const device float& x) { return x; }
float g(const thread float& x, thread const half4& y) { return x + y.x; }
float h(const thread float& x) { return x; }
float twice(float (&function)(const thread float&), float x) { return 2 * function(x); }
kernel void k(device float* o [[buffer(0)]]) { float x = o[0]; half4 y = 1; o[0] = f(x) + f(o[1]) + f(2.0f) + g(x, y) + g(o[0] + 1, half4(2)) + twice(h, x); }`,
  'arrays as parameters': `${PRELUDE}float f(float x[2]) { return x[0]; }\nkernel void k(device float* o [[buffer(0)]]) { float x[2] = {1, 2}; o[0] = f(x); }`,
  'methods for several address spaces': `${PRELUDE}struct S { float a; float get() const { return a; } float get() const device { return a; } };
kernel void k(device S* s [[buffer(0)]]) { S t = s[1]; s->a = s->get() + t.get(); }`,
  'a member of a user class may have a name of the language': `${PRELUDE}struct S { int local; int generic; int pipe; };\nkernel void k(device int* o) { S s; s.local = 1; s.generic = 2; s.pipe = 3; o[0] = s.local + s.pipe; }`,
  'macros in pragmas': `#define TIMES 4\n${kernel('#pragma unroll(TIMES)\nfor (int j = 0; j < 4; j++) o[j] = i;')}`,
  'types shared with C': `#include <simd/simd.h>\n${PRELUDE}struct S { vector_float4 a; simd_float4x4 m; simd::uint2 u; };
kernel void k(constant S& s [[buffer(0)]], device float4* o [[buffer(1)]]) { o[0] = s.m * s.a + float4(s.u.x); }`,
  'conditionals in front of operators': kernel(
    'uint a = 1, b = 2, m = 3; uint z = i > 2 ? a : b & m; z += i ? a : b * m; switch (i) { case 1: z = i ? a : b & m; break; default: half4 v = h[i]; z = v.x; } o[i] = z;',
  ),
  'no kernel at all': `${PRELUDE}inline float f(float x) { return x; }`,
};

test('kernels are listed even where the program does not compile', async () => {
  const text = `${PRELUDE}kernel void good(device int* a [[buffer(3)]]) {}\nkernel void bad(device int* a) { missing; }`;
  const kernels = await listKernels({ path: 'program.metal', text });
  expect(kernels.map(({ name, parameters }) => [name, parameters[0]?.index])).toEqual([
    ['good', 3],
    ['bad', 0],
  ]);
});

describe('small programs', () => {
  test.each(Object.entries(PROGRAMS))('%s', async (_, program) => {
    const outcome = await check(program);
    expect(outcome.diagnostics).toEqual([]);
    expect(outcome.ok).toBe(true);
  });

  test.each([
    ["'f' calls itself", `${PRELUDE}int f(int n) { return n ? f(n - 1) + 1 : 0; }`],
    [
      "'f' calls itself through 'g'",
      `${PRELUDE}int g(int n); int f(int n) { return n ? g(n - 1) + 1 : 0; } int g(int n) { return f(n); }`,
    ],
    [
      "the initialiser of threadgroup variable 't' is ignored",
      kernel('threadgroup float t[2] = {0}; t[i] = 1; o[i] = t[i];'),
    ],
  ])('a warning only: %s', async (message, program) => {
    const outcome = await check(program);
    expect(outcome.ok).toBe(true);
    expect(outcome.diagnostics.map(({ severity, message: text }) => [severity, text])).toContainEqual([
      'warning',
      message,
    ]);
  });
});
