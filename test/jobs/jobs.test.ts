// Jobs: several kernels over shared buffers, all element types, structs by fields, and where contents come from.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { layoutOf, type TypeText } from '../../generator/jobs/layout.js';
import { readNpy } from '../../generator/jobs/npy.js';
import { runJob } from '../../generator/jobs/run.js';
import { jobJsonSchema } from '../../generator/jobs/schema.js';
import { decodeNumbers, encodeValues, type GivenValue } from '../../generator/jobs/values.js';
import { device } from '../native/support.js';

const folder = mkdtempSync(join(tmpdir(), 'moegen-jobs-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const PROGRAM = `#include <metal_stdlib>
using namespace metal;
struct Scale { uint rows; half low; float3 factors; ulong big; bool is_on; char4 steps; packed_float3 tail; };
kernel void first(device const float* in [[buffer(0)]], device float* out [[buffer(1)]],
    constant Scale& scale [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  out[i] = in[i] * scale.factors[i % 3] + (scale.is_on ? float(scale.low) : 0.0f);
}
kernel void second(device const float* in [[buffer(3)]], device ulong* out [[buffer(5)]],
    constant Scale& scale [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  out[i] = scale.big + ulong(in[i]) + ulong(scale.steps.w) + ulong(scale.tail[2]);
}
`;
writeFileSync(join(folder, 'scale.metal'), PROGRAM);

async function run(job: object): Promise<{ reports: unknown; bytes: (file: string) => Buffer }> {
  const file = join(folder, 'job.json');
  writeFileSync(file, JSON.stringify(job));
  const result = await runJob(device, file);
  return { ...result, bytes: (name) => readFileSync(join(folder, name)) };
}

const SCALE = {
  struct: {
    ...{ rows: 'uint', low: 'half', factors: 'float3', big: 'ulong', is_on: 'bool', steps: 'char4' },
    tail: 'packed_float3',
  },
  values: {
    ...{ rows: 5, low: 0.5, factors: [1, 2, 3], big: '9007199254740993', is_on: true, steps: [1, 2, 3, 4] },
    tail: [10, 20, 30],
  },
};

const TWO = {
  source: 'scale.metal',
  msl: '3.1',
  buffers: {
    in: { dtype: 'f32', values: [1, 2, 3, 4, 5] },
    between: { dtype: 'f32', shape: [5] },
    scale: SCALE,
    out: { dtype: 'u64', shape: [5] },
  },
  dispatches: [
    {
      kernel: 'first',
      buffers: { 0: 'in', 1: 'between', 2: 'scale' },
      threads: 5,
      threads_per_threadgroup: 4,
    },
    {
      kernel: 'second',
      buffers: { 3: 'between', 5: { buffer: 'out', offset: 8 }, 2: 'scale' },
      threads: [4],
      threads_per_threadgroup: [4, 1],
    },
  ],
  outputs: { out: 'out.bin', between: 'between.bin' },
  checks: ['bounds', 'races', 'uninitialized'],
};

describe('a job of two kernels', () => {
  it('hands the buffer that one wrote to the next', async () => {
    const { bytes, ...result } = await run(TWO);
    expect(result).toMatchObject({
      kernel: 'first, second',
      reports: [],
      threadgroups: 3,
      counters: null,
      dispatches: [
        { kernel: 'first', threadgroups: 2, counters: { idleThreadgroups: 0 } },
        { kernel: 'second', threadgroups: 1 },
      ],
    });
    const between = new Float32Array(Uint8Array.from(bytes('between.bin')).buffer);
    expect([...between]).toEqual([1.5, 4.5, 9.5, 4.5, 10.5]);
    const out = new BigUint64Array(Uint8Array.from(bytes('out.bin')).buffer);
    expect([...out.slice(1)]).toEqual([1n, 4n, 9n, 4n].map((each) => 9007199254740993n + each + 34n));
  });

  it.each([
    [{ dispatches: [{ ...TWO.dispatches[0], buffers: { 0: 'inn' } }] }, 'there is no buffer inn'],
    [{ kernel: 'first' }, 'a job with dispatches has this in each of them'],
    [{ source: undefined }, 'a job has either source or text'],
    [{ dispatches: [{ ...TWO.dispatches[0], threadgroups: 1 }] }, 'either threadgroups or threads'],
    [
      { buffers: { ...TWO.buffers, in: { dtype: 'f33', shape: [5] } } },
      "expected a type of Metal, got 'f33'",
    ],
    [{ buffers: { ...TWO.buffers, in: { dtype: 'f32', shape: [4], values: [1] } } }, '16 bytes, but 4 bytes'],
    [{ buffers: { ...TWO.buffers, in: { dtype: 'u8', values: [256] } } }, 'a whole number from 0 to 255'],
    [{ buffers: { ...TWO.buffers, in: { dtype: 'f32' } } }, 'neither shape nor contents'],
    [
      { buffers: { ...TWO.buffers, in: { dtype: 'f32', shape: [2 ** 40, 2 ** 40], fill: 1 } } },
      'a buffer has at most',
    ],
    [
      { buffers: { ...TWO.buffers, in: { dtype: 'f32', shape: [2 ** 38], fill: 1 } } },
      'do not fit into memory',
    ],
    [
      { buffers: { ...TWO.buffers, scale: { ...SCALE, values: { ...SCALE.values, other: 1 } } } },
      "no field 'other'",
    ],
  ])('refuses %j', async (change, message) => {
    await expect(run({ ...TWO, ...change })).rejects.toThrow(message);
  });
});

describe('large and odd input', () => {
  it('fills a large buffer in the time and memory that it takes', async () => {
    const shape = [2 ** 26];
    const buffers = { in: { dtype: 'u8', shape, fill: 7 }, out: { dtype: 'u8', shape: [1] } };
    const text = 'kernel void k(device const uchar* in, device uchar* out) { out[0] = in[(1 << 26) - 1]; }';
    const dispatch = { kernel: 'k', buffers: { 0: 'in', 1: 'out' }, threads: 1, threads_per_threadgroup: 1 };
    const before = process.memoryUsage().arrayBuffers;
    const { bytes } = await run({ text, buffers, dispatches: [dispatch], outputs: { out: 'last.bin' } });
    expect([...bytes('last.bin')]).toEqual([7]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(3 * 2 ** 26);
  });

  it('is refused where it has no end', async () => {
    const deep = `${'['.repeat(100_000)}1${']'.repeat(100_000)}`;
    writeFileSync(join(folder, 'deep.json'), `{"buffers":{"0":{"dtype":"f32","values":${deep}}}}`);
    await expect(runJob(device, join(folder, 'deep.json'))).rejects.toThrow('nested less deeply');
    const zeros = { ...TWO.buffers, in: { dtype: 'f32', shape: [5], file: '/dev/zero' } };
    await expect(run({ ...TWO, buffers: zeros })).rejects.toThrow('expected at most 1073741824 bytes');
  });

  it('may come through a pipe', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const writing = writeFile(pipe, new Uint8Array(Float32Array.of(1, 2, 3, 4, 5).buffer));
    const buffers = { ...TWO.buffers, in: { dtype: 'f32', shape: [5], file: 'pipe' } };
    const { bytes } = await run({ ...TWO, buffers, checks: 'none' });
    await writing;
    expect(new Float32Array(Uint8Array.from(bytes('between.bin')).buffer)[2]).toBe(9.5);
  });
});

it('takes the program as text, and the grid from a buffer', async () => {
  const { bytes } = await run({
    text: '#include <metal_stdlib>\nusing namespace metal;\nkernel void k(device bool* out, uint i [[thread_position_in_grid]]) { out[i] = i % 2 == 1; }',
    buffers: { grid: { dtype: 'u32', values: [2, 1, 1] }, out: { dtype: 'bool', shape: [6] } },
    dispatches: [
      {
        kernel: 'k',
        buffers: { 0: 'out' },
        threadgroups: { buffer: 'grid' },
        threads_per_threadgroup: 3,
      },
    ],
    outputs: { out: 'bools.bin' },
    checks: 'all',
  });
  expect([...bytes('bools.bin')]).toEqual([0, 1, 0, 1, 0, 1]);
});

describe('types of Metal', () => {
  // Sizes and alignments of the Metal Shading Language Specification 3.2, tables 2.2 to 2.5 and 2.7.
  it.each<[TypeText, number, number]>([
    ['bool', 1, 1],
    ['i8', 1, 1],
    ['short', 2, 2],
    ['ulong', 8, 8],
    ['bfloat', 2, 2],
    ['char3', 4, 4],
    ['packed_char3', 3, 1],
    ['half3', 8, 8],
    ['packed_half3', 6, 2],
    ['uint2', 8, 8],
    ['float3', 16, 16],
    ['packed_float3', 12, 4],
    ['float4', 16, 16],
    ['long3', 32, 32],
    ['half2x2', 8, 4],
    ['half4x3', 32, 8],
    ['float2x4', 32, 16],
    ['float3x3', 48, 16],
    ['float4x4', 64, 16],
    ['uint64_t', 8, 8],
    ['atomic_uint', 4, 4],
    ['int[3]', 12, 4],
    ['float3[2][2]', 64, 16],
    [{ a: 'char', b: 'float3', c: 'char' }, 48, 16],
    [{ a: 'packed_float3', b: 'float' }, 16, 4],
    [{ a: 'short', inner: { b: 'char', c: 'long' }, d: 'char' }, 32, 8],
  ])('%j takes %i bytes, at multiples of %i', (type, size, alignment) => {
    expect(layoutOf(type, 't')).toMatchObject({ size, alignment });
  });

  it.each<[TypeText, GivenValue, string]>([
    ['i64', ['-9223372036854775808', 1], '00000000000000800100000000000000'],
    ['u16', [65535, [1, 2]], 'ffff01000200'],
    ['f16', [1, 'inf', -2], '003c007c00c0'],
    ['bf16', [1, -2, 'nan'], '803f00c0c07f'],
    ['float3', [1, 2, 3], '0000803f000000400000404000000000'],
    [{ a: 'u8', b: 'u16[2]' }, { a: 1, b: [2, 3] }, '010002000300'],
    [{ a: 'u8' }, [{ a: 1 }, { a: 2 }], '0102'],
  ])('%j of %j is %s', (type, values, hex) => {
    expect(Buffer.from(encodeValues(layoutOf(type, 't'), values, 'w')).toString('hex')).toBe(hex);
  });

  it('come back as they went in', () => {
    const layout = layoutOf('char3', 't');
    expect(decodeNumbers(layout, encodeValues(layout, [1, -2, 3, -4, 5, -6], 'w'))).toEqual([
      1, -2, 3, -4, 5, -6,
    ]);
  });
});

it('reads arrays of NumPy', () => {
  const header = "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 2), }".padEnd(117) + '\n';
  const bytes = Buffer.concat([
    Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]),
    Buffer.from(header),
    Buffer.from('003c00400042ff7b', 'hex'),
  ]);
  expect(readNpy(bytes, 'x.npy')).toMatchObject({ shape: [2, 2], numbers: [1, 2, 3, 65504] });
  expect(() => readNpy(bytes.subarray(0, -2), 'x.npy')).toThrow('4 elements of 2 bytes do not fill it');
});

it('has a schema, which the package holds', async () => {
  const text = `${JSON.stringify(jobJsonSchema(), undefined, 2)}\n`;
  await expect(text).toMatchFileSnapshot('../../schemas/job.schema.json');
});
