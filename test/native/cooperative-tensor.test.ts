// Cooperative tensors against plain loops in double precision: every kernel of a large file in the style of the libraries
// that use them, and single products.

import { fileURLToPath } from 'node:url';

import { beforeAll, describe, expect, it } from 'vitest';

import { MoegenError } from '../../generator/errors.js';
import { CHECKS, type JobResult, type LoadedLibrary } from '../../generator/native/types.js';
import { fromBits, noise, rounded, toBits, type FloatType } from './floats.js';
import { device, launch, load, output, range, type Launch } from './support.js';

const FILE = fileURLToPath(new URL('../compile/metal/cooperative.metal', import.meta.url));

let plain: LoadedLibrary;
let watched: LoadedLibrary;
beforeAll(async () => {
  const source = { path: FILE };
  plain = await device.load({ source, instrument: false });
  watched = await device.load({ source, instrument: true });
}, 120_000);

type Shape = readonly [m: number, n: number, k: number];

const TOLERANCE: Readonly<Record<FloatType, number>> = { f32: 1e-6, f16: 1e-3, bf16: 8e-3 };

/** Largest difference, relative to the largest element. */
function difference(found: readonly number[], expected: readonly number[]): number {
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs((found[i] ?? NaN) - value))) / scale;
}

/** a * b in double; `a` is given as m x k, `b` as k x n. */
function product(a: readonly number[], b: readonly number[], [m, n, k]: Shape): number[] {
  return range(m * n).map((i) => {
    const row = Math.floor(i / n);
    return range(k).reduce((sum, j) => sum + (a[row * k + j] ?? 0) * (b[j * n + (i % n)] ?? 0), 0);
  });
}

