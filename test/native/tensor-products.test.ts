// Products of tensors in memory, run by the host engine: against sums in double, in every form that operands have, with all
// checks and without.

import { describe, expect, it } from 'vitest';

import { CHECKS } from '../../generator/native/types.js';
import { fromBits, noise, toBits, type FloatType } from './floats.js';
import { launch, load, output, range } from './support.js';

const HEAD = `#include <metal_tensor>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace mpp::tensor_ops;
`;

interface Form {
  /** Of the descriptor; k is the number of terms, or none where the tensors say it. */
  readonly tile: readonly [m: number, n: number, k?: number];
  readonly simdgroups: number;
  readonly types: readonly [left: string, right: string, destination: string];
  readonly transposed?: readonly [left: boolean, right: boolean];
  /** Where the sums are held: in the lanes, or in the output. */
  readonly target: 'lanes' | 'memory';
  /** The left operand is copied to threadgroup memory first. */
  readonly staged?: boolean;
}

/** A kernel that multiplies matrices of any size, one tile of the result per threadgroup, k in steps of its descriptor. */
function product({ tile, simdgroups, types, transposed = [false, false], target, staged }: Form): string {
  const [m, n, k] = tile;
  const [L, R, D] = types;
  const threads = simdgroups * 32;
  const corner = (flag: boolean, row: string, column: string): string =>
    flag ? `${row}, ${column}` : `${column}, ${row}`;
  const [ta, tb] = transposed;
  const step = k ?? 4096;
  const fill = `for (uint i = index; i < ${m} * ${step}; i += ${threads}) {
      const uint row = ${m} * group.y + i / ${step}, column = begin + i % ${step};
      tile[i] = row < uint(size[0]) && column < uint(size[2]) ? ${L}(left[${ta ? 'column * size[0] + row' : 'row * size[2] + column'}]) : ${L}(0);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);`;
  const tensorOfTile = `auto part = tensor(tile, dextents<int, 2>(${step}, ${m}));`;
  const slice = `auto part = a.slice(${corner(ta, `${m} * int(group.y)`, 'begin')});`;
  return `${HEAD}
kernel void multiply(device ${L}* left [[buffer(0)]], device ${R}* right [[buffer(1)]], device ${D}* out [[buffer(2)]],
    constant int* size [[buffer(3)]], uint3 group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  auto a = tensor(left, dextents<int, 2>(${corner(ta, 'size[0]', 'size[2]')}));
  auto b = tensor(right, dextents<int, 2>(${corner(tb, 'size[2]', 'size[1]')}));
  auto c = tensor(out, dextents<int, 2>(size[1], size[0]), array<int, 2>{1, size[1]});
  auto result = c.slice(${n} * int(group.x), ${m} * int(group.y));
  constexpr auto descriptor = matmul2d_descriptor(${m}, ${n}, ${k ?? 'dynamic_length_v<int>'}, ${staged ? false : ta}, ${tb}, false, matmul2d_descriptor::mode::multiply_accumulate);
  matmul2d<descriptor, execution_simdgroups<${simdgroups}>> op;
  ${staged ? `threadgroup ${L} tile[${m} * ${step}];` : ''}
  auto sums = op.get_destination_cooperative_tensor<decltype(a), decltype(b), ${D}>();
  ${target === 'memory' ? 'sums.store(result); threadgroup_barrier(mem_flags::mem_device);' : ''}
  for (int begin = 0; begin < size[2]; begin += ${step}) {
    ${staged ? fill + tensorOfTile : slice}
    auto other = b.slice(${corner(tb, 'begin', `${n} * int(group.x)`)});
    op.run(part, other, ${target === 'memory' ? 'result' : 'sums'});
    ${staged ? 'threadgroup_barrier(mem_flags::mem_threadgroup);' : ''}
  }
  ${target === 'memory' ? '' : 'sums.store(result);'}
}`;
}

