// What Apple's compiler refuses and what it takes, in places where C++ by itself would say otherwise. Snippets of one kind are
// compiled together, each in lines of its own: every one has to be refused in one of them.

import { describe, expect, test } from 'vitest';

import type { MslOptions } from '../../generator/compile/types.js';
import { check, errorsOf, PRELUDE } from './support.js';

/** Statements of a kernel, or where they begin with `@`, a whole piece of program. `#` stands for a number of its own. */
type Snippets = readonly string[];

const BUFFERS =
  'device float* o [[buffer(0)]], device const half4* h [[buffer(1)]], constant float& c [[buffer(2)]]';

function programOf(snippets: Snippets): {
  readonly text: string;
  readonly linesOf: (index: number) => readonly number[];
} {
  const pieces = snippets.map((snippet, index) => {
    const piece = snippet.startsWith('@')
      ? snippet.slice(1)
      : `kernel void k#(${BUFFERS}, uint i [[thread_position_in_grid]]) {\n${snippet}\n}`;
    return piece.replaceAll('#', String(index));
  });
  const starts = pieces.map(
    (_, index) => 3 + pieces.slice(0, index).join('\n').split('\n').length - (index === 0 ? 1 : 0),
  );
  return {
    text: PRELUDE + pieces.join('\n'),
    linesOf: (index) => (pieces[index] ?? '').split('\n').map((_, line) => (starts[index] ?? 0) + line),
  };
}

