// The header of a GGUF file, of version 2 or 3, into its metadata and tensors. Tokenizers put hundreds of thousands of strings into the
// metadata; arrays of that size are walked through, not kept.

import { ByteCursor } from './byte-cursor.js';
import type { ByteSource } from './byte-source.js';
import { GGUF_TYPES, REMOVED_GGUF_TYPES, type GgufType } from './gguf-types.js';
import { elementCount, tensorOf, type Tensor } from './tensor.js';

export type GgufValue = number | bigint | boolean | string | GgufArray;

interface GgufArray {
  readonly length: number;
  /** null where there are too many to keep. */
  readonly values: readonly GgufValue[] | null;
}

export interface GgufContent {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly Tensor[];
  readonly head: GgufHead;
}

/** The metadata as they lie in the file. */
export interface GgufHead {
  readonly entries: number;
  readonly alignment: number;
  read(): Promise<Uint8Array>;
}

const MAGIC = 0x46554747;
const VERSIONS: readonly number[] = [2, 3];
const DEFAULT_ALIGNMENT = 32;
const MOST_DIMENSIONS = 4;
/** Longer arrays are not kept. */
const MOST_VALUES = 4096;
const LONGEST_NAME = 65_535;
const LONGEST_TEXT = 64 << 20;
const DEEPEST_ARRAY = 4;

/** Least bytes of a key with its value, and of what a header says about a tensor. */
const [LEAST_ENTRY_BYTES, LEAST_TENSOR_BYTES] = [13, 24];

/** Throws `checkpoint/corrupt` or `checkpoint/truncated`. */
export async function readGgufHeader(source: ByteSource): Promise<GgufContent> {
  const cursor = new ByteCursor(source, 'GGUF');
  if ((await cursor.u32()) !== MAGIC) throw cursor.refuse('it does not start with the letters GGUF');
  const version = await cursor.u32();
  if (!VERSIONS.includes(version)) throw cursor.refuse(describeVersion(version));
  const tensorCount = await cursor.count('tensors', LEAST_TENSOR_BYTES);
  const entryCount = await cursor.count('metadata entries', LEAST_ENTRY_BYTES);

  const metadata = new Map<string, GgufValue>();
  const metadataStart = cursor.position;
  for (let entry = 0; entry < entryCount; entry += 1) {
    const key = await cursor.text('a metadata key', LONGEST_NAME);
    if (metadata.has(key)) throw cursor.refuse(`metadata key "${key}" comes twice`);
    metadata.set(key, await readValue(cursor, await cursor.u32(), key, 0));
  }
  const metadataBytes = cursor.position - metadataStart;
  const infos: TensorHeader[] = [];
  for (let tensor = 0; tensor < tensorCount; tensor += 1) infos.push(await readTensorHeader(cursor));

  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  if (typeof alignment !== 'number' || !isPowerOfTwo(alignment)) {
    throw cursor.refuse(`general.alignment is ${describeValue(alignment)}, which is no power of two`);
  }
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  checkPlaces(infos, alignment, source.size - dataStart, cursor);
  return {
    version,
    metadata,
    tensors: infos.map((info) => tensorOf(info, source, dataStart + info.offset)),
    head: { entries: entryCount, alignment, read: () => source.read(metadataStart, metadataBytes) },
  };
}

function describeVersion(version: number): string {
  if (version === 0x02000000 || version === 0x03000000)
    return 'its numbers are big-endian, which is not supported';
  return `it is of version ${version}; versions ${VERSIONS.join(' and ')} are supported`;
}

const isPowerOfTwo = (value: number) => value > 0 && Number.isInteger(Math.log2(value));

/** For messages. */
export const describeValue = (value: GgufValue) => (typeof value === 'object' ? 'an array' : String(value));

const SCALAR_READERS: ReadonlyMap<number, (cursor: ByteCursor) => Promise<number | bigint>> = new Map([
  [0, (cursor) => cursor.u8()],
  [1, (cursor) => cursor.i8()],
  [2, (cursor) => cursor.u16()],
  [3, (cursor) => cursor.i16()],
  [4, (cursor) => cursor.u32()],
  [5, (cursor) => cursor.i32()],
  [6, (cursor) => cursor.f32()],
  [10, (cursor: ByteCursor) => cursor.u64()],
  [11, (cursor: ByteCursor) => cursor.i64()],
  [12, (cursor) => cursor.f64()],
]);
const SCALAR_BYTES: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 4],
  [6, 4],
  [7, 1],
  [10, 8],
  [11, 8],
  [12, 8],
]);
const [BOOL, STRING, ARRAY] = [7, 8, 9];