const FLOATS: Readonly<Record<string, FloatType>> = { float: 'f32', half: 'f16', bfloat: 'bf16' };
const TOLERANCE: Readonly<Record<string, number>> = { float: 1e-6, half: 1e-3, bfloat: 8e-3 };

function transpose(values: readonly number[], rows: number, columns: number): number[] {
  return range(rows * columns).map((i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? 0);
}

/** The largest difference from the product in double, relative to the largest element. */
async function difference(
  form: Form,
  [m, n, k]: readonly [number, number, number],
  seed = 0,
): Promise<number> {
  const [left = 'f32', right = 'f32', destination = 'f32'] = form.types.map((type) => FLOATS[type]);
  const a = noise(left, m * k, 1);
  const b = noise(right, k * n, 2);
  const [ta = false, tb = false] = form.transposed ?? [];
  const expected = range(m * n).map((i) =>
    range(k).reduce((sum, j) => sum + (a[Math.floor(i / n) * k + j] ?? 0) * (b[j * n + (i % n)] ?? 0), 0),
  );
  const text = product(form);
  const [plain, watched] = [await load(text), await load(text, true)];
  const request = {
    kernel: 'multiply',
    buffers: [
      toBits(left, ta ? transpose(a, m, k) : a),
      toBits(right, tb ? transpose(b, k, n) : b),
      m * n * (destination === 'f32' ? 4 : 2),
      Int32Array.of(m, n, k),
    ],
    groups: [Math.ceil(n / form.tile[1]), Math.ceil(m / form.tile[0]), 1] as const,
    threads: form.simdgroups * 32,
  };
  const result = await launch({ ...request, library: plain, options: { seed } });
  const checked = await launch({ ...request, library: watched, options: { seed, checks: CHECKS } });
  expect(checked.reports).toEqual([]);
  expect(checked.outputs).toEqual(result.outputs);
  const found = fromBits(destination, output(result));
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs((found[i] ?? NaN) - value))) / scale;
}

describe('products', () => {
  const half = ['half', 'half', 'float'] as const;
  it.each<Form>([
    { tile: [64, 32, 32], simdgroups: 4, types: half, target: 'lanes' },
    { tile: [64, 32, 32], simdgroups: 4, types: half, target: 'lanes', staged: true },
    {
      tile: [128, 64, 32],
      simdgroups: 4,
      types: ['float', 'half', 'float'],
      transposed: [false, true],
      target: 'lanes',
    },
    { tile: [64, 32], simdgroups: 4, types: half, target: 'lanes' },
    { tile: [16, 32, 16], simdgroups: 1, types: half, target: 'lanes' },
    { tile: [16, 16], simdgroups: 1, types: half, target: 'lanes' },
    { tile: [32, 16, 8], simdgroups: 1, types: half, transposed: [true, false], target: 'lanes' },
    {
      tile: [48, 20, 12],
      simdgroups: 2,
      types: ['bfloat', 'bfloat', 'float'],
      transposed: [true, true],
      target: 'lanes',
    },
    { tile: [16, 32, 16], simdgroups: 1, types: half, target: 'memory' },
    {
      tile: [32, 24],
      simdgroups: 3,
      types: ['float', 'float', 'float'],
      transposed: [true, false],
      target: 'memory',
    },
    { tile: [32, 32], simdgroups: 2, types: ['half', 'half', 'half'], target: 'lanes' },
    { tile: [32, 32], simdgroups: 2, types: ['bfloat', 'half', 'bfloat'], target: 'memory' },
  ])('%j', async (form) => {
    const tolerance = TOLERANCE[form.types[2]] ?? 0;
    expect(await difference(form, [128, 64, 96])).toBeLessThan(tolerance);
    // A number of terms that is part of the operation is read whole.
    const terms = form.tile[2] === undefined ? 51 : 96;
    expect(await difference(form, [69, 45, terms], 7)).toBeLessThan(tolerance);
  });
});
