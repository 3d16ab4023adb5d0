// Every simd_ and quad_ function against a plain model of what it does, for the types that it takes, in the natural and in
// a random scheduling order.

import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { noise } from './floats.js';
import { launch, load, output, range } from './support.js';

const LANES = 32;

/** The value that a lane begins with: small, so that products stay exact. */
const value = (lane: number): number => ((lane * 7) % 5) + 1;

type Model = (lane: number, values: readonly number[]) => number;

const quadOf = (lane: number): number[] => range(4).map((i) => lane - (lane % 4) + i);
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const product = (values: readonly number[]): number => values.reduce((a, b) => Math.imul(a, b), 1);
const at = (values: readonly number[], lane: number): number => values[lane] ?? Number.NaN;
const upTo = (lane: number, values: readonly number[], first = 0): number[] => values.slice(first, lane);

const OPERATIONS: Readonly<Record<string, Model>> = {
  'simd_sum(v)': (_, all) => sum(all),
  'simd_product(v)': (_, all) => product(all),
  'simd_max(v)': (_, all) => Math.max(...all),
  'simd_min(v)': (_, all) => Math.min(...all),
  'simd_and(v)': (_, all) => all.reduce((a, b) => a & b, -1),
  'simd_or(v)': (_, all) => all.reduce((a, b) => a | b, 0),
  'simd_xor(v)': (_, all) => all.reduce((a, b) => a ^ b, 0),
  'simd_prefix_inclusive_sum(v)': (lane, all) => sum(upTo(lane + 1, all)),
  'simd_prefix_exclusive_sum(v)': (lane, all) => sum(upTo(lane, all)),
  'simd_prefix_inclusive_product(v)': (lane, all) => product(upTo(lane + 1, all)),
  'simd_prefix_exclusive_product(v)': (lane, all) => product(upTo(lane, all)),
  'quad_sum(v)': (lane, all) => sum(quadOf(lane).map((i) => at(all, i))),
  'quad_product(v)': (lane, all) => product(quadOf(lane).map((i) => at(all, i))),
  'quad_max(v)': (lane, all) => Math.max(...quadOf(lane).map((i) => at(all, i))),
  'quad_min(v)': (lane, all) => Math.min(...quadOf(lane).map((i) => at(all, i))),
  'quad_and(v)': (lane, all) => quadOf(lane).reduce((a, i) => a & at(all, i), -1),
  'quad_or(v)': (lane, all) => quadOf(lane).reduce((a, i) => a | at(all, i), 0),
  'quad_xor(v)': (lane, all) => quadOf(lane).reduce((a, i) => a ^ at(all, i), 0),
  'quad_prefix_inclusive_sum(v)': (lane, all) => sum(upTo(lane + 1, all, lane - (lane % 4))),
  'quad_prefix_exclusive_sum(v)': (lane, all) => sum(upTo(lane, all, lane - (lane % 4))),
  'quad_prefix_inclusive_product(v)': (lane, all) => product(upTo(lane + 1, all, lane - (lane % 4))),
  'quad_prefix_exclusive_product(v)': (lane, all) => product(upTo(lane, all, lane - (lane % 4))),
  'simd_shuffle(v, 31 - lane)': (lane, all) => at(all, 31 - lane),
  'simd_shuffle(v, 3)': (_, all) => at(all, 3),
  'simd_broadcast(v, 9)': (_, all) => at(all, 9),
  'simd_broadcast_first(v)': (_, all) => at(all, 0),
  'simd_shuffle_xor(v, 5)': (lane, all) => at(all, lane ^ 5),
  'simd_shuffle_down(v, 3)': (lane, all) => at(all, lane + 3 < LANES ? lane + 3 : lane),
  'simd_shuffle_up(v, 3)': (lane, all) => at(all, lane >= 3 ? lane - 3 : lane),
  'simd_shuffle_rotate_down(v, 3)': (lane, all) => at(all, (lane + 3) % LANES),
  'simd_shuffle_rotate_up(v, 3)': (lane, all) => at(all, (lane + 29) % LANES),
  'simd_shuffle_and_fill_down(v, w, 3)': (lane, all) =>
    lane + 3 < LANES ? at(all, lane + 3) : at(all, lane - 29) * 10,
  'simd_shuffle_and_fill_up(v, w, 3)': (lane, all) =>
    lane >= 3 ? at(all, lane - 3) : at(all, lane + 29) * 10,
  'simd_shuffle_and_fill_down(v, w, 3, 8)': (lane, all) =>
    (lane % 8) + 3 < 8 ? at(all, lane + 3) : at(all, lane - 5) * 10,
  'simd_shuffle_and_fill_up(v, w, 3, 8)': (lane, all) =>
    lane % 8 >= 3 ? at(all, lane - 3) : at(all, lane + 5) * 10,
  'quad_shuffle(v, 2)': (lane, all) => at(all, lane - (lane % 4) + 2),
  'quad_broadcast(v, 1)': (lane, all) => at(all, lane - (lane % 4) + 1),
  'quad_broadcast_first(v)': (lane, all) => at(all, lane - (lane % 4)),
  'quad_shuffle_xor(v, 3)': (lane, all) => at(all, lane ^ 3),
  'quad_shuffle_down(v, 1)': (lane, all) => at(all, lane % 4 < 3 ? lane + 1 : lane),
  'quad_shuffle_up(v, 1)': (lane, all) => at(all, lane % 4 > 0 ? lane - 1 : lane),
  'quad_shuffle_rotate_down(v, 1)': (lane, all) => at(all, lane - (lane % 4) + ((lane + 1) % 4)),
  'quad_shuffle_rotate_up(v, 1)': (lane, all) => at(all, lane - (lane % 4) + ((lane + 3) % 4)),
  'quad_shuffle_and_fill_down(v, w, 1)': (lane, all) =>
    lane % 4 < 3 ? at(all, lane + 1) : at(all, lane - 3) * 10,
  'quad_shuffle_and_fill_up(v, w, 1)': (lane, all) =>
    lane % 4 > 0 ? at(all, lane - 1) : at(all, lane + 3) * 10,
  'uint(simd_vote::vote_t(simd_ballot(v > 2)))': (_, all) =>
    all.reduce((mask, v, i) => (v > 2 ? mask | (1 << i) : mask), 0),
  'uint(simd_any(v > 4))': () => 1,
  'uint(simd_all(v > 4))': () => 0,
  'uint(simd_is_first())': (lane) => (lane === 0 ? 1 : 0),
  'uint(quad_is_first())': (lane) => (lane % 4 === 0 ? 1 : 0),
  'uint(quad_all(v > 2))': (lane, all) => (quadOf(lane).every((i) => at(all, i) > 2) ? 1 : 0),
  'uint(quad_any(v > 4))': (lane, all) => (quadOf(lane).some((i) => at(all, i) > 4) ? 1 : 0),
  'uint(simd_active_threads_mask().all())': () => 1,
};

