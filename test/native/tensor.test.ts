// Tensors in memory, run by the host engine: what they hold, what products leave out, and what goes wrong.

import { describe, expect, it } from 'vitest';

import { MoegenError } from '../../generator/errors.js';
import { CHECKS, type Check, type CheckReport } from '../../generator/native/types.js';
import { toBits } from './floats.js';
import { launch, load, output, range, type Data } from './support.js';

const HEAD = `#include <metal_tensor>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace mpp::tensor_ops;
`;

/** Runs `body` in one threadgroup, with two buffers of 16 x 16 halves that hold 1/4 and 1/2, and one of floats. */
async function runBody(
  body: string,
  threads = 32,
  checks: readonly Check[] = [],
): Promise<{ values: number[]; reports: readonly CheckReport[] }> {
  const library = await load(bodyOf(body), checks.length > 0);
  const buffers: (Data | number)[] = [0.25, 0.5].map((value) =>
    toBits(
      'f16',
      range(256).map(() => value),
    ),
  );
  const result = await launch({
    library,
    kernel: 'test',
    buffers: [...buffers, 4096],
    threads,
    options: { checks },
  });
  return { values: [...new Float32Array(output(result))], reports: result.reports };
}

const bodyOf = (body: string): string => `${HEAD}
kernel void test(device half* l [[buffer(0)]], device half* r [[buffer(1)]], device float* out [[buffer(2)]],
    ushort lane [[thread_index_in_simdgroup]], ushort group [[simdgroup_index_in_threadgroup]]) {
  auto a = tensor(l, dextents<int, 2>(16, 16));
  auto b = tensor(r, dextents<int, 2>(16, 16));
  auto c = tensor(out, dextents<int, 2>(16, 16));
  typedef matmul2d<matmul2d_descriptor(16, 16, 16), execution_simdgroup> one;
  typedef matmul2d<matmul2d_descriptor(16, 16, 16), execution_simdgroups<2>> two;
${body}
}`;

