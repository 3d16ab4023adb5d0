// Every check finds what it is for, at the right line, and stays silent on a kernel that is close but correct.

import { describe, expect, it } from 'vitest';

import { CHECKS, type Check, type CheckReport } from '../../generator/native/types.js';
import { device, launch, load, type Data, type Launch } from './support.js';

interface Case {
  readonly check: Check;
  readonly name: string;
  /** The statement that has to be reported, or that is correct. */
  readonly wrong: string;
  readonly right: string;
  /** What the report has to name. */
  readonly says: string;
  readonly parameters?: string;
  readonly before?: string;
  readonly buffers?: readonly (Data | number)[];
  readonly groups?: Launch['groups'];
  readonly threads?: number;
}

const CASES: readonly Case[] = [
  {
    check: 'bounds',
    name: 'a read past the end of a device buffer',
    says: 'reads 4 bytes at byte 256 of buffer 0, which has 256 bytes; threadgroup 0, thread 63',
    wrong: 'out[t] = in[t + 1];',
    right: 'out[t] = in[min(t + 1, 63u)];',
  },
  {
    check: 'bounds',
    name: 'a write before the start of a device buffer',
    says: 'writes 4 bytes at byte -4 of buffer 1, which has 256 bytes; threadgroup 0, thread 0',
    wrong: 'out[int(t) - 1] = in[t];',
    right: 'out[t] = in[t];',
  },
  {
    check: 'bounds',
    name: 'a read far behind a device buffer',
    says: 'reads 4 bytes at byte 33554432 of buffer 0, which has 256 bytes; threadgroup 0, thread 0',
    wrong: 'out[t] = in[(t + 1) << 23];',
    right: 'out[t] = in[(t + 1) >> 23];',
  },
  {
    check: 'bounds',
    name: 'a write far before a device buffer',
    says: 'writes 4 bytes at byte -67108864 of buffer 1, which has 256 bytes; threadgroup 0, thread 0',
    wrong: 'out[t] = in[t]; out[int(t) - (1 << 24)] = 0;',
    right: 'out[t] = in[t];',
  },
  {
    check: 'bounds',
    name: 'a read past the end of a threadgroup variable',
    says: 'reads 4 bytes of threadgroup memory outside of every variable and argument; threadgroup 0, thread 63',
    before: 'threadgroup uint tile[64]; tile[t] = t; threadgroup_barrier(mem_flags::mem_threadgroup);',
    wrong: 'threadgroup uint* p = tile; out[t] = p[t + 1];',
    right: 'out[t] = tile[63 - t];',
  },
  {
    check: 'bounds',
    name: 'a read in front of the first threadgroup variable',
    says: 'reads 4 bytes of threadgroup memory outside of every variable and argument; threadgroup 0, thread 0',
    before: 'threadgroup uint tile[64]; tile[t] = t; threadgroup_barrier(mem_flags::mem_threadgroup);',
    wrong: 'threadgroup uint* p = tile; out[t] = p[int(t) - 1];',
    right: 'out[t] = tile[max(int(t) - 1, 0)];',
  },
  {
    check: 'bounds',
    name: 'a write far behind the last threadgroup variable',
    says: 'writes 4 bytes of threadgroup memory outside of every variable and argument; threadgroup 0, thread 0',
    before: 'threadgroup uint tile[64]; tile[t] = t; out[t] = t;',
    wrong: 'threadgroup uint* p = tile; p[t + 100000] = t;',
    right: 'tile[(t + 64) & 63] = t;',
  },
  {
    check: 'races',
    name: 'a plain read after an atomic update by others, by the thread that was the last of them',
    says: "threadgroup variable 'sum' (index 0 of 4 bytes); threads ",
    before:
      'threadgroup uint sum; if (t == 0) sum = 0; threadgroup_barrier(mem_flags::mem_threadgroup); atomic_fetch_add_explicit((threadgroup atomic_uint*)&sum, 1u, memory_order_relaxed);',
    wrong: 'out[t] = t == 63 ? sum : t;',
    right: 'threadgroup_barrier(mem_flags::mem_threadgroup); out[t] = t == 63 ? sum : t;',
  },
  {
    check: 'races',
    name: 'a plain write after an atomic read by another thread',
    says: "writes byte 0 of threadgroup variable 'sum' (index 0 of 4 bytes); threads 0 and 1 of threadgroup 0",
    before:
      'threadgroup uint sum; if (t == 0) sum = 0; threadgroup_barrier(mem_flags::mem_threadgroup); if (t == 0) atomic_load_explicit((threadgroup atomic_uint*)&sum, memory_order_relaxed); out[t] = t;',
    wrong: 'if (t == 1) sum = 3;',
    right: 'if (t == 1) atomic_store_explicit((threadgroup atomic_uint*)&sum, 3u, memory_order_relaxed);',
  },
  {
    check: 'races',
    name: 'threadgroup memory without a barrier',
    says: "threadgroup variable 'tile' (index ",
    before: 'threadgroup uint tile[64]; tile[t] = t;',
    wrong: 'out[t] = tile[63 - t];',
    right: 'threadgroup_barrier(mem_flags::mem_threadgroup); out[t] = tile[63 - t];',
  },
  {
    check: 'races',
    name: 'a barrier of the simdgroup where lanes of two simdgroups meet',
    says: 'have no barrier that orders threadgroup memory between their accesses',
    before: 'threadgroup uint tile[64]; tile[t] = t; simdgroup_barrier(mem_flags::mem_threadgroup);',
    wrong: 'out[t] = tile[63 - t];',
    right: 'out[t] = tile[t ^ 31];',
  },
  {
    check: 'races',
    name: 'a barrier that orders device memory alone',
    says: "threadgroup variable 'tile' (index ",
    before: 'threadgroup uint tile[64]; tile[t] = t;',
    wrong: 'threadgroup_barrier(mem_flags::mem_device); out[t] = tile[63 - t];',
    right: 'threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup); out[t] = tile[63 - t];',
  },
  {
    check: 'races',
    name: 'a barrier that orders no memory',
    says: 'of buffer 1 (index ',
    before: 'out[t] = in[t];',
    wrong: 'threadgroup_barrier(mem_flags::mem_none); out[63 - t] = out[63 - t] + 1;',
    right: 'threadgroup_barrier(mem_flags::mem_device); out[63 - t] = out[63 - t] + 1;',
  },
  {
    check: 'races',
    name: 'a barrier that orders no memory, between a write and a read',
    says: 'reads byte ',
    before: 'threadgroup uint tile[64]; tile[t] = t; threadgroup_barrier(mem_flags::mem_threadgroup);',
    wrong: 'tile[t] += 1; threadgroup_barrier(mem_flags::mem_none); out[t] = tile[63 - t];',
    // What was read before a barrier cannot change any more.
    right: 'out[t] = tile[63 - t]; threadgroup_barrier(mem_flags::mem_none); tile[t] = 0;',
  },
  {
    check: 'races',
    name: 'a barrier of the simdgroup that orders no memory',
    says: "threadgroup variable 'tile' (index ",
    before: 'threadgroup uint tile[64]; tile[t] = t;',
    wrong: 'simdgroup_barrier(mem_flags::mem_none); out[t] = tile[t ^ 31];',
    right: 'simdgroup_barrier(mem_flags::mem_threadgroup); out[t] = tile[t ^ 31];',
  },
  {
    check: 'races',
    name: 'a write after other threads have read',
    says: "writes byte 0 of threadgroup variable 'tile' (index 0 of 256 bytes); threads ",
    before:
      'threadgroup uint tile[64]; tile[t] = t; threadgroup_barrier(mem_flags::mem_threadgroup); uint v = tile[0];',
    wrong: 'if (t == 31) tile[0] = 7; out[t] = v;',
    right: 'threadgroup_barrier(mem_flags::mem_threadgroup); if (t == 31) tile[0] = 7; out[t] = v;',
  },
  {
    check: 'races',
    name: 'threadgroups that write one element',
    says: 'threadgroup 1, thread 0, and threadgroup 0, thread 0, access it in the same dispatch',
    wrong: 'out[t] = in[t] + g;',
    right: 'if (g == 0) out[t] = in[t];',
    groups: [2, 1, 1],
  },
  {
    check: 'races',
    name: 'a plain update by several threads',
    says: 'byte 0 of buffer 1 (index 0); threads ',
    wrong: 'out[0] += t; out[t | 1] = 1;',
    right:
      'atomic_fetch_add_explicit((device atomic_uint*)out, t, memory_order_relaxed); if (t > 0) out[t] = 1;',
    buffers: [new Uint32Array(64), new Uint32Array(64)],
  },
  {
    check: 'divergence',
    name: 'a barrier that one simdgroup skips',
    says: '32 of the 64 threads of threadgroup 0 wait at a threadgroup barrier, thread 0 but not thread 32',
    wrong: 'if (t < 32) threadgroup_barrier(mem_flags::mem_none); out[t] = in[t];',
    right: 'if (g == 0) threadgroup_barrier(mem_flags::mem_none); out[t] = in[t];',
  },
  {
    check: 'divergence',
    name: 'two barriers of which each thread comes to one',
    says: 'threads 0 and 63 of threadgroup 0 wait at different threadgroup barriers',
    wrong:
      'if (t < 32) threadgroup_barrier(mem_flags::mem_none);\nelse threadgroup_barrier(mem_flags::mem_none);',
    // Two instantiations of one barrier.
    before: 'auto wait = [](auto) { threadgroup_barrier(mem_flags::mem_none); }; out[t] = in[t];',
    right: 'if (t < 32) wait(1); else wait(1.0f);',
  },
  {
    check: 'divergence',
    name: 'a reduction of some lanes',
    says: '16 of the 32 lanes of a simdgroup come to a simdgroup reduction, thread 0 but not thread 1',
    wrong: 'uint s = 0; if (t % 2 == 0) s = simd_sum(t); out[t] = s;',
    right: 'uint s = 0; if (t / 32 == 0) s = simd_sum(t); out[t] = s;',
  },
  {
    check: 'divergence',
    name: 'a shuffle from a lane that takes no part',
    says: 'asks for the value of lane 16, which takes no part',
    wrong: 'uint s = 0; if (t % 32 < 16) s = simd_shuffle_xor(t, 16); out[t] = s;',
    right: 'uint s = 0; if (t % 32 < 16) s = simd_shuffle_xor(t, 8); out[t] = s;',
  },
  {
    check: 'divergence',
    name: 'a matrix operation of some lanes',
    says: 'thread 0 but not thread 31',
    before: 'simdgroup_float8x8 m(1.0f);',
    wrong: 'if (t % 32 < 31) simdgroup_store(m, (device float*)out, 8);',
    right: 'if (t < 32) simdgroup_store(m, (device float*)out, 8);',
  },
  {
    check: 'divergence',
    name: 'one function in two branches',
    says: '32 of the 64 threads',
    wrong:
      'uint s; if (t < 32) { threadgroup_barrier(mem_flags::mem_none); s = simd_sum(t); } else s = simd_sum(t * 2); out[t] = s;',
    right: 'uint s; if (t < 32) s = simd_sum(t); else s = simd_sum(t * 2); out[t] = s;',
  },
  {
    check: 'uninitialized',
    name: 'threadgroup memory that nobody wrote, beside padding',
    says: "threadgroup variable 'best' (index 2 of 512 bytes) before anything was written there",
    before:
      'struct Best { float value; ushort index; }; threadgroup Best best[64]; threadgroup float3 points[64]; points[t] = float3(t); if (t != 1) best[t] = Best{float(t), ushort(t)}; threadgroup_barrier(mem_flags::mem_threadgroup);',
    wrong: 'Best b = best[t]; float3 p = points[63 - t]; out[t] = b.index + uint(b.value + p.x);',
    right:
      'Best b = best[t == 1 ? 0 : t]; float3 p = points[63 - t]; threadgroup_barrier(mem_flags::mem_threadgroup); best[t] = b; out[t] = uint(p.x);',
  },
  {
    check: 'uninitialized',
    name: 'threadgroup memory that nobody wrote',
    says: "reads byte 252 of threadgroup variable 'tile' (index 63 of 256 bytes) before anything was written there; threadgroup 0, thread 63",
    before:
      'threadgroup uint tile[64]; if (t < 63) tile[t] = t; threadgroup_barrier(mem_flags::mem_threadgroup);',
    wrong: 'out[t] = tile[t];',
    right: 'out[t] = t < 63 ? tile[t] : 0;',
  },
  {
    check: 'unwritten',
    name: 'an element of the output',
    says: '4 of the 256 bytes of the job',
    wrong: 'if (t != 5) out[t] = in[t];',
    right: 'if (t != 5) out[t] = in[t]; else out[t] = 0;',
  },
  {
    check: 'readonly',
    name: 'a write through a cast',
    says: 'writes 4 bytes at byte 0 of buffer 0, which the kernel declares as constant; threadgroup 0, thread 0',
    wrong: 'out[t] = in[t]; ((device uint*)in)[t] = 0;',
    right: 'out[t] = in[t];',
  },
  {
    check: 'order',
    name: 'slots that go to whoever comes first',
    says: 'changes with the order in which threads run',
    before:
      'threadgroup atomic_uint next; if (t == 0) atomic_store_explicit(&next, 0, memory_order_relaxed); threadgroup_barrier(mem_flags::mem_threadgroup);',
    wrong: 'out[atomic_fetch_add_explicit(&next, 1u, memory_order_relaxed)] = t;',
    right: 'atomic_fetch_add_explicit(&next, 1u, memory_order_relaxed); out[t] = t;',
  },
  {
    check: 'order',
    name: 'slots that go to the threadgroup that comes first',
    says: 'changes with the order in which threads run',
    before: '',
    wrong:
      'if (t == 0) out[atomic_fetch_add_explicit((device atomic_uint*)out, 1u, memory_order_relaxed) + 1] = g;',
    right:
      'if (t == 0) { atomic_fetch_add_explicit((device atomic_uint*)out, 1u, memory_order_relaxed); out[g + 1] = g; }',
    buffers: [new Uint32Array(64), new Uint32Array(64)],
    groups: [32, 1, 1],
  },
];

