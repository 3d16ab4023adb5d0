import { expect, test } from 'vitest';
import { fillParameter } from '../../generator/reference/parameter-fill.js';

const MASK = 0xffffffffn;

/** The rule as it is written down, in integers of any size. */
function valueByRule(name: string, index: number, scale: number): number {
  let key = 0x811c9dc5n;
  for (const byte of Buffer.from(name, 'utf8')) key = ((key ^ BigInt(byte)) * 0x01000193n) & MASK;
  let x = BigInt(index) ^ key;
  x ^= x >> 16n;
  x = (x * 0x7feb352dn) & MASK;
  x ^= x >> 15n;
  x = (x * 0x846ca68bn) & MASK;
  x ^= x >> 16n;
  return (Number(BigInt.asIntN(8, x >> 24n)) / 128) * scale;
}

test.each([
  ['gate.weight', 0, 0.25],
  ['experts.gate_up_proj', 301_989_000, 0.125],
  ['größe', 7, 3],
])('%s from %i follows the rule', (name, start, scale) => {
  const want = Array.from({ length: 1000 }, (_, i) => valueByRule(name, start + i, scale));
  expect(Array.from(fillParameter(name, start, 1000, scale))).toEqual(want);
});

test('values use the whole range, in steps of 1/128', () => {
  const values = fillParameter('w', 0, 100_000, 1);
  expect(Math.min(...values)).toBe(-1);
  expect(Math.max(...values)).toBe(127 / 128);
  expect(new Set(values).size).toBe(256);
});
