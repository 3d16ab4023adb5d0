// Kernels that the checks once got wrong: `bug-*` have to be reported, `ok-*` not, and what is close to them neither way round.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { CHECKS, type Check, type CheckReport } from '../../generator/native/types.js';
import { launch, load, range } from './support.js';

const FOLDER = new URL('checkers/', import.meta.url);
const FOUND: Readonly<Record<string, Check>> = {
  'bug-misaligned_float4_in_threadgroup': 'alignment',
  'bug-thread_array_overrun': 'bounds',
  'bug-two_barrier_sites': 'divergence',
  'bug-two_sites_by_lane': 'divergence',
};
const NAMES = readdirSync(FOLDER).map((file) => file.replace('.metal', ''));
const WIDE: readonly string[] = ['ok-last_block_with_fences', 'ok-lock_with_fences'];

const HEAD = `kernel void k(device const uint* in [[buffer(0)]], device uint* out [[buffer(1)]],
  device uint* aux [[buffer(2)]], uint t [[thread_index_in_threadgroup]], uint g [[threadgroup_position_in_grid]],
  uint s [[simdgroup_index_in_threadgroup]], uint l [[thread_index_in_simdgroup]], uint gi [[thread_position_in_grid]])`;

async function reportsOf(
  text: string,
  groups = 1,
  checks: readonly Check[] = CHECKS,
): Promise<readonly CheckReport[]> {
  const result = await launch({
    library: await load(text, true),
    kernel: 'k',
    buffers: [Uint32Array.from(range(256)), 512 * groups, new Uint32Array(4)],
    groups: [groups, 1, 1],
    threads: 128,
    options: { checks },
  });
  return result.reports;
}

describe('cases', () => {
  it.each(NAMES)('%s', async (name) => {
    const text = readFileSync(new URL(`${name}.metal`, FOLDER), 'utf8');
    const reports = await reportsOf(text, WIDE.includes(name) ? 2 : 1);
    const check = FOUND[name];
    expect(reports.map((report) => report.check)).toEqual(check === undefined ? [] : [check]);
    expect(name.startsWith('bug-')).toBe(check !== undefined);
  });
});

/** The last threadgroup adds up what all have written. */
function lastBlock(parts: { release?: string; barrier?: string; acquire?: string; after?: string }): string {
  const device = 'atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);';
  const {
    release = device,
    barrier = 'threadgroup_barrier(mem_flags::mem_device);',
    acquire = device,
  } = parts;
  return `${HEAD} {
    device atomic_uint* c = (device atomic_uint*)aux; threadgroup uint last; out[gi] = t; ${release} ${barrier}
    if (t == 0) last = atomic_fetch_add_explicit(c, 1u, memory_order_relaxed); ${parts.after ?? ''}
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (last == 2) { ${acquire} if (t == 0) { uint sum = 0; for (uint j = 0; j < 384; ++j) sum += out[j]; aux[1] = sum; } } }`;
}

const VECTORS = `${HEAD} { threadgroup float4 rows[64]; if (t < 64) rows[t] = float4(t); threadgroup_barrier(mem_flags::mem_threadgroup);
    packed_float3 p = *(threadgroup packed_float3*)((threadgroup float*)rows + (in[t] & 1)); half2 h = ((device const half2*)in)[t];
    out[t] = uint(p.x + float(h.y)) + uint(((device const float4*)in)[t & 7].w); }`;

const ACCEPTED: readonly (readonly [string, string, number?])[] = [
  [
    'a fence of the thread that counts, behind the barrier',
    lastBlock({
      release: '',
      barrier: `threadgroup_barrier(mem_flags::mem_device);
     if (t == 0) atomic_thread_fence(mem_flags::mem_device, memory_order_release, thread_scope_device);`,
    }),
    3,
  ],
  [
    'fences of the scope that they have by themselves',
    lastBlock({ release: 'atomic_thread_fence(mem_flags::mem_device, memory_order_acq_rel);' }),
    3,
  ],
  [
    'a quad reduction of the lanes that a simdgroup has',
    `${HEAD} { out[t] = 0; if (t < 8) out[t] = quad_sum(in[t]) + quad_prefix_exclusive_sum(in[t]); }`,
  ],
  [
    'a barrier in a loop',
    `${HEAD} { threadgroup uint a[128]; out[t] = 0; for (uint i = 0; i < 3; ++i) { a[t] = i; threadgroup_barrier(mem_flags::mem_threadgroup); out[t] += a[127 - t]; threadgroup_barrier(mem_flags::mem_threadgroup); } }`,
  ],
  [
    'arrays that are used to their ends',
    `struct S { uint n; uint v[5]; }; void fill(thread uint* p, uint n) { for (uint i = 0; i < n; ++i) p[i] = i; }
    ${HEAD} { uint a[4]; fill(a, 4); S x; x.v[t % 5] = 2; x.n = x.v[t % 5]; uint grid[3][5]; for (uint i = 0; i < 15; ++i) grid[i / 5][i % 5] = i; out[t] = a[t & 3] + x.n + grid[t % 3][t % 5]; }`,
  ],
  ['vectors at the alignment of their types', VECTORS],
];

const SAME = `${HEAD} { threadgroup uint a; a = 7; threadgroup_barrier(mem_flags::mem_threadgroup); out[t] = a; }`;

