// simdgroup_matrix against plain models: loads and stores, products of all types, elements by lane, and the mixtures of
// these in which some lanes could run ahead of others.

import { describe, expect, it } from 'vitest';

import { launch, load, output, range } from './support.js';

const fround = Math.fround;

/** Where lane `l` holds its first element. */
const rowOf = (lane: number): number => ((lane >> 4) & 1) * 4 + ((lane >> 1) & 3);
const columnOf = (lane: number): number => ((lane >> 3) & 1) * 4 + (lane & 1) * 2;

const matrix = (f: (row: number, column: number) => number): Float32Array =>
  Float32Array.from({ length: 64 }, (_, i) => f(i >> 3, i & 7));

/**
 * A fused multiply-add in float: the product of two floats is exact in double, and the sum is rounded to odd before it is
 * rounded to float, so that it is rounded once.
 */
function fma(a: number, b: number, c: number): number {
  const p = a * b;
  const s = p + c;
  const error = p - (s - (s - p)) + (c - (s - p));
  if (error === 0 || !Number.isFinite(s)) return fround(s);
  const bits = new BigInt64Array(new Float64Array([s]).buffer);
  const even = ((bits[0] ?? 0n) & 1n) === 0n;
  if (even) bits[0] = (bits[0] ?? 0n) + (error > 0 === s > 0 ? 1n : -1n);
  if (even && error > 0 !== s > 0) bits[0] = (bits[0] ?? 0n) | 1n;
  return fround(new Float64Array(bits.buffer)[0] ?? 0);
}

const multiply = (a: Float32Array, b: Float32Array, c: Float32Array): Float32Array =>
  matrix((row, column) =>
    range(8).reduce((s, k) => fma(a[row * 8 + k] ?? 0, b[k * 8 + column] ?? 0, s), c[row * 8 + column] ?? 0),
  );

const A = matrix((row, column) => Math.sin(row * 3.1 + column) * 3);
const B = matrix((row, column) => Math.cos(row + column * 2.3) / 7);
const C = matrix((row, column) => Math.sin(row - column) * 100);

const ARGUMENTS = `device const float* a [[buffer(0)]], device const float* b [[buffer(1)]],
    device const float* c [[buffer(2)]], device float* out [[buffer(3)]], ushort lane [[thread_index_in_simdgroup]]`;

async function run(body: string, seed = 0, bytes = 256): Promise<Float32Array> {
  const library = await load(`kernel void test(${ARGUMENTS}) {\n${body}\n}`);
  const result = await launch({
    library,
    kernel: 'test',
    buffers: [A, B, C, bytes],
    threads: 32,
    options: { seed },
  });
  return new Float32Array(output(result));
}

const LOAD = `simdgroup_float8x8 x, y, z;
  simdgroup_load(x, a, 8); simdgroup_load(y, b, 8); simdgroup_load(z, c, 8);`;

describe.each([0, 5])('in order %i', (seed) => {
  it('multiplies and adds with one rounding per step, k ascending', async () => {
    const found = await run(
      `${LOAD} simdgroup_multiply_accumulate(z, x, y, z); simdgroup_store(z, out, 8);`,
      seed,
    );
    expect(found).toEqual(multiply(A, B, C));
  });

  it('multiplies in place, and without an addend', async () => {
    const zero = matrix(() => 0);
    const found = await run(
      `${LOAD} simdgroup_multiply(x, x, y); simdgroup_float8x8 w = x * y; simdgroup_store(w, out, 8);`,
      seed,
    );
    expect(found).toEqual(multiply(multiply(A, B, zero), B, zero));
  });

  it('gives each lane the elements that it holds', async () => {
    const found = await run(
      `${LOAD} simdgroup_multiply(x, x, y);
       auto e = x.thread_elements(); out[2 * lane] = e[0]; out[2 * lane + 1] = e[1];`,
      seed,
    );
    const product = multiply(
      A,
      B,
      matrix(() => 0),
    );
    const expected = range(32).flatMap((lane) =>
      [0, 1].map((i) => product[rowOf(lane) * 8 + columnOf(lane) + i]),
    );
    expect([...found]).toEqual(expected);
  });

  it('uses elements that lanes changed, again and again', async () => {
    const found = await run(
      `${LOAD}
       thread auto& held = z.thread_elements();
       for (int i = 0; i < 5; i++) {
         simdgroup_float8x8 t;
         reinterpret_cast<thread float2&>(t.thread_elements()) = x.thread_elements() * (i + 1);
         simdgroup_multiply_accumulate(z, t, y, z);
         held[0] += lane;
       }
       simdgroup_store(z, out, 8);`,
      seed,
    );
    let expected = C;
    for (const i of range(5)) {
      expected = multiply(
        A.map((v) => fround(v * (i + 1))),
        B,
        expected,
      );
      for (const lane of range(32)) {
        const index = rowOf(lane) * 8 + columnOf(lane);
        expected[index] = fround((expected[index] ?? 0) + lane);
      }
    }
    expect(found).toEqual(expected);
  });

  it('keeps lanes apart that touch elements alone', async () => {
    const found = await run(
      `${LOAD}
       if (lane == 3) z.thread_elements()[1] = 1000;
       simdgroup_multiply_accumulate(z, x, y, z);
       if (lane % 2 == 1) z.thread_elements()[0] = lane;
       simdgroup_float8x8 w = z;
       simdgroup_multiply(z, x, y);
       simdgroup_store(w, out, 8);`,
      seed,
    );
    const start = Float32Array.from(C);
    start[rowOf(3) * 8 + columnOf(3) + 1] = 1000;
    const expected = multiply(A, B, start);
    for (const lane of range(32).filter((l) => l % 2 === 1))
      expected[rowOf(lane) * 8 + columnOf(lane)] = lane;
    expect(found).toEqual(expected);
  });

  it('copies through arrays, structs and functions', async () => {
    const library = await load(`
      struct Pair { simdgroup_float8x8 first; simdgroup_float8x8 second[2]; };
      simdgroup_float8x8 twice(simdgroup_float8x8 m) {
        simdgroup_float8x8 two(2.0f), r;
        simdgroup_multiply(r, m, two);
        return r;
      }
      kernel void test(${ARGUMENTS}) {
        ${LOAD}
        Pair p; p.first = x; p.second[1] = twice(y);
        Pair q = p;
        simdgroup_multiply(p.first, p.second[1], p.second[1]);
        simdgroup_multiply_accumulate(z, q.first, q.second[1], z);
        simdgroup_store(z, out, 8);
      }`);
    const result = await launch({
      library,
      kernel: 'test',
      buffers: [A, B, C, 256],
      threads: 32,
      options: { seed },
    });
    expect(new Float32Array(output(result))).toEqual(
      multiply(
        A,
        B.map((v) => v * 2),
        C,
      ),
    );
  });
});