const ILLEGAL: Readonly<Record<string, readonly [MslOptions, Snippets]>> = {
  'positions of mixed shapes, and one attribute twice': [
    {},
    [
      '@kernel void k#(device float* o [[buffer(0)]], uint a [[thread_position_in_grid]], uint3 b [[threads_per_threadgroup]]) { o[a] = b.x; }',
      '@kernel void k#(device float* o [[buffer(0)]], uint2 a [[threadgroup_position_in_grid]], uint3 b [[threadgroups_per_grid]]) { o[a.x] = b.x; }',
      '@kernel void k#(device float* o [[buffer(0)]], ushort2 a [[thread_position_in_threadgroup]], ushort b [[threads_per_grid]]) { o[a.x] = b; }',
      '@kernel void k#(device float* o [[buffer(0)]], uint a [[thread_position_in_grid]], uint2 b [[dispatch_threads_per_threadgroup]]) { o[a] = b.x; }',
      '@kernel void k#(device float* o [[buffer(0)]], uint a [[thread_position_in_grid]], uint b [[thread_position_in_grid]]) { o[a] = b; }',
      '@kernel void k#(device float* o [[buffer(0)]], uint a [[threads_per_simdgroup]], uint b [[thread_execution_width]]) { o[a] = b; }',
      '@kernel void k#(device float* o [[buffer(0)]], uint a [[thread_index_in_simdgroup]], uint b [[thread_index_in_simdgroup]]) { o[a] = b; }',
      '@kernel void k#(device float* o [[buffer(0)]], device float* p [[buffer(0)]]) { o[0] = p[0]; }',
      '@kernel void k#(threadgroup float* o [[threadgroup(1)]], threadgroup float* p [[threadgroup(1)]]) { o[0] = p[0]; }',
      '@kernel void k#(device float* o [[buffer(0)]], int a [[thread_position_in_grid]]) { o[a] = 1; }',
      '@kernel void k#(device float* o [[buffer(0)]], uint4 a [[thread_position_in_grid]]) { o[a.x] = 1; }',
      '@kernel void k#(device float* o [[buffer(0)]], uint2 a [[thread_index_in_simdgroup]]) { o[a.x] = 1; }',
    ],
  ],
  'narrowing in braces': [
    {},
    [
      'int a[2] = {1, o[i]}; o[i] = a[0];',
      'uint a{o[i]}; o[i] = a;',
      'half b{c}; o[i] = b;',
      'int n = int(i); uchar a[1] = {n}; o[i] = a[0];',
      'struct S { int a; uint b; }; S s = {o[i], 1u}; o[i] = s.a;',
      'struct S { half a; }; S s{c}; o[i] = s.a;',
      'char a = {300}; o[i] = a;',
      'uint u = {-1}; o[i] = u;',
      'array<int, 2> a = {1, c}; o[i] = a[0];',
      'int a{1.5f}; o[i] = a;',
      'ushort a[1] = {i}; o[i] = a[0];',
      'float f[1] = {i}; o[i] = f[0];',
    ],
  ],
  'integers where numbers with a point are meant': [
    {},
    [
      'o[i] = dot(int2(1), int2(2));',
      'o[i] = dot(uint3(1), uint3(2));',
      'o[i] = length(int3(1));',
      'int2 n = normalize(int2(1)); o[i] = n.x;',
      'o[i] = distance(uint2(1), uint2(2));',
      'int3 x = cross(int3(1), int3(2)); o[i] = x.x;',
      'o[i] = fma(int2(1), int2(2), int2(3)).x;',
      'o[i] = sqrt(int4(4)).x;',
      'int m = mix(1, 2, 3); o[i] = m;',
    ],
  ],
  'matrices of other types than float and half': [
    {},
    [
      'matrix<int, 2, 2> m; o[i] = 1;',
      'matrix<uint, 4, 4> m; o[i] = 1;',
      'int2x2 m; o[i] = 1;',
      'matrix<float, 5, 2> m; o[i] = 1;',
      'matrix<float, 2, 1> m; o[i] = 1;',
      'vec<float, 5> v; o[i] = 1;',
      'float2x2 m = float2x2(1) + 1.0f; o[i] = m[0][0];',
      'float3 v = float2x2(1) * float3(1); o[i] = v.x;',
      'simdgroup_matrix<uint, 8, 8> m; o[i] = 1;',
    ],
  ],
  'instantiations that match no template': [
    {},
    [
      '@template <typename T> kernel void k#(device T* o [[buffer(0)]]) { o[0] = 1; }\ntemplate [[host_name("a#")]] kernel void k#<float>(device half*);',
      '@template <typename T> kernel void k#(device T* o [[buffer(0)]]) { o[0] = 1; }\ntemplate [[host_name("a#")]] kernel void k#<float>(device float*, device float*);',
      '@template <typename T> kernel void k#(device T* o [[buffer(0)]], constant T& c [[buffer(1)]]) { o[0] = c; }\ntemplate [[host_name("a#")]] kernel void k#<float>(device float*, device float&);',
      '@template <typename T, int N> kernel void k#(device T* o [[buffer(0)]]) { o[0] = N; }\ntemplate [[host_name("a#")]] kernel void k#<float>(device float*);',
      '@template <typename T> kernel void k#(device const T* o [[buffer(0)]], device T* p [[buffer(1)]]) { p[0] = o[0]; }\ntemplate [[host_name("a#")]] kernel void k#<float>(device float*, device float*);',
      '@template <int N> kernel void k#(device float* o [[buffer(0)]]) { o[0] = N; }\ntemplate [[host_name("a#")]] kernel void k#<float>(device float*);',
    ],
  ],
  'an instantiation of nothing': [
    {},
    ['@template [[host_name("a#")]] kernel void nobody#<float>(device float*);'],
  ],
  'features of C++17 before Metal 4': [
    { mslVersion: '3.2' },
    [
      '@template <auto N> int f#() { return N; }',
      '@template <auto... N> int f#() { return sizeof...(N); }',
      '@template <typename T, auto N> struct S# { T a[N]; };',
    ],
  ],
  'arguments of class templates that are left out': [
    { mslVersion: '3.2' },
    [
      '@template <typename T> struct V# { T t; V#(T x) : t(x) {} };\nkernel void k#(device float* o [[buffer(0)]]) { V# v(1.0f); o[0] = v.t; }',
      '@template <typename T> struct V# { T t; };\ntemplate <typename T> V#(T) -> V#<T>;\nkernel void k#(device float* o [[buffer(0)]]) { V# v{1.0f}; o[0] = v.t; }',
    ],
  ],
  'initialised constants': [
    {},
    [
      '@constant int a# [[function_constant(#)]] = 3;',
      '@constant float4 a# [[function_constant(#)]]{1.0f};',
      '@constant bool a# [[function_constant(#)]] = true;',
      '@constant float4 a# [[function_constant(#)]](1.0f);',
      '@constant int a#(1) [[function_constant(#)]];',
      '@constant int a# [[function_constant(#)]](int());',
    ],
  ],
  'constants and arguments': [
    {},
    [
      '@constant int a# [[function_constant(70000)]];',
      '@struct S# { int a; };\nconstant S# a# [[function_constant(#)]];',
      '@int a#[2] = {1, 2};',
      '@kernel int k#(device float* o [[buffer(0)]]) { return 1; }',
    ],
  ],
  'arguments that are no references': [
    {},
    [
      '@kernel void k#(float o [[buffer(0)]]) { }',
      '@kernel void k#(threadgroup float o [[threadgroup(0)]]) { }',
    ],
  ],
  'constants that are written': [
    {},
    [
      '@constant int a# = 1;\nkernel void k#(device float* o [[buffer(0)]]) { a# = 2; }',
      'c = 3.0f;',
      'h[i].x = 1;',
    ],
  ],
};

