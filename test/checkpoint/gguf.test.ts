import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../generator/checkpoint/byte-source.js';
import { readGgufHeader } from '../../generator/checkpoint/gguf.js';
import { GGUF_TYPES } from '../../generator/checkpoint/gguf-types.js';
import { MoegenError } from '../../generator/errors.js';
import { FORMAT_REFERENCES } from '../../generator/reference/formats/index.js';
import { GgufWriter } from './gguf-bytes.js';

/** A file in memory that counts how many bytes are read from it. */
function sourceOf(bytes: Buffer): ByteSource & { readonly bytesRead: () => number } {
  let total = 0;
  return {
    where: 'model.gguf',
    size: bytes.length,
    read: (start, length) => {
      total += length;
      if (start + length > bytes.length) throw new Error('read beyond the end');
      return Promise.resolve(Uint8Array.from(bytes.subarray(start, start + length)));
    },
    readNow: (start, length) => Uint8Array.from(bytes.subarray(start, start + length)),
    close: () => Promise.resolve(),
    bytesRead: () => total,
  };
}

const small = () =>
  new GgufWriter()
    .head(2, 2)
    .text('general.architecture')
    .u32(8)
    .text('llama')
    .text('llama.block_count')
    .u32(4)
    .u32(3)
    .tensor('a', [64, 2], 2, 0)
    .tensor('b', [3], 0, 96)
    .data(96 + 12);

describe('a header', () => {
  it('names its tensors, with neighbours last in their shapes', async () => {
    const content = await readGgufHeader(sourceOf(small().bytes()));
    expect(content.version).toBe(3);
    expect([...content.metadata]).toEqual([
      ['general.architecture', 'llama'],
      ['llama.block_count', 3],
    ]);
    expect(content.tensors.map(({ name, type, shape, bytes }) => ({ name, type, shape, bytes }))).toEqual([
      { name: 'a', type: 'q4_0', shape: [2, 64], bytes: 72 },
      { name: 'b', type: 'f32', shape: [3], bytes: 12 },
    ]);
    expect(await content.tensors[1]?.read(4, 3)).toEqual(Uint8Array.of(100, 101, 102));
    await expect(content.tensors[1]?.read(4, 9)).rejects.toThrow('within the 12 of tensor "b", got 4 to 13');
  });

  it('may be of version 2, and may align its data otherwise', async () => {
    const bytes = new GgufWriter()
      .head(1, 1, 2)
      .text('general.alignment')
      .u32(4)
      .u32(128)
      .tensor('a', [4], 24, 128)
      .data(132, 128)
      .bytes();
    const { version, tensors } = await readGgufHeader(sourceOf(bytes));
    expect(version).toBe(2);
    expect(await tensors[0]?.read()).toEqual(Uint8Array.of(128, 129, 130, 131));
  });

  it('holds values of every type', async () => {
    const scalars: [number, (writer: GgufWriter) => GgufWriter, unknown][] = [
      [0, (w) => w.u8(200), 200],
      [1, (w) => w.u8(200), -56],
      [2, (w) => w.u8(1).u8(255), 65281],
      [3, (w) => w.u8(1).u8(255), -255],
      [4, (w) => w.u32(0xfffffffe), 0xfffffffe],
      [5, (w) => w.u32(0xfffffffe), -2],
      [6, (w) => w.f32(1.5), 1.5],
      [7, (w) => w.u8(1), true],
      [8, (w) => w.text('müll'), 'müll'],
      [10, (w) => w.u64(2n ** 63n), 2n ** 63n],
      [11, (w) => w.u64(2n ** 64n - 5n), -5],
      [12, (w) => w.f64(0.1), 0.1],
      [9, (w) => w.u32(8).u64(2).text('x').text(''), { length: 2, values: ['x', ''] }],
      [
        9,
        (w) => w.u32(9).u64(1).u32(7).u64(1).u8(0),
        { length: 1, values: [{ length: 1, values: [false] }] },
      ],
      [9, (w) => w.u32(0).u64(5000).data(5000, 1), { length: 5000, values: null }],
    ];
    const writer = new GgufWriter().head(0, scalars.length);
    scalars.forEach(([type, write], index) => write(writer.text(`k${index}`).u32(type)));
    const { metadata } = await readGgufHeader(sourceOf(writer.bytes()));
    expect([...metadata.values()]).toEqual(scalars.map(([, , value]) => value));
  });

  it('is read in windows, whatever its tokenizer and its tensors hold', async () => {
    const writer = new GgufWriter().head(1, 1).text('tokens').u32(9).u32(8).u64(200_000);
    for (let token = 0; token < 200_000; token += 1) writer.text(`token ${token}`);
    const bytes = writer
      .tensor('a', [1 << 23], 24, 0)
      .data(1 << 23)
      .bytes();
    const source = sourceOf(bytes);
    const { metadata } = await readGgufHeader(source);
    expect(metadata.get('tokens')).toEqual({ length: 200_000, values: null });
    expect(source.bytesRead()).toBeLessThan(bytes.length - (1 << 22));
  });
});

