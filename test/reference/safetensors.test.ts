import { describe, expect, test } from 'vitest';
import { MoegenError } from '../../generator/errors.js';
import { parseSafetensors } from '../../generator/reference/safetensors.js';
import { safetensorsBytes } from './safetensors-bytes.js';

const GOOD = {
  a: { dtype: 'U8', shape: [2, 2], data_offsets: [0, 4] },
  b: { dtype: 'BF16', shape: [1], data_offsets: [4, 6] },
};
const DATA = [1, 2, 3, 4, 0x80, 0x3f];

test('tensors and metadata come out', () => {
  const bytes = safetensorsBytes({ __metadata__: { model: 'm' }, ...GOOD }, DATA);
  const file = parseSafetensors(bytes, 'f');
  expect(file.metadata).toEqual({ model: 'm' });
  expect(Array.from(file.tensors.keys())).toEqual(['a', 'b']);
  expect(file.tensors.get('a')).toMatchObject({ dtype: 'U8', shape: [2, 2] });
  expect(new Uint8Array(file.tensors.get('a')?.data ?? new ArrayBuffer(0))).toEqual(
    Uint8Array.of(1, 2, 3, 4),
  );
  expect(new Uint16Array(file.tensors.get('b')?.data ?? new ArrayBuffer(0))).toEqual(Uint16Array.of(0x3f80));
});

test('a buffer that is part of a larger one is read at its own place', () => {
  const bytes = safetensorsBytes(GOOD, DATA);
  const pool = Buffer.alloc(bytes.length + 13, 0xff);
  pool.set(bytes, 13);
  const file = parseSafetensors(pool.subarray(13), 'f');
  expect(new Uint8Array(file.tensors.get('a')?.data ?? new ArrayBuffer(0))).toEqual(
    Uint8Array.of(1, 2, 3, 4),
  );
});

test('a tensor without elements takes no bytes', () => {
  const bytes = safetensorsBytes({ a: { dtype: 'F32', shape: [0, 4], data_offsets: [0, 0] } }, []);
  expect(parseSafetensors(bytes, 'f').tensors.get('a')?.data.byteLength).toBe(0);
});

describe('is refused with the reason', () => {
  const overlap = { ...GOOD, b: { ...GOOD.b, data_offsets: [2, 4] } };
  test.each<[string, Uint8Array, string]>([
    ['too short', Uint8Array.of(1, 2), 'it has 2 bytes and the header length alone takes 8'],
    ['cut off', safetensorsBytes(GOOD, DATA).subarray(0, 40), 'its header claims 109 bytes and 32 are left'],
    ['a header that is a list', safetensorsBytes([], []), 'its header is not a JSON object'],
    [
      'metadata of numbers',
      safetensorsBytes({ __metadata__: { a: 1 } }, []),
      'its __metadata__ holds something else than strings',
    ],
    [
      'a gap',
      safetensorsBytes({ a: { ...GOOD.a, data_offsets: [1, 5] } }, DATA),
      'tensor "a" starts at byte 1 of the data instead of 0',
    ],
    ['an overlap', safetensorsBytes(overlap, DATA), 'tensor "b" starts at byte 2 of the data instead of 4'],
    [
      'data that no tensor has',
      safetensorsBytes(GOOD, [...DATA, 9]),
      'its tensors take 6 bytes and 7 are there',
    ],
    [
      'data that is missing',
      safetensorsBytes(GOOD, DATA.slice(1)),
      'its tensors take 6 bytes and 5 are there',
    ],
    [
      'a shape of another size',
      safetensorsBytes({ a: { ...GOOD.a, shape: [3] } }, DATA),
      'tensor "a" of type U8 [3] takes 3 bytes and has 4',
    ],
  ])('%s', (_, bytes, reason) => {
    expect(() => parseSafetensors(bytes, 'x.safetensors')).toThrow(
      new MoegenError('reference/corrupt-safetensors', `expected a safetensors file, but ${reason}`, {
        where: 'x.safetensors',
        help: 'fetch or write the file again',
      }),
    );
  });

  test('a header that is not JSON, a dtype that is not known', () => {
    const text = new TextEncoder().encode('12345678{"a":');
    text.set([5, 0, 0, 0, 0, 0, 0, 0]);
    expect(() => parseSafetensors(text, 'f')).toThrow(/its header is not JSON: /);
    const strange = safetensorsBytes({ a: { ...GOOD.a, dtype: 'F8' } }, DATA);
    expect(() => parseSafetensors(strange, 'f')).toThrow(/entry for tensor "a" is invalid: .*dtype/s);
  });
});
