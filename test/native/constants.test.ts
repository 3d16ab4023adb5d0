import { describe, expect, test } from 'vitest';

import type { ConstantValue } from '../../generator/compile/types.js';
import { constantBytes } from '../../generator/native/host/constants.js';

function bytesOf(type: string, value?: ConstantValue): Uint8Array {
  const constant = { index: 2, name: 'c', type, symbol: 's' };
  const [entry] = constantBytes([constant], value === undefined ? {} : { 2: value }, 'x.metal');
  return entry?.bytes ?? new Uint8Array();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 16))
    .toString('hex')
    .replace(/(?:00)+$/u, '');
}

describe('function constants as bytes', () => {
  test.each<[string, ConstantValue, string]>([
    ['bool', true, '01'],
    ['char', -2, 'fe'],
    ['uint8_t', 255, 'ff'],
    ['short', -2, 'feff'],
    ['ushort', 65535, 'ffff'],
    ['unsigned int', 258, '0201'],
    ['long', -1, 'ffffffffffffffff'],
    ['ulong', 2 ** 40, '000000000001'],
    ['half', 1.5, '003e'],
    ['bfloat', 1.5, 'c03f'],
    ['float', 1.5, '0000c03f'],
    ['half2', [1, -2], '003c00c0'],
    ['bfloat4', [1, 1, 1, 2], '803f803f803f0040'],
    ['uchar3', [1, 2, 3], '010203'],
    ['bool2', [false, true], '0001'],
    ['metal::vec<short, 2>', [1, -1], '0100ffff'],
    ['metal :: vec < unsigned int , 2 >', [1, 2], '0100000002'],
    ['float4', [0, 0, 0, 1], '0000000000000000000000000000803f'],
  ])('%s: %j', (type, value, expected) => {
    const bytes = bytesOf(type, value);
    expect(hex(bytes)).toBe(expected);
    expect(bytes[16]).toBe(1);
  });

  test('one without a value is undefined', () => {
    expect(bytesOf('half2')).toEqual(new Uint8Array(17));
  });

  test.each<[string, ConstantValue, string]>([
    ['uchar', 256, 'function constant 2 (uchar c) takes a whole number from 0 to 255, not 256'],
    ['short2', [1, 0.5], 'function constant 2 (short2 c) takes a whole number from -32768 to 32767, not 0.5'],
    ['bool', 2, 'function constant 2 (bool c) takes a whole number from 0 to 1, not 2'],
    ['half2', 1, 'function constant 2 (half2 c) takes 2 values, not 1'],
    ['float', [1, 2], 'function constant 2 (float c) takes 1 value, not 2'],
    ['float4x4', 1, 'function constant 2 (float4x4 c) has a type that cannot be set from outside'],
    ['struct S', 1, 'function constant 2 (struct S c) has a type that cannot be set from outside'],
  ])('%s cannot be %j', (type, value, message) => {
    expect(() => bytesOf(type, value)).toThrow(message);
  });
});