const NAMES = Object.keys(OPERATIONS);
const INTEGER_ONLY = /_(?:and|or|xor)\(v\)/u;

function kernelText(type: string, names: readonly string[]): string {
  const statements = names.map((name, index) => `out[${index} * 32 + lane] = int(${name});`);
  return `kernel void test(device int* out [[buffer(0)]], ushort lane [[thread_index_in_simdgroup]]) {
    ${type} v = ${type}(lane * 7 % 5 + 1), w = v * ${type}(10); (void)w;
    ${statements.join('\n    ')}
  }`;
}

async function run(type: string, names: readonly string[], seed: number): Promise<Int32Array> {
  const library = await load(kernelText(type, names));
  const result = await launch({
    library,
    kernel: 'test',
    buffers: [names.length * LANES * 4],
    threads: LANES,
    options: { seed },
  });
  return new Int32Array(output(result));
}

describe.each([0, 11])('in order %i', (seed) => {
  it.each(['int', 'uint', 'long', 'ulong'])('computes every function for %s', async (type) => {
    const found = await run(type, NAMES, seed);
    const values = range(LANES).map(value);
    for (const [index, name] of NAMES.entries()) {
      const expected = range(LANES).map((lane) => OPERATIONS[name]?.(lane, values));
      expect([...found.slice(index * LANES, (index + 1) * LANES)], name).toEqual(
        expected.map((v) => Number(v) | 0),
      );
    }
  });

  it.each(['char', 'uchar', 'short', 'ushort', 'half', 'bfloat', 'float'])(
    'does the same for %s',
    async (type) => {
      // Products over 32 lanes leave the range of these types.
      const names = NAMES.filter((name) => !/^simd.*product/u.test(name));
      const floating = ['half', 'bfloat', 'float'].includes(type);
      const usable = floating ? names.filter((name) => !INTEGER_ONLY.test(name)) : names;
      const found = await run(type, usable, seed);
      const values = range(LANES).map(value);
      for (const [index, name] of usable.entries()) {
        const expected = range(LANES).map((lane) => Number(OPERATIONS[name]?.(lane, values)) | 0);
        const lanes = [...found.slice(index * LANES, (index + 1) * LANES)];
        // Wide results come through int(), narrow ones wrap like the type.
        expect(lanes, name).toEqual(name.startsWith('uint(') ? expected : expected.map((v) => wrap(type, v)));
      }
    },
  );
});

