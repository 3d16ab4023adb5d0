// Integer functions of the library against exact arithmetic, for every width.

import { expect, test } from 'vitest';

import { launch, load, output, range } from './support.js';

const TYPES = {
  char: 8n,
  uchar: -8n,
  short: 16n,
  ushort: -16n,
  int: 32n,
  uint: -32n,
  long: 64n,
  ulong: -64n,
};

interface Width {
  readonly bits: bigint;
  readonly low: bigint;
  readonly high: bigint;
}

function widthOf(size: bigint): Width {
  const bits = size < 0n ? -size : size;
  return size < 0n
    ? { bits, low: 0n, high: (1n << bits) - 1n }
    : { bits, low: -(1n << (bits - 1n)), high: (1n << (bits - 1n)) - 1n };
}

type Exact = (a: bigint, b: bigint, c: bigint, width: Width) => bigint;

const saturate = (value: bigint, { low, high }: Width): bigint =>
  value < low ? low : value > high ? high : value;
const raw = (value: bigint, { bits }: Width): bigint => BigInt.asUintN(Number(bits), value);
const ones = (value: bigint): bigint => BigInt(value.toString(2).replaceAll('0', '').length);
const digits = (value: bigint, width: Width): string =>
  raw(value, width).toString(2).padStart(Number(width.bits), '0');

const FUNCTIONS: Readonly<Record<string, Exact>> = {
  'addsat(a, b)': (a, b, _, w) => saturate(a + b, w),
  'subsat(a, b)': (a, b, _, w) => saturate(a - b, w),
  'madsat(a, b, c)': (a, b, c, w) => saturate(a * b + c, w),
  'mulhi(a, b)': (a, b, _, { bits }) => (a * b) >> bits,
  'madhi(a, b, c)': (a, b, c, { bits }) => ((a * b) >> bits) + c,
  'hadd(a, b)': (a, b) => (a + b) >> 1n,
  'rhadd(a, b)': (a, b) => (a + b + 1n) >> 1n,
  'absdiff(a, b)': (a, b) => (a > b ? a - b : b - a),
  'popcount(a)': (a, _, __, w) => ones(raw(a, w)),
  'clz(a)': (a, _, __, w) => BigInt(/^0*/u.exec(digits(a, w))?.[0].length ?? 0),
  'ctz(a)': (a, _, __, w) => BigInt(/0*$/u.exec(digits(a, w))?.[0].length ?? 0),
  'reverse_bits(a)': (a, _, __, w) => BigInt(`0b${Array.from(digits(a, w)).reverse().join('')}`),
  'rotate(a, T(3))': (a, _, __, w) => (raw(a, w) << 3n) | (raw(a, w) >> (w.bits - 3n)),
  'extract_bits(a, 2, 5)': (a, _, __, w) => (w.low < 0n ? BigInt.asIntN(5, a >> 2n) : (a >> 2n) & 31n),
  'insert_bits(a, b, 2, 5)': (a, b, _, w) => (raw(a, w) & ~124n) | ((raw(b, w) << 2n) & 124n),
  'min3(a, b, c)': (a, b, c) => [a, b, c].reduce((x, y) => (x < y ? x : y)),
  'median3(a, b, c)': (a, b, c) => [a, b, c].sort((x, y) => (x < y ? -1 : 1))[1] ?? 0n,
  'clamp(a, min(b, c), max(b, c))': (a, b, c) => {
    const [low, high] = b < c ? [b, c] : [c, b];
    return a < low ? low : a > high ? high : a;
  },
};

/** Corners of the type, and numbers without a pattern. */
function numbers({ low, high, bits }: Width): bigint[] {
  const corners = [low, low + 1n, 0n, 1n, 2n, high - 1n, high, high / 3n, low / 5n - (low < 0n ? 3n : 0n)];
  const others = range(7).map((n) => (BigInt(n + 1) * 0x9e3779b97f4a7c15n) % (1n << bits));
  return [...corners, ...others.map((n) => (low < 0n ? BigInt.asIntN(Number(bits), n) : n))];
}

test.each(Object.entries(TYPES))('%s', async (type, size) => {
  const names = Object.keys(FUNCTIONS);
  const library = await load(`typedef ${type} T;
kernel void test(device const ulong* in [[buffer(0)]], device ulong* out [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  const T a = T(in[3 * i]), b = T(in[3 * i + 1]), c = T(in[3 * i + 2]);
${names.map((name, index) => `  out[${names.length} * i + ${index}] = ulong(T(${name}));`).join('\n')}
}`);
  const width = widthOf(size);
  const values = numbers(width);
  const cases = range(256).map((i) =>
    [i % 16, Math.floor(i / 16), (i * 7 + 3) % 16].map((at) => values[at] ?? 0n),
  );
  const input = BigUint64Array.from(cases.flat().map((value) => BigInt.asUintN(64, value)));
  const result = await launch({
    library,
    kernel: 'test',
    buffers: [input, 8 * names.length * cases.length],
    threads: cases.length,
  });
  const actual = [...new BigUint64Array(output(result))].map((value) => raw(value, width));
  const wrong = cases.flatMap(([a = 0n, b = 0n, c = 0n], i) =>
    names.flatMap((name, index) => {
      const expected = raw(FUNCTIONS[name]?.(a, b, c, width) ?? 0n, width);
      const given = actual[names.length * i + index];
      return given === expected ? [] : [`${name} of ${a}, ${b}, ${c}: ${given}, not ${expected}`];
    }),
  );
  expect(wrong).toEqual([]);
});

test('long long has 64 bits', async () => {
  const library = await load(`kernel void test(device uint* out [[buffer(0)]]) {
  unsigned long long a = 0xffffffffffffffffull;
  out[0] = sizeof(long long) + sizeof(a) + sizeof(1ll) + uint(a + 1ull);
}`);
  const result = await launch({ library, kernel: 'test', buffers: [4], threads: 1 });
  expect([...new Uint32Array(output(result))]).toEqual([24]);
});
