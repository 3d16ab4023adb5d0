// Integer division gives a value for every divisor, as on a GPU: nothing traps, and no code around it is lost.

import { describe, expect, it } from 'vitest';

import { guardDivisions } from '../../generator/compile/representation/divisions.js';
import { launch, load, output } from './support.js';

const LEAST = -(2 ** 31);

async function divide(type: string, pairs: readonly (readonly [number, number])[]): Promise<number[]> {
  const library = await load(`using number = ${type};
    kernel void test(device const int* a [[buffer(0)]], device const int* b [[buffer(1)]],
        device int* out [[buffer(2)]], uint t [[thread_position_in_grid]]) {
      const number x = number(a[t]), y = number(b[t]);
      const number quotient = x / y, rest = x % y;
      // True only where the compiler does not conclude from the division that y is not zero.
      const bool zero = all(y == number(0));
      out[3 * t] = int(quotient.${type.endsWith('4') ? 'w' : 'x'});
      out[3 * t + 1] = int(rest.${type.endsWith('4') ? 'w' : 'x'});
      out[3 * t + 2] = zero;
    }`);
  const result = await launch({
    library,
    kernel: 'test',
    buffers: [
      Int32Array.from(pairs, ([left]) => left),
      Int32Array.from(pairs, ([, right]) => right),
      12 * pairs.length,
    ],
    threads: pairs.length,
  });
  return [...new Int32Array(output(result))];
}

const PAIRS = [
  [17, 5],
  [-17, 5],
  [17, -1],
  [17, 0],
  [LEAST, -1],
  [LEAST, 0],
] as const;

describe.each(['int2', 'int4'])('%s', (type) => {
  it('is divided by anything', async () => {
    const rows = [
      [3, 2, 0],
      [-3, -2, 0],
      [-17, 0, 0],
      [17, 0, 1],
      [LEAST, 0, 0],
      [LEAST, 0, 1],
    ];
    expect(await divide(type, PAIRS)).toEqual(rows.flat());
  });
});

it.each(['short2', 'char4'])('%s is divided by anything', async (type) => {
  const pairs = [
    [100, 7],
    [100, -1],
    [100, 0],
  ] as const;
  expect(await divide(type, pairs)).toEqual([14, 2, 0, -100, 0, 0, 100, 0, 1]);
});

it('leaves divisions by constants and of floats alone', () => {
  const text = '  %3 = sdiv i32 %1, 7\n  %4 = fdiv float %a, %b\n  %5 = udiv <2 x i32> %v, <i32 2, i32 3>\n';
  expect(guardDivisions(text)).toBe(text);
});

it('keeps names, flags and locations apart', () => {
  expect(guardDivisions('  %"a b" = udiv i64 5, %c.0, !dbg !7\n')).toBe(
    `  %"a b.zero" = icmp eq i64 %c.0, 0, !dbg !7
  %"a b.safe" = select i1 %"a b.zero", i64 1, i64 %c.0, !dbg !7
  %"a b" = udiv i64 5, %"a b.safe", !dbg !7
`,
  );
});