it('loads and stores with an origin, a stride and transposed', async () => {
  const library =
    await load(`kernel void test(device const float* in [[buffer(0)]], device float* out [[buffer(1)]]) {
    simdgroup_float8x8 m;
    simdgroup_load(m, in, 20, ulong2(3, 2));
    simdgroup_store(m, out, 16, ulong2(8, 0), true);
    simdgroup_load(m, in, 20, ulong2(3, 2), true);
    simdgroup_store(m, out, 16);
  }`);
  const source = Float32Array.from({ length: 20 * 12 }, (_, i) => i);
  const result = await launch({ library, kernel: 'test', buffers: [source, 16 * 8 * 4], threads: 32 });
  const transposed = range(8 * 16).map((i) => source[(2 + (i & 7)) * 20 + 3 + (i >> 4)]);
  expect([...new Float32Array(output(result))]).toEqual(transposed);
});

it.each(['half', 'bfloat'])('multiplies %s in float and rounds once', async (type) => {
  const library =
    await load(`kernel void test(device const float* a [[buffer(0)]], device float* out [[buffer(1)]],
      device float* narrow [[buffer(2)]], ushort i [[thread_index_in_simdgroup]]) {
    threadgroup ${type} t[64]; threadgroup ${type} r[64];
    t[i] = ${type}(a[i]); t[i + 32] = ${type}(a[i + 32]);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    simdgroup_matrix<${type}, 8, 8> x, n; simdgroup_float8x8 acc = make_filled_simdgroup_matrix<float, 8, 8>(0.5f);
    simdgroup_load(x, t, 8);
    simdgroup_multiply_accumulate(acc, x, x, acc);
    simdgroup_multiply(n, x, x);
    simdgroup_store(acc, out, 8); simdgroup_store(n, r, 8);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    narrow[i] = float(r[i]); narrow[i + 32] = float(r[i + 32]);
  }`);
  // Small whole numbers are exact in both types.
  const a = matrix((row, column) => ((row * 5 + column * 3) % 7) - 3);
  const result = await launch({ library, kernel: 'test', buffers: [a, 256, 256], threads: 32 });
  expect(new Float32Array(output(result))).toEqual(
    multiply(
      a,
      a,
      matrix(() => 0.5),
    ),
  );
  expect(new Float32Array(output(result, 1))).toEqual(
    multiply(
      a,
      a,
      matrix(() => 0),
    ).map((v) => v + 0),
  );
});

it('runs the simdgroups of a threadgroup on their own matrices', async () => {
  const library =
    await load(`kernel void test(device const float* a [[buffer(0)]], device float* out [[buffer(1)]],
      uint g [[simdgroup_index_in_threadgroup]]) {
    simdgroup_float8x8 m, d(float(g + 1)), r;
    simdgroup_load(m, a, 8);
    for (uint i = 0; i <= g; i++) { simdgroup_multiply(r, m, d); m = r; threadgroup_barrier(mem_flags::mem_none); }
    for (uint i = g + 1; i < 8; i++) threadgroup_barrier(mem_flags::mem_none);
    simdgroup_store(m, out + 64 * g, 8);
  }`);
  for (const seed of [0, 9]) {
    const result = await launch({
      library,
      kernel: 'test',
      buffers: [A, 8 * 256],
      threads: 256,
      options: { seed },
    });
    const expected = range(8).flatMap((g) =>
      [...A].map((v) => range(g + 1).reduce((x) => fround(x * (g + 1)), v)),
    );
    expect([...new Float32Array(output(result))]).toEqual(expected);
  }
});