describe('tensors', () => {
  it('reads and writes elements, where strides and slices say', async () => {
    const { values } = await runBody(`if (lane == 0) {
      auto t = tensor(out, dextents<int, 2>(6, 8), array<int, 2>{1, 10});
      for (int y = 0; y < 8; y++) for (int x = 0; x < 6; x++) t[array<int, 2>{x, y}] = x + 100 * y;
      auto s = t.slice(2, 3);
      s[array<int, 2>{1, 1}] = -1;
      out[200] = s.get_extent(0);
      out[201] = s.get_extent(1);
      out[202] = t.slice<2, 3>(9, 9).get_extent(1);
      out[203] = t.slice(7, 0).get_extent(0);
      out[204] = s.get_stride(1);
    }`);
    const expected = range(48).map((i) => (i === 27 ? -1 : (i % 6) + 100 * Math.floor(i / 6)));
    expect(range(48).map((i) => values[Math.floor(i / 6) * 10 + (i % 6)])).toEqual(expected);
    expect(values.slice(200, 205)).toEqual([4, 5, 3, 0, 10]);
  });

  it.each([
    ['16, 16, 16', 'execution_simdgroup', 32],
    ['32, 16, 16', 'execution_simdgroup', 32],
    ['24, 20, 16', 'execution_simdgroups<2>', 64],
    ['5, 7, 16', 'execution_simdgroups<3>', 96],
  ])('each element of a cooperative tensor of %s in %s is in one lane', async (size, scope, threads) => {
    const [rows = 0, columns = 0] = size.split(',').map(Number);
    const { values } = await runBody(
      `matmul2d<matmul2d_descriptor(${size}), ${scope}> op;
       auto d = op.get_destination_cooperative_tensor<decltype(a), decltype(b), float>();
       for (auto i = d.begin(); i != d.end(); ++i) { auto at = i.get_multidimensional_index(); *i = at[1] * 100 + at[0]; }
       auto t = tensor(out, dextents<int, 2>(${columns}, ${rows}));
       for (ushort i = 0; i < d.get_capacity(); i++) if (d.is_valid_element(i)) t[d.get_multidimensional_index(i)] += d[i] + 0.5f;`,
      threads,
    );
    expect(values.slice(0, rows * columns)).toEqual(
      range(rows * columns).map((i) => Math.floor(i / columns) * 100 + (i % columns) + 0.5),
    );
  });

  it('loads what exists, and stores where there is room', async () => {
    const { values } = await runBody(
      `auto d = two().get_destination_cooperative_tensor<decltype(a), decltype(b), half>();
       d.load(tensor(l, dextents<int, 2>(16, 7)));
       for (auto i = d.begin(); i != d.end(); i++) *i += 1;
       threadgroup half t[16 * 16];
       auto s = tensor(t, dextents<int, 2>(16, 16));
       d.store(s.slice(1, 0));
       threadgroup_barrier(mem_flags::mem_threadgroup);
       if (lane == 0 && group == 0) for (int i = 0; i < 256; i++) out[i] = i % 16 == 0 ? -1 : t[i];`,
      64,
    );
    expect(values.slice(0, 256)).toEqual(range(256).map((i) => (i % 16 === 0 ? -1 : i < 112 ? 1.25 : 1)));
  });

  it('adds to zeros, or to what the program puts there', async () => {
    const { values } = await runBody(`
      matmul2d<matmul2d_descriptor(16, 16, 16, false, false, false, matmul2d_descriptor::mode::multiply_accumulate), execution_simdgroup> add;
      auto d = add.get_destination_cooperative_tensor<decltype(a), decltype(b), float>();
      add.run(a, b, d);
      d.store(c);
      for (auto i = d.begin(); i != d.end(); i++) *i = 7;
      add.run(a, b, d);
      add.run(a, b, d);
      d.store(tensor(out + 256, dextents<int, 2>(16, 16)));
      one op;
      op.run(a, b, d);
      d.store(tensor(out + 512, dextents<int, 2>(16, 16)));`);
    expect(values.slice(0, 768)).toEqual(range(768).map((i) => (i < 256 ? 2 : i < 512 ? 11 : 2)));
  });

  it('multiplies bytes in integers', async () => {
    const { values } = await runBody(`
      threadgroup int8_t x[256], y[256];
      threadgroup int z[256];
      for (int i = lane; i < 256; i += 32) { x[i] = i * 31; y[i] = i * 37 + 1; }
      threadgroup_barrier(mem_flags::mem_threadgroup);
      auto p = tensor(x, dextents<int, 2>(16, 16));
      auto q = tensor(y, dextents<int, 2>(16, 16));
      auto s = tensor(z, dextents<int, 2>(16, 16));
      one().run(p, q, s);
      threadgroup_barrier(mem_flags::mem_threadgroup);
      for (int i = lane; i < 256; i += 32) out[i] = z[i];`);
    const byte = (value: number): number => (value << 24) >> 24;
    const expected = range(256).map((i) =>
      range(16).reduce(
        (sum, j) => sum + byte((i - (i % 16) + j) * 31) * byte((j * 16 + (i % 16)) * 37 + 1),
        0,
      ),
    );
    expect(values.slice(0, 256)).toEqual(expected);
  });

  it('has zeros where a factor ends, and writes nothing outside of the result', async () => {
    const { values } = await runBody(`
      if (lane == 0) for (int i = 0; i < 256; i++) out[i] = -1;
      simdgroup_barrier(mem_flags::mem_device);
      const array<int, 2> strides = {1, 16};
      auto p = tensor(l, dextents<int, 2>(16, 10), strides);
      auto q = tensor(r, dextents<int, 2>(12, 16), strides);
      auto s = tensor(out, dextents<int, 2>(14, 15), strides);
      one().run(p, q, s);`);
    const expected = range(256).map((i) => {
      const [row, column] = [Math.floor(i / 16), i % 16];
      return row >= 15 || column >= 14 ? -1 : row < 10 && column < 12 ? 2 : 0;
    });
    expect(values.slice(0, 256)).toEqual(expected);
  });

  it('leaves out terms that one of the factors does not have', async () => {
    // An infinity behind the last term must not make the product NaN.
    const { values } = await runBody(`
      if (lane == 0) for (int i = 0; i < 16; i++) r[i * 16 + 12] = INFINITY;
      simdgroup_barrier(mem_flags::mem_device);
      auto p = tensor(l, dextents<int, 2>(12, 16), array<int, 2>{1, 16});
      auto q = tensor(r, dextents<int, 2>(16, 16));
      matmul2d<matmul2d_descriptor(16, 16, 16, false, true), execution_simdgroup> op;
      op.run(p, q, c);`);
    expect(values.slice(0, 256)).toEqual(range(256).map(() => 1.5));
  });
});

