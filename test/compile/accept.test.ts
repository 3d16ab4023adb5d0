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
  'a conditional whose last operand is a product of two names': `${PRELUDE}float f(float x) { float y = 1; x < 0.0f ? 0.0f : x * x; y = x > 2 ? 0.0f : x * y; return y < 0.0f ? 0.0f : x * x; }
int g(int c, int x) { switch (c ? 1 : x * x) { case 1: return c ? 0 : x * x; default: c ? 0 : x & x; } return 0; }`,
  'bfloat arithmetic with integers, scalars into a bfloat vector': kernel(
    'bfloat b = bfloat(o[i]); b = b * 2 + 1; b += i; bfloat4 v = bfloat4(o[i]) * bfloat4(h[i].x) + bfloat4(2); o[i] = v.x + b;',
  ),
  'helpers that programs add to the library': `${PRELUDE}namespace metal { template <typename...> using void_t = void;
template <typename T> struct is_empty : bool_constant<__is_empty(T)> {}; template <typename T> constexpr constant bool is_empty_v = is_empty<T>::value; }
struct E {}; static_assert(is_empty_v<E> && !is_empty_v<int>, "empty");`,
  'a comparison in a template argument': `${PRELUDE}template <typename T, enable_if_t<sizeof(T) < 8, bool> = true> T f(T x) { return x; }
template <typename T, enable_if_t<(sizeof(T) >= 8), bool> = true> T f(T x) { return -x; }
kernel void k(device int* o, device long* p) { o[0] = f(o[1]); p[0] = f(p[1]); }`,
  'kernels instantiated within their namespace': `${PRELUDE}namespace outer { namespace inner { template <typename T> [[kernel]] void k(device T* o [[buffer(0)]]) { *o = T(1); }
typedef decltype(k<float>) fn; template [[host_name("a")]] [[kernel]] fn k<float>; }
template [[host_name("b")]] [[kernel]] decltype(inner::k<int>) inner::k<int>; }`,
  'function constants of every type': `${PRELUDE}typedef ushort2 Extent; using Scale = bfloat;
constant half a [[function_constant(0)]]; constant bfloat b [[function_constant(1)]]; constant short c [[function_constant(2)]];
constant long d [[function_constant(3)]]; constant uchar e [[function_constant(4)]]; constant float4 f [[function_constant(5)]];
constant Extent g [[function_constant(6)]]; constant Scale s [[function_constant(7)]]; constant bool3 t [[function_constant(8)]];
kernel void k(device float* o) { o[0] = a + b + c + d + e + f.w + g.y + s + t.x; }`,
  'references to vectors, and to elements of arrays of them': kernel(
    'float4 v[2] = {float4(1), float4(2)}; thread float4& r = v[i & 1]; r.x = 3; float4 w = r; { float w[2] = {1, 2}; thread float& e = w[1]; e = o[i]; } const thread float& q = w.y; thread float& m = s.x; m = 2; o[i] = r.y + q + s.x;'.replace(
      'thread float& m',
      'P s; thread float& m',
    ),
    'struct P { float x; };',
  ),
  logging: '#include <metal_logging>\n' + kernel('os_log_default.log_info("%d", int(i)); o[i] = 1;'),
  'no kernel at all': `${PRELUDE}inline float f(float x) { return x; }`,
};

test('the names of kernels in namespaces are those of their instantiations', async () => {
  const outcome = await check(PROGRAMS['kernels instantiated within their namespace'] ?? '');
  expect(outcome.kernels).toEqual(['a', 'b']);
});

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