function transpose(values: readonly number[], rows: number, columns: number): number[] {
  return range(rows * columns).map((i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? 0);
}

interface Case {
  readonly type: FloatType;
  /** `t` where the left, the right operand is transposed. */
  readonly layout: string;
  readonly shape: Shape;
}

/** Runs without checks, then with all of them: no report, and the same bits. */
async function both(request: Omit<Launch, 'library'>): Promise<JobResult> {
  const result = await launch({ ...request, library: plain });
  const options = { ...request.options, checks: CHECKS };
  const checked = await launch({ ...request, library: watched, options });
  expect(checked.reports).toEqual([]);
  expect(checked.outputs).toEqual(result.outputs);
  return result;
}

async function runProduct({ type, layout, shape }: Case, seed = 0): Promise<number> {
  const [m, n, k] = shape;
  const a = noise(type, m * k, 1);
  const b = noise(type, k * n, 2);
  const [ta, tb] = [layout.startsWith('t'), layout.endsWith('t')];
  const sizes = Int32Array.of(m, n, k, ta ? m : k, tb ? k : n, n);
  const bytes = m * n * (type === 'f32' ? 4 : 2);
  const result = await both({
    kernel: `product_${type}_${layout}`,
    buffers: [
      toBits(type, ta ? transpose(a, m, k) : a),
      toBits(type, tb ? transpose(b, k, n) : b),
      bytes,
      sizes,
    ],
    groups: [Math.ceil(n / 64), Math.ceil(m / 64), 1],
    threads: 128,
    constants: { 200: m % 64 === 0, 201: n % 64 === 0, 202: k % 32 === 0 },
    options: { seed },
  });
  return difference(fromBits(type, output(result)), product(a, b, shape));
}

describe.each([
  ['f16', 'nn'],
  ['f16', 'nt'],
  ['f16', 'tn'],
  ['f16', 'tt'],
  ['bf16', 'nt'],
  ['bf16', 'tn'],
  ['f32', 'nn'],
  ['f32', 'tt'],
] as const)('products of %s, %s', (type, layout) => {
  it('whole tiles', async () => {
    expect(await runProduct({ type, layout, shape: [64, 128, 96] })).toBeLessThan(TOLERANCE[type]);
  });
  it('with edges', async () => {
    expect(await runProduct({ type, layout, shape: [69, 75, 45] }, 7)).toBeLessThan(TOLERANCE[type]);
  });
});

it('multiplies each row with the matrix of its group', async () => {
  const [m, n, k, groups] = [50, 40, 64, 3];
  const a = noise('bf16', m * k, 3);
  const b = range(groups).map((g) => noise('bf16', k * n, 4 + g));
  const index = range(m).map((row) => (row < 7 ? 0 : row < 39 ? 1 : 2));
  const result = await both({
    kernel: 'grouped_bf16',
    buffers: [
      toBits('bf16', a),
      toBits(
        'bf16',
        b.flatMap((matrix) => transpose(matrix, k, n)),
      ),
      Uint32Array.from(index),
      m * n * 2,
      Int32Array.of(m, n, k, k, k, n),
    ],
    groups: [2, 2, 1],
    threads: 32,
  });
  const expected = index.flatMap((g, row) => product(a.slice(row * k, (row + 1) * k), b[g] ?? [], [1, n, k]));
  expect(difference(fromBits('bf16', output(result)), expected)).toBeLessThan(TOLERANCE.bf16);
});

it('sums parts of K apart', async () => {
  const shape: Shape = [32, 64, 150];
  const [m, n, k] = shape;
  const [a, b] = [noise('f16', m * k, 8), noise('f16', k * n, 9)];
  const result = await both({
    kernel: 'split_f16',
    buffers: [
      toBits('f16', a),
      toBits('f16', b),
      3 * m * n * 4,
      Int32Array.of(m, n, k, k, n, n),
      Int32Array.of(64),
    ],
    groups: [1, 1, 3],
    threads: 64,
  });
  const parts = fromBits('f32', output(result));
  const sums = range(m * n).map((i) => range(3).reduce((sum, z) => sum + (parts[z * m * n + i] ?? 0), 0));
  expect(difference(sums, product(a, b, shape))).toBeLessThan(TOLERANCE.f32);
});

it('multiplies with weights of four bits', async () => {
  const shape: Shape = [37, 128, 128];
  const [m, n, k] = shape;
  const x = noise('bf16', m * k, 10);
  const scales = noise('bf16', (n * k) / 32, 11);
  const biases = noise('bf16', (n * k) / 32, 12);
  const codes = range(n * k).map((i) => (i * 7 + (i >> 5) * 3) % 16);
  const packed = Uint32Array.from({ length: (n * k) / 8 }, (_, i) =>
    range(8).reduce((word, j) => word + (codes[i * 8 + j] ?? 0) * 2 ** (4 * j), 0),
  );
  const weights = codes.map((code, i) => code * (scales[i >> 5] ?? 0) + (biases[i >> 5] ?? 0));
  const result = await both({
    kernel: 'quantized_bf16',
    buffers: [
      packed,
      toBits('bf16', scales),
      toBits('bf16', biases),
      toBits('bf16', x),
      m * n * 2,
      Int32Array.of(m, n, k, k, k, n),
    ],
    groups: [2, 2, 1],
    threads: 128,
  });
  const expected = product(x, transpose(rounded('bf16', weights), n, k), shape);
  expect(difference(fromBits('bf16', output(result)), expected)).toBeLessThan(TOLERANCE.bf16);
});

it('attends', async () => {
  const [queries, keys, size] = [64, 96, 64];
  const q = noise('f16', queries * size, 13, 3);
  const k = noise('f16', keys * size, 14, 3);
  const v = noise('f16', keys * size, 15, 3);
  const result = await both({
    kernel: 'attention_f16',
    buffers: [toBits('f16', q), toBits('f16', k), toBits('f16', v), queries * size * 2, Int32Array.of(keys)],
    groups: [2, 1, 1],
    threads: 64,
  });
  const scores = product(q, transpose(k, keys, size), [queries, keys, size]);
  const weights = range(queries).flatMap((row) => {
    const exponentials = scores.slice(row * keys, (row + 1) * keys).map((score) => Math.exp(score / 8));
    const sum = exponentials.reduce((total, value) => total + value);
    return exponentials.map((value) => value / sum);
  });
  expect(
    difference(fromBits('f16', output(result)), product(weights, v, [queries, size, keys])),
  ).toBeLessThan(TOLERANCE.f16);
});

it('multiplies bytes in integers', async () => {
  const a = Int8Array.from({ length: 256 }, (_, i) => i * 31);
  const b = Int8Array.from({ length: 512 }, (_, i) => i * 37 + 1);
  const result = await both({
    kernel: 'bytes',
    buffers: [new Uint8Array(a.buffer), new Uint8Array(b.buffer), 2048],
    threads: 32,
  });
  expect([...new Int32Array(output(result))]).toEqual(product([...a], [...b], [16, 32, 16]));
});

const HEAD = `#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace mpp::tensor_ops;
constant constexpr matmul2d_descriptor once(16, 32, 16, false, false, true);
constant constexpr matmul2d_descriptor again(16, 32, 16, false, false, true, matmul2d_descriptor::mode::multiply_accumulate);
using multiplies = matmul2d<once, execution_simdgroup>;
using accumulates = matmul2d<again, execution_simdgroup>;`;

type Types = readonly [left: string, right: string, destination: string];

/** A kernel around a product of `L` and `R` to `D`, whose left operand holds 1/4, whose right one holds 1/2. */
function around(body: string, [L, R, D]: Types = ['half', 'half', 'float']): string {
  return `${HEAD}
kernel void test(device float* out [[buffer(0)]], ushort lane [[thread_index_in_simdgroup]]) {
  multiplies op;
  accumulates add;
  auto a = op.get_left_input_cooperative_tensor<${L}, ${R}, ${D}>();
  auto b = op.get_right_input_cooperative_tensor<${L}, ${R}, ${D}>();
  auto d = op.get_destination_cooperative_tensor<decltype(a), decltype(b), ${D}>();
  for (ushort i = 0; i < a.get_capacity(); i++) a[i] = ${L}(0.25f);
  for (ushort i = 0; i < b.get_capacity(); i++) b[i] = ${R}(0.5f);
${body}
}`;
}
const STORE = 'for (ushort i = 0; i < 16; i++) out[lane * 16 + i] = d[i];';

async function run(body: string, types?: Types): Promise<number[]> {
  const library = await load(around(body, types));
  return [
    ...new Float32Array(output(await launch({ library, kernel: 'test', buffers: [2048], threads: 32 }))),
  ];
}

describe('single products', () => {
  it.each([
    ['half', 'half', 'half'],
    ['half', 'half', 'float'],
    ['bfloat', 'bfloat', 'bfloat'],
    ['bfloat', 'bfloat', 'float'],
    ['float', 'float', 'float'],
    ['float', 'half', 'float'],
    ['float', 'bfloat', 'float'],
    ['half', 'float', 'float'],
    ['half', 'bfloat', 'half'],
    ['bfloat', 'half', 'bfloat'],
  ])('%s * %s gives %s', async (...types) => {
    expect(await run(`op.run(a, b, d); add.run(a, b, d); ${STORE}`, types)).toEqual(range(512).map(() => 4));
  });

  it('without accumulation overwrites', async () => {
    expect(await run(`for (ushort i = 0; i < 16; i++) d[i] = 7; op.run(a, b, d); ${STORE}`)).toEqual(
      range(512).map(() => 2),
    );
  });

  it('rounds once', async () => {
    // 1/8 lies half way between two neighbours of 256 and above: 16 roundings would lose all of it.
    const found = await run(`for (ushort i = 0; i < 16; i++) d[i] = 256; add.run(a, b, d); ${STORE}`, [
      'half',
      'half',
      'half',
    ]);
    expect(found).toEqual(range(512).map(() => 258));
  });

  it('a simdgroup works on the elements of its own lanes, in any order', async () => {
    const library = await load(
      around(`for (ushort i = 0; i < 16; i++) d[i] = group; add.run(a, b, d);
        for (ushort i = 0; i < 16; i++) out[(group * 32 + lane) * 16 + i] = d[i];`).replace(
        'ushort lane',
        'uint group [[simdgroup_index_in_threadgroup]], ushort lane',
      ),
    );
    for (const seed of [0, 3]) {
      const request = { library, kernel: 'test', buffers: [4096 * 2], threads: 128, options: { seed } };
      const found = [...new Float32Array(output(await launch(request)))];
      expect(found).toEqual(range(2048).map((i) => 2 + Math.floor(i / 512)));
    }
  });

  it('shows elements that were never set', async () => {
    const found = await run(`add.run(a, b, d); ${STORE}`);
    expect(found).toEqual(range(512).map(() => NaN));
  });
});

describe('what goes wrong', () => {
  const fails = async (body: string, threads = 32): Promise<string> => {
    const library = await load(around(body));
    const error: unknown = await launch({ library, kernel: 'test', buffers: [2048], threads }).catch(
      (reason: unknown) => reason,
    );
    if (!(error instanceof MoegenError)) throw new Error('expected the job to fail', { cause: error });
    return error.code;
  };

  it('an element beyond the last one', async () => {
    expect(await fails('a[lane == 9 ? 8 : 0] = 1; op.run(a, b, d); out[lane] = d[0];')).toBe(
      'native/tensor-element',
    );
  });
  it('a product in some lanes only', async () => {
    expect(await fails('if (lane < 16) op.run(a, b, d); out[lane] = d[0];')).toBe('native/tensor-lanes');
  });
  it('fewer lanes than a simdgroup has', async () => {
    expect(await fails('op.run(a, b, d); out[lane] = d[0];', 16)).toBe('native/tensor-lanes');
  });
  it('a product in some lanes only, reported by the check for divergence', async () => {
    const library = await load(around('if (lane < 16) op.run(a, b, d);\nout[lane] = d[0];'), true);
    const options = { checks: ['divergence'] as const };
    const { reports } = await launch({ library, kernel: 'test', buffers: [2048], threads: 32, options });
    expect(reports).toMatchObject([
      { check: 'divergence', message: expect.stringContaining('product of cooperative tensors') as string },
    ]);
  });
});