async function readValue(cursor: ByteCursor, type: number, key: string, depth: number): Promise<GgufValue> {
  const scalar = SCALAR_READERS.get(type);
  if (scalar !== undefined) return scalar(cursor);
  if (type === BOOL) {
    const byte = await cursor.u8();
    if (byte > 1) throw cursor.refuse(`metadata key "${key}" holds the truth value ${byte}`);
    return byte === 1;
  }
  if (type === STRING) return cursor.text(`metadata "${key}"`, LONGEST_TEXT);
  if (type === ARRAY && depth < DEEPEST_ARRAY) return readArray(cursor, key, depth);
  const reason =
    type === ARRAY ? `nests arrays deeper than ${DEEPEST_ARRAY}` : `has the unknown value type ${type}`;
  throw cursor.refuse(`metadata key "${key}" ${reason}`);
}

async function readArray(cursor: ByteCursor, key: string, depth: number): Promise<GgufArray> {
  const type = await cursor.u32();
  const bytes = SCALAR_BYTES.get(type);
  const length = await cursor.count(`values of metadata "${key}"`, bytes ?? 8);
  const isKept = length <= MOST_VALUES;
  if (!isKept && bytes !== undefined) {
    cursor.skip(length * bytes, `metadata "${key}"`);
    return { length, values: null };
  }
  const values: GgufValue[] = [];
  for (let index = 0; index < length; index += 1) {
    const value = await readValue(cursor, type, key, depth + 1);
    if (isKept) values.push(value);
  }
  return { length, values: isKept ? values : null };
}

interface TensorHeader {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** From the start of the data. */
  readonly offset: number;
}

async function readTensorHeader(cursor: ByteCursor): Promise<TensorHeader> {
  const name = await cursor.text('the name of a tensor', LONGEST_NAME);
  const dimensions = await cursor.u32();
  if (dimensions > MOST_DIMENSIONS) {
    throw cursor.refuse(`tensor "${name}" has ${dimensions} dimensions, more than ${MOST_DIMENSIONS}`);
  }
  const extents: number[] = [];
  for (let dimension = 0; dimension < dimensions; dimension += 1) {
    const extent = await cursor.u64();
    if (typeof extent !== 'number')
      throw cursor.refuse(`tensor "${name}" has an extent of ${extent.toString()}`);
    extents.push(extent);
  }
  const type = typeOf(await cursor.u32(), name, cursor);
  const offset = await cursor.u64();
  if (typeof offset !== 'number') throw cursor.refuse(`tensor "${name}" lies at byte ${offset.toString()}`);
  const [terms = 1] = extents;
  if (terms % type.terms !== 0) {
    throw cursor.refuse(
      `tensor "${name}" of type ${type.name} has rows of ${terms}, which are not whole blocks of ${type.terms}`,
    );
  }
  const count = elementCount(extents);
  const bytes = count === null ? NaN : (count / type.terms) * type.bytes;
  if (!Number.isSafeInteger(bytes))
    throw cursor.refuse(`tensor "${name}" has more bytes than can be counted`);
  // Neighbours come first in the file, and last here.
  return { name, type: type.name, shape: extents.reverse(), bytes, offset };
}

function typeOf(id: number, name: string, cursor: ByteCursor): GgufType {
  const type = GGUF_TYPES.get(id);
  if (type !== undefined) return type;
  const removed = REMOVED_GGUF_TYPES.get(id);
  throw cursor.refuse(
    removed === undefined
      ? `tensor "${name}" has the unknown type ${id}`
      : `tensor "${name}" has type ${id}, ${removed}, which GGUF no longer has`,
  );
}

function checkPlaces(
  infos: readonly TensorHeader[],
  alignment: number,
  dataBytes: number,
  cursor: ByteCursor,
): void {
  const names = new Set<string>();
  let covered = 0;
  for (const { name, offset, bytes } of [...infos].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (names.has(name)) throw cursor.refuse(`tensor "${name}" comes twice`);
    names.add(name);
    if (offset % alignment !== 0) {
      throw cursor.refuse(`tensor "${name}" lies at byte ${offset}, which is no multiple of ${alignment}`);
    }
    if (offset < covered) throw cursor.refuse(`tensor "${name}" at byte ${offset} lies in the one before it`);
    covered = offset + bytes;
    if (covered > dataBytes) {
      throw cursor.refuse(
        `tensor "${name}" ends at byte ${covered} of the data, of which ${Math.max(dataBytes, 0)} are there`,
      );
    }
  }
}