const LEGAL: Snippets = [
  '@kernel void k#(device float* o [[buffer(0)]], ushort a [[thread_position_in_grid]], uint b [[threads_per_threadgroup]]) { o[a] = b; }',
  '@kernel void k#(device float* o [[buffer(0)]], uint3 a [[thread_position_in_grid]], uint b [[thread_index_in_threadgroup]]) { o[a.x] = b; }',
  '@kernel void k#(device float* o [[buffer(0)]], uint a [[thread_position_in_grid]], uint b [[simdgroups_per_threadgroup]], uint d [[threads_per_simdgroup]]) { o[a] = b + d; }',
  'const_cast<device half4*>(h)[i] = half4(1); o[i] = 1;',
  'int a[2] = {1, int(o[i])}; o[i] = a[0];',
  'half b[2] = {1.5h, 2}; o[i] = b[1];',
  'float f[2] = {1, 2u}; o[i] = f[0];',
  'char a = {100}; uchar b{255}; o[i] = a + b;',
  'float4 v = {1, 2, 3, 4}; o[i] = v.x;',
  'float2x2 m = {{1, 2}, {3, 4}}; o[i] = (m * float2(1)).x;',
  'half b = {o[i] > 0 ? 1.0h : 2.0h}; o[i] = b;',
  'o[i] = dot(half2(1), half2(2)) + dot(float4(1), float4(2));',
  'int4 a = abs(int4(-1)); o[i] = max(a, int4(2)).x + popcount(3u);',
  '@template <typename T, int N> kernel void k#(device T* o [[buffer(0)]], constant T& c [[buffer(1)]]) { o[0] = c + N; }\ntemplate [[host_name("a#")]] kernel void k#<float, 2>(device float*, constant float&);',
  '@template <typename T> kernel void k#(device T* o [[buffer(0)]]) { o[0] = 1; }\ntypedef decltype(k#<half>) type#;\ntemplate [[host_name("a#")]] kernel type# k#<half>;',
  '@constant int a# [[function_constant(#)]];\nconstant bool b# = is_function_constant_defined(a#);\nconstant int d# = b# ? a# : 7;\nkernel void k#(device float* o [[buffer(0)]]) { o[0] = d#; }',
  '@template <typename T> T f#(T a) { return a; }\ntemplate <typename T, typename... R> T f#(T a, R... rest) { return a + f#(rest...); }\nkernel void k#(device float* o [[buffer(0)]]) { o[0] = f#(1, 2, 3); }',
  '@template <int N> struct S# { int a[N]; };\nkernel void k#(device float* o [[buffer(0)]]) { S#<3> s = {{1, 2, 3}}; o[0] = s.a[2]; }',
  'ushort a = 65535; a += 1; short b = short(i); o[i] = a + b;',
  'auto f = [=](float x) { return x * c; }; o[i] = f(2);',
  'uint a = -1; int b = 3.7f; o[i] = a + b;',
  'struct S { float a; uint b; }; S s = {1, 2u}; o[i] = s.a + s.b;',
  'if constexpr (sizeof(float) == 4) o[i] = 1;',
  '@template <typename... T> int f#(T... t) { return (t + ...); }\nkernel void k#(device float* o [[buffer(0)]]) { o[0] = f#(1, 2); }',
  'matrix<half, 2, 3> m(1.0h); vec<uint, 3> v(1u); o[i] = m[0][0] + v.x;',
];

/** Of Metal 4. */
const LEGAL_LATER: Snippets = [
  '@template <auto N> int f#() { return N; }\nkernel void k#(device float* o [[buffer(0)]]) { o[0] = f#<3>(); }',
  '@template <typename T> struct V# { T t; V#(T x) : t(x) {} };\nkernel void k#(device float* o [[buffer(0)]]) { V# v(1.0f); o[0] = v.t; }',
  'if (int a = int(i); a > 3) o[i] = a;',
  'struct S { int a; int b; }; S s = {1, 2}; auto [a, b] = s; o[i] = a + b;',
];

describe('illegal', () => {
  test.each(Object.entries(ILLEGAL))('%s', async (_, [options, snippets]) => {
    const { text, linesOf } = programOf(snippets);
    const lines = new Set(errorsOf(await check(text, options)).map(({ line }) => line));
    const accepted = snippets.filter((__, index) => !linesOf(index).some((line) => lines.has(line)));
    expect(accepted).toEqual([]);
  });

  test('an embedded file', async () => {
    const errors = errorsOf(await check(`${PRELUDE}constant uchar s[] = {\n#embed "a.bin"\n};`));
    expect(errors.map(({ line }) => line)).toContain(4);
  });
});

describe('legal', () => {
  test.each([
    ['in any version', {}, LEGAL],
    ['from Metal 4 on', { mslVersion: '4.0' }, LEGAL_LATER],
  ] as const)('%s', async (_, options, snippets) => {
    expect(errorsOf(await check(programOf(snippets).text, options))).toEqual([]);
  });
});