const LINE_OF_PREPARATION = 5;
const LINE_OF_STATEMENT = 7;

async function reportsOf(test: Case, statement: string): Promise<readonly CheckReport[]> {
  const text = [
    'kernel void test(device const uint* in [[buffer(0)]], device uint* out [[buffer(1)]],',
    '    uint t [[thread_index_in_threadgroup]], uint g [[threadgroup_position_in_grid]]) {',
    `  ${(test.before ?? '').replaceAll('\n', ' ')}`,
    '  //',
    `  ${statement}`,
    '}',
  ];
  const result = await launch({
    library: await load(text.join('\n'), true),
    kernel: 'test',
    buffers: test.buffers ?? [new Uint32Array(64), 256],
    groups: test.groups ?? [1, 1, 1],
    threads: test.threads ?? 64,
    options: { checks: CHECKS },
  });
  return result.reports;
}

describe.each(CASES)('$check: $name', (test) => {
  it('is reported with its line', async () => {
    const reports = await reportsOf(test, test.wrong);
    const report = reports.find(({ check }) => check === test.check);
    expect(report, JSON.stringify(reports)).toBeDefined();
    expect(report?.kernel).toBe('test');
    expect(report?.message).toContain(test.says);
    if (test.check === 'unwritten' || test.check === 'order') return;
    expect(report?.file).toMatch(/test\.metal$/u);
    // Of two accesses that race, the later one is reported: which that is depends on the order of threads.
    const lines = test.check === 'races' ? [LINE_OF_PREPARATION, LINE_OF_STATEMENT] : [LINE_OF_STATEMENT];
    expect(lines).toContain(report?.line);
  });

  it('is not seen where there is none', async () => {
    expect(await reportsOf(test, test.right)).toEqual([]);
  });
});