describe('what goes wrong', () => {
  const fails = async (body: string, threads = 64): Promise<string> => {
    const error: unknown = await runBody(body, threads).catch((reason: unknown) => reason);
    if (!(error instanceof MoegenError)) throw new Error('expected the job to fail', { cause: error });
    return error.code;
  };
  const reportsOf = async (
    body: string,
    threads = 64,
    checks: readonly Check[] = CHECKS,
  ): Promise<string[]> => {
    const { reports } = await runBody(body, threads, checks);
    return reports.map(({ check, message }) => `${check}: ${message}`);
  };

  it.each([
    ['in some lanes only', 'if (lane < 16) { one op; op.run(a, b, c); }', 'native/tensor-lanes'],
    [
      'in some simdgroups of its scope only',
      'if (group == 1) { two op; op.run(a, b, c); }',
      'native/tensor-lanes',
    ],
    [
      'in some simdgroups of its scope only, before a barrier',
      'two op; if (group == 1) { op.run(a, b, c); } threadgroup_barrier(mem_flags::mem_device); op.run(a, b, c);',
      'native/tensor-lanes',
    ],
    [
      'of other tensors in each simdgroup of its scope',
      'auto s = a.slice(group, 0); two op; op.run(s, b, c);',
      'native/tensor-operands',
    ],
    [
      'of other tensors in each lane',
      'auto s = a.slice(lane & 1, 0); one op; op.run(s, b, c);',
      'native/tensor-operands',
    ],
    [
      'in a scope that is smaller than the threadgroup',
      'matmul2d<matmul2d_descriptor(16, 16, 16), execution_simdgroups<3>> op; op.run(a, b, c);',
      'native/tensor-simdgroups',
    ],
  ])('a product %s', async (_, body, code) => {
    expect(await fails(body)).toBe(code);
  });

  it('is reported by the check for divergence', async () => {
    expect(await reportsOf('if (lane < 16) { one op; op.run(a, b, c); }', 32, ['divergence'])).toEqual([
      expect.stringContaining('16 of the 32 lanes of a simdgroup come to a product of tensors'),
    ]);
    expect(await reportsOf('if (group == 1) { two op; op.run(a, b, c); }', 64, ['divergence'])).toEqual([
      expect.stringContaining('a product of tensors needs all simdgroups of its scope'),
    ]);
  });

  const STAGED = `threadgroup half t[256];
    for (int i = lane + 32 * group; i < 256; i += 64) t[i] = l[i];
    BARRIER
    auto s = tensor(t, dextents<int, 2>(16, 16));
    two op;
    auto d = op.get_destination_cooperative_tensor<decltype(a), decltype(b), float>();
    op.run(s, b, d);
    d.store(c);`;

  it('a product of threadgroup memory without a barrier before it', async () => {
    const barrier = 'threadgroup_barrier(mem_flags::mem_threadgroup);';
    expect(await reportsOf(STAGED.replace('BARRIER', barrier), 64, ['races', 'uninitialized'])).toEqual([]);
    const reports = await reportsOf(STAGED.replace('BARRIER', ''), 64, ['races']);
    expect(reports[0]).toContain('races: reads byte');
  });

  it('a product of one simdgroup without a barrier before it, where each lane wrote its own column', async () => {
    const body = `threadgroup half t[512];
      for (int i = lane; i < 512; i += 32) t[i] = 1;
      auto s = tensor(t, dextents<int, 2>(16, 16));
      one op;
      op.run(s, b, c);`;
    expect((await reportsOf(body, 32, ['races']))[0]).toContain('races: reads byte');
  });

  it('memory that is written after a product without a barrier', async () => {
    const body = `${STAGED.replace('BARRIER', 'threadgroup_barrier(mem_flags::mem_threadgroup);')} t[lane + 32 * group] = 0;`;
    expect((await reportsOf(body, 64, ['races']))[0]).toContain('races: writes byte');
  });

  it('threadgroup memory that was never written', async () => {
    const body = `threadgroup half t[256]; auto s = tensor(t, dextents<int, 2>(16, 16)); one op; op.run(s, b, c); if (lane > 99) t[0] = 1;`;
    expect((await reportsOf(body, 32, ['uninitialized']))[0]).toContain('uninitialized: reads byte 0');
  });

  it('extents that are larger than the buffer', async () => {
    const body = 'auto s = tensor(l, dextents<int, 2>(16, 17)).slice(0, 1); one op; op.run(s, b, c);';
    const reports = await reportsOf(body, 32, ['bounds']);
    expect(reports[0]).toContain('bounds: reads 2 bytes at byte 512 of buffer 0');
  });

  it('a result that is larger than the buffer', async () => {
    const body = 'auto s = tensor(out + 1000, dextents<int, 2>(16, 16)); one op; op.run(a, b, s);';
    expect((await reportsOf(body, 32, ['bounds']))[0]).toContain(
      'bounds: writes 4 bytes at byte 4096 of buffer 2',
    );
  });

  it.each(['op.run(a, b, s);', 'd.store(s);', 's[array<int, 2>{lane, 15}] = 1;'])(
    'a report names the line of %s',
    async (statement) => {
      const body = `auto s = tensor(out + 1000, dextents<int, 2>(16, 16));
        one op;
        auto d = op.get_destination_cooperative_tensor<decltype(a), decltype(b), float>();
        ${statement}`;
      const { reports } = await runBody(body, 32, ['bounds']);
      const line = bodyOf(body).slice(0, bodyOf(body).indexOf(statement)).split('\n').length + 2;
      expect(reports).toMatchObject([{ line }]);
    },
  );
});
