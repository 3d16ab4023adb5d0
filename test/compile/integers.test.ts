import { describe, expect, test } from 'vitest';

import { evaluateInteger } from '../../generator/compile/frontend/integers.js';

const names = new Map([
  ['WM', 2],
  ['BM', 64],
]);

describe('evaluateInteger', () => {
  test.each([
    ['31', 31],
    ['0x10u', 16],
    ['600 + 1', 601],
    ['2 + 3 * 4 - 1', 13],
    ['( 2 + 3 ) * 4', 20],
    ['1 << 4', 16],
    ['256 > > 2', 64],
    ['- 3 + 5', 2],
    ['~ 0 & 7', 7],
    ['7 % 4 == 3 && ! 0', 1],
    ['BM > 32 ? 256 : 128', 256],
    ['WM * BM * 32', 4096],
    ['true', 1],
  ])('%s is %i', (text, value) => {
    expect(evaluateInteger(text, (name) => names.get(name))).toBe(value);
  });

  test.each(['', 'other', '1.5', 'sizeof ( int )', '1 +', '( 1', '1 / 0', '2 2'])(
    '%j is no constant',
    (text) => {
      expect(evaluateInteger(text, (name) => names.get(name))).toBeUndefined();
    },
  );
});