describe.each(['unwritten', 'order'] as const)('%s', (check) => {
  const test = CASES.find((candidate) => candidate.check === check);

  it.each([{ exempt: [] }, { exempt: [check] }])(
    'is not asked of a buffer with exempt $exempt',
    async ({ exempt }) => {
      const text = `kernel void test(device const uint* in [[buffer(0)]], device uint* out [[buffer(1)]],
        uint t [[thread_index_in_threadgroup]]) { ${test?.before ?? ''} ${test?.wrong ?? ''} }`;
      const { reports } = await device.run({
        buffers: [
          { byteLength: 256, data: new Uint8Array(256) },
          { byteLength: 256, exempt },
        ],
        dispatches: [
          {
            library: await load(text, true),
            kernel: 'test',
            buffers: { 0: { buffer: 0 }, 1: { buffer: 1 } },
            threadgroups: [1, 1, 1],
            threadsPerThreadgroup: [64, 1, 1],
          },
        ],
        outputs: [1],
        checks: CHECKS,
      });
      expect(reports.map((report) => report.check)).toEqual(exempt.length === 0 ? [check] : []);
    },
  );
});

it.each([
  ['device float3* out', 'out[t] = float3(t);', 16],
  ['device half3* out', 'out[t] = half3(t);', 8],
  ['device Pair* out', 'out[t] = Pair{uint(t), float2(t)};', 16],
])('padding of %s needs not be written', async (parameter, statement, bytes) => {
  const run = async (body: string): Promise<readonly string[]> => {
    const library = await load(
      `struct Pair { uint a; float2 b; };
      kernel void test(${parameter} [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) { ${body} }`,
      true,
    );
    const result = await launch({
      library,
      kernel: 'test',
      buffers: [64 * bytes],
      threads: 64,
      options: { checks: CHECKS },
    });
    return result.reports.map(({ message }) => message);
  };
  expect(await run(statement)).toEqual([]);
  const [message] = await run(`if (t != 5) { ${statement} }`);
  expect(message).toContain(`the first at byte ${5 * bytes}`);
});
