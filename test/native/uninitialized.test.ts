// Variables of threads that are used before anything was written to them, and what looks like it: structs with padding, variables
// that are written in parts, by pointer, in a loop, or not used at all.

import { describe, expect, it } from 'vitest';

import { CHECKS } from '../../generator/native/types.js';
import { launch, load, range } from './support.js';

const HEAD = `kernel void k(device const uint* in [[buffer(0)]], device uint* out [[buffer(1)]],
    uint t [[thread_index_in_threadgroup]], uint l [[thread_index_in_simdgroup]])`;

/** Of the texts that are loaded. */
const LINES_BEFORE = 2;

async function reportsOf(text: string) {
  const { reports } = await launch({
    library: await load(text, true),
    kernel: 'k',
    buffers: [Uint32Array.from(range(256)), 512],
    groups: [1, 1, 1],
    threads: 128,
    options: { checks: CHECKS },
  });
  return reports.map(({ check, line }) => `${check} ${line ?? 0}`);
}

/** The line of each variable is that of the report. */
const USED: readonly (readonly [string, number, string])[] = [
  ['a variable', 3, `${HEAD} {\nuint a; out[t] = in[t] + a; }`],
  ['one that some threads write', 3, `${HEAD} {\nuint a; if (t < 64) a = 1; out[t] = a; }`],
  [
    'a sum that begins with nothing',
    3,
    `${HEAD} {\nfloat s; for (uint i = 0; i < 4; ++i) s += in[t + i]; out[t] = uint(s); }`,
  ],
  [
    'an element of an array',
    3,
    `${HEAD} {\nuint a[4]; for (uint i = 0; i < 3; ++i) a[i] = in[i]; out[t] = a[t & 3]; }`,
  ],
  ['a component of a vector', 3, `${HEAD} {\nfloat4 v; v.xyz = float3(in[t]); out[t] = uint(v.x + v.w); }`],
  [
    'a member of a struct',
    4,
    `struct S { uint a; uint b; };\n${HEAD} {\nS s; s.a = in[t]; out[t] = s.a + s.b; }`,
  ],
  [
    'a variable that a function should write',
    4,
    `void set(thread uint& x, uint t) { if (t > 100) x = t; }\n${HEAD} {\nuint a; set(a, t); out[t] = a; }`,
  ],
  ['a condition', 3, `${HEAD} {\nbool b; if (t > 200) b = true; out[t] = b ? 1 : 2; }`],
  [
    'the last round of a loop',
    4,
    `${HEAD} {\nout[t] = 0; for (uint i = 0; i < 3; ++i) {\nuint a; if (i != 1) a = 2; out[t] += a; } }`,
  ],
  [
    'what another lane never wrote',
    3,
    `${HEAD} {\nuint a; if (l < 16) a = in[t]; out[t] = simd_shuffle_down(a, 8); }`,
  ],
  [
    'a variable of a function',
    2,
    `uint f(uint t) {\nuint a; if (t > 3) a = 5; return a; }\n${HEAD} { out[t] = f(t); }`,
  ],
  ['an index', 3, `${HEAD} {\nuint i; if (t > 4) i = 1; out[t] = in[i & 63]; }`],
];

const HARMLESS: readonly (readonly [string, string])[] = [
  ['a variable that nobody reads', `${HEAD} { uint a; uint b; if (t > 4) b = a; out[t] = t; }`],
  ['a product with a mask', `${HEAD} { uint a; if (t < 64) a = 3; out[t] = t < 64 ? a : 0; }`],
  [
    'padding of a struct that is copied',
    `struct S { uchar c; float3 v; uint n; }; ${HEAD} { S s; s.c = 1; s.v = float3(2); s.n = t; S r = s; out[t] = r.c + uint(r.v.y) + r.n; }`,
  ],
  [
    'a vector that is written by components',
    `${HEAD} { float4 v; v.x = 1; v.yz = float2(2); v[3] = in[t]; out[t] = uint(v.x + v.y + v.z + v.w); }`,
  ],
  [
    'an array that is written by pointer',
    `void fill(thread uint* p) { for (uint i = 0; i < 8; ++i) p[i] = i; } ${HEAD} { uint a[8]; fill(a); out[t] = a[t & 7]; }`,
  ],
  [
    'an array that is written in a loop',
    `${HEAD} { uint a[16]; for (uint i = 0; i < 16; ++i) { uint b; b = in[i]; a[i] = b; } out[t] = a[t & 15]; }`,
  ],
  ['a volatile variable', `${HEAD} { volatile uint a; a = t; out[t] = a; }`],
  [
    'a matrix of a simdgroup',
    `${HEAD} { simdgroup_float8x8 m; m = make_filled_simdgroup_matrix<float, 8, 8>(2.0f); out[t] = uint(m.thread_elements()[0]); }`,
  ],
  [
    'parts of an array',
    `${HEAD} { uint a[16]; for (uint i = 0; i < 5; ++i) a[i] = i; uint s = 0; for (uint i = 0; i < 5; ++i) s += a[i]; out[t] = s; }`,
  ],
  ['a union', `union U { float f; uint u; }; ${HEAD} { U x; x.f = 1.0f; out[t] = x.u; }`],
  [
    'a constructor',
    `struct S { uint a; S() thread : a(3) {} S(uint x) thread : a(x) {} }; ${HEAD} { S s; S r(t); out[t] = s.a + r.a; }`,
  ],
  ['a switch', `${HEAD} { uint a; switch (t & 1) { case 0: a = 1; break; default: a = 2; } out[t] = a; }`],
];

describe('used', () => {
  it.each(USED)('%s', async (_, line, text) => {
    expect(await reportsOf(text)).toEqual([`uninitialized ${line + LINES_BEFORE}`]);
  });
});

describe('harmless', () => {
  it.each(HARMLESS)('%s', async (_, text) => {
    expect(await reportsOf(text)).toEqual([]);
  });
});
