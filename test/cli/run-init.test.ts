// `moegen run --init`: a job from a kernel's signature, which runs as it is; and what `moegen compile --json` says of types.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { json, moegen } from './moegen.js';

const folder = mkdtempSync(join(tmpdir(), 'moegen-init-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

mkdirSync(join(folder, 'jobs'));
writeFileSync(
  join(folder, 'many.metal'),
  `#include <metal_stdlib>
using namespace metal;
constant uint width [[function_constant(3)]];
constant bool has_bias [[function_constant(4)]];
constant float2 scales [[function_constant(5)]];
enum class Mode : ushort { plain, other };
template <int N> struct Block { half scale; uchar codes[N]; };
namespace outer {
struct Inner { float3 point; packed_half3 color; };
union Either { int whole; float real; };
struct Params { uint rows; Inner inner[2]; Mode mode; float4x4 turn; bool on; long strides[3]; Inner last; };
struct Bits { uint low : 3; uint high : 5; };
kernel void many(device float* out, constant Params& p [[buffer(7)]], device const Block<32>* blocks,
    threadgroup float4* tile, device void* any, constant half3& color, constant Mode& mode,
    device const bfloat2* pairs, device atomic_int* count, constant Bits& bits, constant Either& either,
    device const float* bias [[buffer(20), function_constant(has_bias)]],
    uint i [[thread_position_in_grid]]) {
  out[i] = p.rows + float(blocks[i].scale) + width + scales.y;
  if (has_bias) { out[i] += bias[i]; }
}
}
template <typename T> kernel void typed(device T* out, constant float (&four)[4]) { out[0] = T(four[0]); }
template [[host_name("typed_half")]] kernel void typed<half>(device half*, constant float (&)[4]);
`,
);

const INNER = [
  { name: 'point', type: 'float3', offset: 0 },
  { name: 'color', type: 'packed_half3', offset: 16 },
];

describe('moegen compile --json', () => {
  it('says how the elements of all arguments lie in memory', async () => {
    const { files } = json(await moegen(folder, 'compile', 'many.metal', '--target', 'host', '--json'));
    const [file] = files as { kernels: { name: string; buffers: { name: string; element: unknown }[] }[] }[];
    const elements = Object.fromEntries(
      (file?.kernels ?? []).flatMap(({ name, buffers }) =>
        buffers.map((buffer) => [`${name}.${buffer.name}`, buffer.element]),
      ),
    );
    expect(elements).toMatchObject({
      'many.out': { type: 'float', size: 4 },
      // Offsets and sizes as the Metal Shading Language Specification 3.2 gives alignments, in tables 2.3 to 2.7.
      'many.p': {
        ...{ type: 'outer::Params', size: 224, alignment: 16 },
        fields: [
          { name: 'rows', type: 'uint', offset: 0 },
          { name: 'inner', type: 'Inner[2]', offset: 16, fields: INNER },
          { name: 'mode', type: 'Mode', offset: 80 },
          { name: 'turn', type: 'float4x4', offset: 96 },
          { name: 'on', type: 'bool', offset: 160 },
          { name: 'strides', type: 'long[3]', offset: 168 },
          { name: 'last', type: 'outer::Inner', offset: 192, fields: INNER },
        ],
      },
      'many.blocks': {
        ...{ type: 'Block<32>', size: 34, alignment: 2 },
        fields: [
          { name: 'scale', type: 'half', offset: 0 },
          { name: 'codes', type: 'uchar[32]', offset: 2 },
        ],
      },
      'many.any': { type: 'void', size: 0 },
      'many.color': { type: 'half3', size: 8 },
      'many.mode': { type: 'Mode', size: 2 },
      'many.pairs': { type: 'bfloat2', size: 4 },
      'many.count': { type: 'atomic_int', size: 4 },
      'many.bits': { fields: [{ bits: [0, 2] }, { bits: [3, 7] }] },
      'typed_half.out': { type: 'half', size: 2 },
      'typed_half.four': { type: 'float[4]', size: 16 },
    });
  });
});

describe('moegen run --init', () => {
  it('writes a job that runs', async () => {
    const init = await moegen(folder, 'run', '--init', 'many.metal', 'many', '-o', 'jobs/many.json');
    expect(init).toMatchObject({ code: 0, out: '' });
    const job = JSON.parse(readFileSync(join(folder, 'jobs/many.json'), 'utf8')) as Record<string, unknown>;
    const inner = { point: 'float3', color: 'packed_half3' };
    expect(job).toMatchObject({
      source: '../many.metal',
      kernel: 'many',
      constants: { 3: 0, 4: false, 5: [0, 0] },
      buffers: {
        0: { name: 'out', dtype: 'f32', shape: [1] },
        7: {
          struct: { rows: 'u32', inner: [inner, 2], turn: 'float4x4', strides: 'long[3]', last: inner },
          values: { rows: 0, inner: 0, last: { point: 0 } },
        },
        1: { struct: { scale: 'f16', codes: 'uchar[32]' } },
        2: { dtype: 'u8' },
        3: { dtype: 'half3', fill: 0 },
        4: { dtype: 'u16' },
        5: { dtype: 'bfloat2' },
        6: { dtype: 'atomic_int' },
        8: { dtype: 'u32' },
        9: { dtype: 'u32' },
        20: { name: 'bias', dtype: 'f32' },
      },
      threadgroup_memory: { 0: 16 },
      outputs: { 0: 'out.bin', 2: 'any.bin', 6: 'count.bin' },
    });
    const run = await moegen(folder, 'run', 'jobs/many.json');
    expect(run.err).toBe('');
    // What the kernel leaves unwritten is said; everything else is in order.
    expect(json(run)['reports']).toMatchObject([{ check: 'unwritten' }, { check: 'unwritten' }]);
    expect(existsSync(join(folder, 'jobs/out.bin'))).toBe(true);
  });

  it('prints the job for the only kernel that there is', async () => {
    writeFileSync(join(folder, 'one.metal'), 'kernel void one(device FLOAT* a) { a[0] = 1; }\n');
    const { code, out } = await moegen(folder, 'run', '--init', 'one.metal', '-D', 'FLOAT=float');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      source: 'one.metal',
      kernel: 'one',
      defines: { FLOAT: 'float' },
    });
  });

  it.each([
    [['--init', 'many.metal', 'manny'], 'Nearest: many'],
    [['--init', 'many.metal'], 'expected the name of a kernel, and the file has 2'],
    [['--init', 'one.metal'], "one.metal:1:24: 'FLOAT'"],
    [['--init', 'many.metal', 'many', '-o', 'many.metal'], 'expected a new file'],
    [['job.json', 'many'], 'expected --init beside many'],
  ])('%j is refused', async (argv, message) => {
    const outcome = await moegen(folder, 'run', ...argv);
    expect(outcome.err.replace(/(one\.metal:\d+:\d+)[^]*?(?='FLOAT')/, '$1: ')).toContain(message);
    expect(outcome.code).toBeGreaterThan(0);
  });
});
