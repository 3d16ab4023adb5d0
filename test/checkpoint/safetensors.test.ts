import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../generator/checkpoint/byte-source.js';
import { readSafetensorsHeader } from '../../generator/checkpoint/safetensors.js';
import { MoegenError } from '../../generator/errors.js';
import { safetensorsBytes } from '../reference/safetensors-bytes.js';

const sourceOf = (bytes: Uint8Array): ByteSource => ({
  where: 'model.safetensors',
  size: bytes.length,
  read: (start, length) => Promise.resolve(bytes.slice(start, start + length)),
  readNow: (start, length) => bytes.slice(start, start + length),
  close: () => Promise.resolve(),
});

const read = (header: unknown, data: Iterable<number>) =>
  readSafetensorsHeader(sourceOf(safetensorsBytes(header, data)));

const bytes = (count: number) => Array.from({ length: count }, (_, index) => index & 255);

describe('a header', () => {
  it.each([
    ['BOOL', 1],
    ['U8', 1],
    ['I8', 1],
    ['F8_E4M3', 1],
    ['F8_E5M2', 1],
    ['F8_E8M0', 1],
    ['U16', 2],
    ['I16', 2],
    ['F16', 2],
    ['BF16', 2],
    ['U32', 4],
    ['I32', 4],
    ['F32', 4],
    ['U64', 8],
    ['I64', 8],
    ['F64', 8],
    ['C64', 8],
    ['F4', 0.5],
    ['F6_E2M3', 0.75],
  ])('may hold %s, of %s bytes', async (dtype, size) => {
    const { tensors } = await read(
      { x: { dtype, shape: [2, 4], data_offsets: [0, 8 * size] } },
      bytes(8 * size),
    );
    expect(tensors.map(({ type, bytes }) => [type, bytes])).toEqual([[dtype, 8 * size]]);
  });

  it('of any length and in any order leads to the right bytes', async () => {
    for (const pad of ['', 'x', 'xx', 'xxx']) {
      const { tensors, metadata } = await read(
        {
          __metadata__: { format: 'mlx', pad },
          late: { dtype: 'BF16', shape: [2], data_offsets: [3, 7] },
          empty: { dtype: 'F32', shape: [0, 5], data_offsets: [3, 3] },
          early: { dtype: 'U8', shape: [3], data_offsets: [0, 3] },
          scalar: { dtype: 'F32', shape: [], data_offsets: [7, 11] },
        },
        bytes(11),
      );
      expect(metadata).toEqual({ format: 'mlx', pad });
      const content = await Promise.all(
        tensors.map(async (tensor) => [tensor.name, [...(await tensor.read())]]),
      );
      expect(content).toEqual([
        ['late', [3, 4, 5, 6]],
        ['empty', []],
        ['early', [0, 1, 2]],
        ['scalar', [7, 8, 9, 10]],
      ]);
      expect([...((await tensors[0]?.read(1, 2)) ?? [])]).toEqual([4, 5]);
    }
  });
});

const u8 = (shape: unknown, offsets: unknown) => ({ dtype: 'U8', shape, data_offsets: offsets });

describe('a file that is wrong is refused', () => {
  it.each<[string, unknown, number, string]>([
    ['an unknown dtype', { x: { dtype: 'F7', shape: [4], data_offsets: [0, 4] } }, 4, 'unknown dtype F7'],
    [
      'a dtype that every object has',
      { x: { dtype: 'toString', shape: [4], data_offsets: [0, 4] } },
      4,
      'unknown dtype',
    ],
    ['a shape too large', { x: u8([5], [0, 4]) }, 4, 'takes 5 bytes and has 4'],
    [
      'a shape beyond counting',
      { x: u8([2 ** 40, 2 ** 40], [0, 4]) },
      4,
      'more elements than can be counted',
    ],
    ['a negative extent', { x: u8([-1], [0, 4]) }, 4, 'entry for tensor "x" is invalid'],
    ['half an extent', { x: u8([0.5], [0, 4]) }, 4, 'entry for tensor "x" is invalid'],
    ['ends before starts', { x: u8([4], [4, 0]) }, 4, 'takes 4 bytes and has -4'],
    ['half a byte', { x: { dtype: 'F4', shape: [3], data_offsets: [0, 2] } }, 2, 'takes 1.5 bytes and has 2'],
    ['a gap', { x: u8([2], [0, 2]), y: u8([1], [3, 4]) }, 4, '"y" starts at byte 3 of the data instead of 2'],
    [
      'an overlap',
      { x: u8([2], [0, 2]), y: u8([3], [1, 4]) },
      4,
      '"y" starts at byte 1 of the data instead of 2',
    ],
    ['data that is missing', { x: u8([4], [0, 4]) }, 3, 'take 4 bytes and 3 are there'],
    ['data that nobody claims', { x: u8([4], [0, 4]) }, 5, 'take 4 bytes and 5 are there'],
    ['an unknown key', { x: { ...u8([4], [0, 4]), stride: [1] } }, 4, 'Unrecognized key: "stride"'],
    ['metadata of numbers', { __metadata__: { a: 1 } }, 0, '__metadata__'],
    ['a list', [1], 0, 'not a JSON object'],
  ])('%s', async (_, header, dataBytes, message) => {
    await expect(read(header, bytes(dataBytes))).rejects.toThrow(message);
    await expect(read(header, bytes(dataBytes))).rejects.toThrow(
      expect.objectContaining({ code: 'checkpoint/corrupt', where: 'model.safetensors' }),
    );
  });

  it.each<[string, readonly number[], string]>([
    ['no length', [1, 2, 3], 'has 3 bytes'],
    ['a header longer than the file', [9, 0, 0, 0, 0, 0, 0, 0, 123, 125], 'claims 9 bytes and 2 are left'],
    [
      'a header longer than numbers',
      [0, 0, 0, 0, 0, 0, 0, 255, 123, 125],
      'claims 18374686479671623680 bytes',
    ],
    ['a header that is no text', [2, 0, 0, 0, 0, 0, 0, 0, 255, 254], 'not JSON'],
    ['a header that is no JSON', [2, 0, 0, 0, 0, 0, 0, 0, 123, 123], 'not JSON'],
  ])('%s', async (_, content, message) => {
    await expect(readSafetensorsHeader(sourceOf(Uint8Array.from(content)))).rejects.toThrow(message);
  });

  it('wherever it has been cut off', async () => {
    const whole = safetensorsBytes({ x: u8([4], [0, 4]), y: u8([], [4, 5]) }, bytes(5));
    for (let length = 0; length < whole.length; length += 1) {
      await expect(readSafetensorsHeader(sourceOf(whole.subarray(0, length)))).rejects.toThrow(MoegenError);
    }
  });

  it('when its header is larger than the format allows', async () => {
    const source: ByteSource = {
      ...sourceOf(new Uint8Array()),
      size: 2 ** 40,
      read: () => Promise.resolve(new Uint8Array(new BigUint64Array([200_000_000n]).buffer)),
    };
    await expect(readSafetensorsHeader(source)).rejects.toThrow(
      'more than the 100000000 that the format allows',
    );
  });
});