const REPORTED: readonly (readonly [Check, string, string, number?])[] = [
  ['races', 'no fence releases', lastBlock({ release: '' }), 3],
  ['races', 'no fence acquires', lastBlock({ acquire: '' }), 3],
  [
    'races',
    'a relaxed fence',
    lastBlock({ release: 'atomic_thread_fence(mem_flags::mem_device, memory_order_relaxed);' }),
    3,
  ],
  [
    'races',
    'a fence of the threadgroup',
    lastBlock({
      release: 'atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_threadgroup);',
    }),
    3,
  ],
  [
    'races',
    'a fence of threadgroup memory',
    lastBlock({
      release: 'atomic_thread_fence(mem_flags::mem_threadgroup, memory_order_seq_cst, thread_scope_device);',
    }),
    3,
  ],
  ['races', 'a fence of one thread without a barrier', lastBlock({ barrier: '' }), 3],
  ['races', 'a write behind the release', lastBlock({ after: 'if (t == 0) out[gi] = 7;' }), 3],
  [
    'divergence',
    'a quad reduction of three lanes',
    `${HEAD} { out[t] = 0; if (l < 7) out[t] = quad_sum(in[t]); }`,
  ],
  [
    'divergence',
    'two barriers of one macro on one line',
    `#define WAIT threadgroup_barrier(mem_flags::mem_threadgroup)
    ${HEAD} { out[t] = t; switch (s & 1) { case 0: WAIT; break; default: WAIT; } }`,
  ],
  [
    'bounds',
    'a read of a row behind the last',
    `${HEAD} { uint a[3][2] = {{1, 2}, {3, 4}, {5, 6}}; out[t] = a[in[t] & 3][t & 1]; }`,
  ],
  [
    'bounds',
    'a member of a struct',
    `struct S { uint v[4]; uint n; }; ${HEAD} { S x = {{1, 2, 3, 4}, 5}; out[t] = x.v[in[t] % 5]; }`,
  ],
  [
    'bounds',
    'an array of a threadgroup, beside another one',
    `${HEAD} { threadgroup uint a[128]; threadgroup uint b[128]; a[t] = b[t] = t; threadgroup_barrier(mem_flags::mem_threadgroup); out[t] = a[t + 64 + (in[t] & 64)] + b[t]; }`,
  ],
  ['bounds', 'a negative index', `${HEAD} { uint a[4] = {1, 2, 3, 4}; out[t] = a[int(in[t] & 3) - 1]; }`],
  [
    'bounds',
    'a pointer to an array',
    `uint take(thread const uint* p, uint i) { return p[i]; } ${HEAD} { uint a[4]; for (uint i = 0; i < 4; ++i) a[i] = in[i + t]; out[t] = take(a, in[t] & 7); }`,
  ],
  [
    'alignment',
    'a vector in device memory',
    `${HEAD} { out[t] = uint(((device const float4*)(in + (t & 1)))[1].x); }`,
  ],
  [
    'alignment',
    'a vector of halves, by reference',
    `float first(device const half4& h) { return h.x; } ${HEAD} { out[t] = uint(first(*(device const half4*)((device const half*)in + t % 3))); }`,
  ],
  [
    'alignment',
    'a vector that is written',
    `${HEAD} { threadgroup uint a[130]; *(threadgroup uint2*)(a + t) = uint2(1); out[t] = 1; }`,
  ],
  [
    'alignment',
    'a scalar',
    `${HEAD} { out[t] = *(device const uint*)((device const uchar*)in + t + (in[t] & 1)); }`,
  ],
];

describe('one value that several threads write to one place', () => {
  const kinds: readonly (readonly [string, readonly Check[], string, number?])[] = [
    ['in threadgroup memory', ['same-value'], SAME],
    ['in device memory', ['same-value'], `${HEAD} { aux[0] = 5; out[t] = t; }`],
    ['by threadgroups', ['same-value'], `${HEAD} { if (t == 0) aux[1] = 9; out[gi] = t; }`, 2],
    ['a vector', ['same-value'], `${HEAD} { threadgroup uint4 a; a = uint4(in[3]); out[t] = t; }`],
    ['at the end', ['same-value'], `${HEAD} { out[t] = t; aux[2] = in[7]; }`],
    [
      'other values',
      ['races'],
      `${HEAD} { threadgroup uint a; a = t; threadgroup_barrier(mem_flags::mem_threadgroup); out[t] = a & 0; }`,
    ],
    ['the same low half', ['races'], `${HEAD} { out[t] = t; aux[2] = t << 16; }`],
    ['that is read in between', ['races'], `${HEAD} { aux[0] = 5; out[t] = aux[0]; }`],
    ['by several threadgroups, others', ['races'], `${HEAD} { if (t == 0) aux[1] = g; out[gi] = t; }`, 2],
  ];
  for (const [name, checks, text, groups] of kinds) {
    it(name, async () => {
      const found = (await reportsOf(text, groups)).map(({ check }) => check);
      expect([...new Set(found)].filter((check) => check !== 'order')).toEqual(checks);
    });
  }

  it('is allowed by those who leave the check out', async () => {
    const reports = await reportsOf(
      SAME,
      1,
      CHECKS.filter((check) => check !== 'same-value'),
    );
    expect(reports).toEqual([]);
  });
});

describe('close to them', () => {
  for (const [name, text, groups] of ACCEPTED) {
    it(name, async () => {
      expect(await reportsOf(text, groups)).toEqual([]);
    });
  }

  for (const [check, name, text, groups] of REPORTED) {
    it(`${check}: ${name}`, async () => {
      const reports = await reportsOf(text, groups);
      expect(reports.map((report) => report.check)).toContain(check);
      expect(reports.every((report) => report.check === 'order' || report.line !== undefined)).toBe(true);
    });
  }
});