it('sizes of blocks are those of the references', () => {
  const known = [...GGUF_TYPES.values()].filter(({ name }) => FORMAT_REFERENCES.has(name));
  expect(known.length).toBe(20);
  for (const { name, terms, bytes } of known) {
    expect(FORMAT_REFERENCES.get(name)?.planeBytes(1, terms)).toEqual({ weight: bytes });
  }
});

const head = (entries = 0, tensors = 0) => new GgufWriter().head(tensors, entries);
const entry = () => head(1).text('k');

describe('a file that is wrong is refused', () => {
  it.each<[string, GgufWriter, string]>([
    ['other letters', new GgufWriter().text('GGML....'), 'does not start with the letters GGUF'],
    ['version 1', new GgufWriter().head(0, 0, 1), 'version 1'],
    ['version 4', new GgufWriter().head(0, 0, 4), 'version 4'],
    ['big-endian', new GgufWriter().head(0, 0, 0x03000000), 'big-endian'],
    ['too many tensors', new GgufWriter().head(2n ** 60n, 0), 'claims 1152921504606846976 tensors'],
    ['too many entries', head(1000), 'claims 1000 metadata entries'],
    [
      'an endless key',
      head(1)
        .u64(2n ** 63n)
        .data(100),
      'bytes of a metadata key',
    ],
    ['a key longer than allowed', head(1).text('x'.repeat(70_000)), 'a metadata key has 70000 bytes'],
    ['a key that is no text', head(1).text(Buffer.of(0xff, 0xfe)).data(64), 'is not UTF-8'],
    ['a key twice', head(2).text('k').u32(7).u8(1).text('k').u32(7).u8(1), 'key "k" comes twice'],
    ['an unknown value type', entry().u32(13).data(64), 'unknown value type 13'],
    ['a truth value of 2', entry().u32(7).u8(2), 'truth value 2'],
    [
      'an endless array',
      entry()
        .u32(9)
        .u32(8)
        .u64(2n ** 40n),
      'values of metadata "k"',
    ],
    [
      'arrays in arrays in arrays',
      [1, 2, 3, 4, 5].reduce((w) => w.u32(9).u64(1), entry().u32(9)).data(64),
      'nests arrays',
    ],
    ['an alignment of 24', head(1).text('general.alignment').u32(4).u32(24), 'no power of two'],
    ['an alignment of 0', head(1).text('general.alignment').u32(4).u32(0), 'no power of two'],
    ['an alignment that is text', head(1).text('general.alignment').u32(8).text('32'), 'no power of two'],
    ['five dimensions', head(0, 1).tensor('a', [1, 1, 1, 1, 1], 0, 0).data(64), '5 dimensions'],
    ['an unknown type', head(0, 1).tensor('a', [32], 77, 0).data(64), 'unknown type 77'],
    ['a removed type', head(0, 1).tensor('a', [32], 4, 0).data(64), 'type 4, q4_2'],
    ['half a block', head(0, 1).tensor('a', [48], 2, 0).data(64), 'rows of 48'],
    [
      'an overflowing shape',
      head(0, 1)
        .tensor('a', [2 ** 40, 2 ** 40], 0, 0)
        .data(64),
      'more bytes than',
    ],
    [
      'an overflowing extent',
      head(0, 1)
        .tensor('a', [2n ** 63n], 0, 0)
        .data(64),
      'an extent of 92233',
    ],
    [
      'an overflowing place',
      head(0, 1)
        .tensor('a', [1], 0, 2n ** 63n)
        .data(64),
      'lies at byte 92233',
    ],
    ['an odd place', head(0, 1).tensor('a', [1], 0, 4).data(64), 'no multiple of 32'],
    [
      'a tensor beyond the end',
      head(0, 1).tensor('a', [17], 0, 0).data(64),
      'ends at byte 68 of the data, of which 64',
    ],
    [
      'tensors upon each other',
      head(0, 2).tensor('a', [16], 0, 0).tensor('b', [4], 0, 32).data(64),
      '"b" at byte 32',
    ],
    ['a tensor twice', head(0, 2).tensor('a', [8], 0, 0).tensor('a', [8], 0, 32).data(64), '"a" comes twice'],
  ])('%s', async (_, writer, message) => {
    await expect(readGgufHeader(sourceOf(writer.bytes()))).rejects.toThrow(
      expect.objectContaining({ code: 'checkpoint/corrupt', where: 'model.gguf' }),
    );
    await expect(readGgufHeader(sourceOf(writer.bytes()))).rejects.toThrow(message);
  });

  it('wherever it has been cut off', async () => {
    const bytes = small().bytes();
    for (let length = 0; length < bytes.length; length += 1) {
      await expect(readGgufHeader(sourceOf(bytes.subarray(0, length)))).rejects.toThrow(MoegenError);
    }
  });

  it('or read, but never anything else, with any bit turned over', async () => {
    const bytes = small().bytes();
    let read = 0;
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const outcome = await readGgufHeader(sourceOf(changed)).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(MoegenError);
      else read += 1;
    }
    expect(read).toBeGreaterThan(8 * 96);
  });
});