function wrap(type: string, v: number): number {
  if (type === 'char') return (v << 24) >> 24;
  return type === 'uchar' ? v & 255 : v;
}

it('takes vectors apart', async () => {
  const library =
    await load(`kernel void test(device float4* out [[buffer(0)]], device half2* small [[buffer(1)]],
      uint lane [[thread_index_in_simdgroup]]) {
    float4 v = float4(lane, lane + 1, lane + 2, lane + 3);
    out[lane] = simd_shuffle_down(v, 1) + simd_sum(v);
    small[lane] = simd_shuffle_xor(half2(lane, -half(lane)), 1);
  }`);
  const result = await launch({ library, kernel: 'test', buffers: [LANES * 16, LANES * 4], threads: LANES });
  const found = new Float32Array(output(result));
  const expected = range(LANES).flatMap((lane) =>
    range(4).map((i) => Math.min(lane + 1, 31) + i + sum(range(LANES).map((l) => l + i))),
  );
  // The last lane keeps its own value: its component i is 31 + i.
  expect([...found]).toEqual(expected);
});

it('keeps equal operations in two branches apart', async () => {
  const library = await load(`uint inside(uint x) { return simd_sum(x); }
    kernel void test(device uint* out [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
      uint v; if (t & 1) v = simd_sum(t); else v = simd_sum(t * 2);
      uint w; if (t & 1) w = inside(t); else w = inside(t * 2);
      out[2 * t] = v; out[2 * t + 1] = w; }`);
  const result = await launch({ library, kernel: 'test', buffers: [256], threads: 32 });
  expect([...new Uint32Array(output(result))].slice(0, 4)).toEqual([480, 480, 256, 256]);
});

it('works on the lanes that take part', async () => {
  const library =
    await load(`kernel void test(device uint* out [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
    uint r = 100;
    if (lane % 3 == 0) { r = simd_sum(1u); } else { r = simd_broadcast_first(lane) + 1000; }
    out[lane] = r + (simd_is_first() ? 5 : 0);
  }`);
  for (const seed of [0, 3]) {
    const result = await launch({
      library,
      kernel: 'test',
      buffers: [LANES * 4],
      threads: LANES,
      options: { seed },
    });
    const expected = range(LANES).map((lane) => (lane % 3 === 0 ? 11 : 1001) + (lane === 0 ? 5 : 0));
    expect([...new Uint32Array(output(result))]).toEqual(expected);
  }
});

it('sums floats in one fixed tree', async () => {
  const library =
    await load(`kernel void test(device const float* in [[buffer(0)]], device float* out [[buffer(1)]],
      uint lane [[thread_index_in_simdgroup]]) { out[lane] = simd_sum(in[lane]); }`);
  const values = Float32Array.from({ length: LANES }, (_, i) =>
    Math.fround(Math.sin(i * 1.7) * 10 ** (i % 7)),
  );
  const tree = Float32Array.from(values);
  for (let half = 16; half > 0; half /= 2) {
    for (let i = 0; i < half; i += 1) tree[i] = (tree[i] ?? 0) + (tree[i + half] ?? 0);
  }
  for (const seed of [0, 1, 2]) {
    const result = await launch({
      library,
      kernel: 'test',
      buffers: [values, 128],
      threads: LANES,
      options: { seed },
    });
    expect([...new Float32Array(output(result))]).toEqual(Array.from({ length: LANES }, () => tree[0]));
  }
});

describe('moe_simd_sum of the templates', () => {
  it('adds lanes 16 apart, then 8, 4, 2 and 1, and gives all lanes the same bits', async () => {
    const partial = new URL('../../templates/partials/math/simd_sum.hbs', import.meta.url);
    const library = await load(`${readFileSync(partial, 'utf8')}
kernel void add(device const float* in, device float* out, uint i [[thread_position_in_grid]]) {
  out[i] = moe_simd_sum(in[i]);
}`);
    const numbers = Float32Array.from(noise('f32', 4 * LANES, 1, 1000));
    const result = await launch({
      library,
      kernel: 'add',
      buffers: [numbers, 16 * LANES],
      threads: 4 * LANES,
    });
    const tree = (values: readonly number[]): number => {
      const half = values.length / 2;
      if (half < 1) return at(values, 0);
      return tree(values.slice(0, half).map((value, i) => Math.fround(value + at(values, half + i))));
    };
    const want = range(4).map((group) => tree([...numbers.slice(LANES * group, LANES * (group + 1))]));
    expect([...new Float32Array(output(result))]).toEqual(
      range(4 * LANES).map((i) => at(want, Math.floor(i / LANES))),
    );
  });
});
