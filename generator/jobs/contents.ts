// The bytes that a buffer begins with, or should end with: from files, values, fills or random numbers.

import { open, type FileHandle } from 'node:fs/promises';
import { totalmem } from 'node:os';
import path from 'node:path';
import { MoegenError } from '../errors.js';
import { layoutOf, type Layout } from './layout.js';
import { isNpy, readNpy } from './npy.js';
import type { Expectation, JobBuffer } from './schema.js';
import { encodeFill, encodeValues, type GivenValue } from './values.js';

type Contents = Pick<Expectation, 'file' | 'fill' | 'hex' | 'values' | 'random'>;

/** Arrays that a program hands over, by buffer; they go before what the job says. */
export type GivenBytes = Readonly<Record<string, Uint8Array>>;

export interface BufferPlace {
  /** Relative files start here. */
  readonly folder: string;
  /** For errors: the job's file and the key. */
  readonly where: string;
  /** For errors: `buffer 1`. */
  readonly label: string;
}

export interface JobBufferContents {
  readonly layout: Layout;
  readonly shape: readonly number[];
  readonly byteLength: number;
  readonly data?: Uint8Array;
}

/** Shape, layout and contents of a buffer. Throws where they do not agree. */
export async function bufferContents(
  buffer: JobBuffer,
  given: Uint8Array | undefined,
  place: BufferPlace,
): Promise<JobBufferContents> {
  const layout = layoutOf(buffer.dtype ?? buffer.struct ?? {}, place.where);
  const stated = buffer.shape === undefined ? undefined : statedLength(buffer, layout, buffer.shape, place);
  const read = given === undefined ? await contentsOf(buffer, layout, stated, place) : { data: given };
  const data = read?.data;
  const byteLength = stated ?? data?.byteLength ?? (buffer.struct ? layout.size : undefined);
  if (byteLength === undefined) {
    throw new MoegenError('run/no-shape', `${place.label} has neither shape nor contents`, {
      where: place.where,
    });
  }
  if (data !== undefined && data.byteLength !== byteLength) throw wrongSize(buffer, byteLength, data, place);
  if (byteLength % layout.size !== 0) {
    throw new MoegenError(
      'run/wrong-size',
      `${place.label} has elements of ${layout.size} bytes, but ${byteLength} bytes were given`,
      { where: place.where },
    );
  }
  const shape = buffer.shape ?? read?.shape ?? [byteLength / layout.size];
  return { layout, shape, byteLength, ...(data !== undefined && { data }) };
}

function wrongSize(
  { dtype = 'struct', shape = [] }: JobBuffer,
  byteLength: number,
  data: Uint8Array,
  { where, label }: BufferPlace,
): MoegenError {
  return new MoegenError(
    'run/wrong-size',
    `${label} is ${dtype} [${shape.join(', ')}], ${byteLength} bytes, but ${data.byteLength} bytes were given`,
    { where, help: 'make shape and contents agree' },
  );
}

/** No device has more; the product of a shape stays exact far beyond. */
const MOST_BYTES = 2 ** 40;

function statedLength(
  { dtype = 'struct' }: JobBuffer,
  layout: Layout,
  shape: readonly number[],
  { where, label }: BufferPlace,
): number {
  const bytes = shape.reduce((product, extent) => product * extent, layout.size);
  if (bytes <= MOST_BYTES) return bytes;
  throw new MoegenError(
    'run/large-buffer',
    `${label} is ${dtype} [${shape.join(', ')}], but a buffer has at most ${MOST_BYTES} bytes`,
    { where },
  );
}

interface ReadContents {
  readonly data: Uint8Array;
  /** Where the contents say it. */
  readonly shape?: readonly number[];
}

/** Undefined where there are none; `byteLength` is what is wanted, where that is known. */
export async function contentsOf(
  { file, fill, hex, values, random }: Contents,
  layout: Layout,
  byteLength: number | undefined,
  place: BufferPlace,
): Promise<ReadContents | undefined> {
  if (file !== undefined) return fileContents(path.resolve(place.folder, file), layout);
  if (hex !== undefined) return { data: Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')) };
  if (values !== undefined) return { data: encodeValues(layout, values, `${place.where}.values`) };
  if (fill !== undefined) {
    const element = encodeFill(layout, fill, `${place.where}.fill`);
    const data = allocate(wanted(byteLength, place), place.where);
    for (let at = 0; at < data.byteLength && at < element.byteLength; at += 1) data[at] = element[at] ?? 0;
    repeat(data, element.byteLength);
    return { data };
  }
  if (random !== undefined) return { data: randomBytes(layout, random, wanted(byteLength, place), place) };
  return undefined;
}

function wanted(byteLength: number | undefined, { where, label }: BufferPlace): number {
  if (byteLength !== undefined) return byteLength;
  throw new MoegenError('run/no-shape', `${label} needs a shape`, { where });
}

/** Doubles what stands at the start until it fills the array. */
function repeat(data: Uint8Array, first: number): void {
  for (let done = first; done > 0 && done < data.byteLength; done *= 2) data.copyWithin(done, 0, done);
}

function allocate(byteLength: number, where: string): Uint8Array {
  const most = totalmem();
  if (byteLength <= most) {
    try {
      return new Uint8Array(byteLength);
    } catch {
      // Beyond what one array may have.
    }
  }
  throw new MoegenError('run/large-contents', `contents of ${byteLength} bytes do not fit into memory`, {
    where,
    help: 'leave the contents out: memory is then taken where the kernel touches it',
  });
}

async function fileContents(file: string, layout: Layout): Promise<ReadContents> {
  const data = await readBytes(file, 'a file of buffer contents');
  if (!isNpy(data)) return { data };
  const { shape, numbers, scalar } = readNpy(data, file);
  const wantsFloat = layout.components.some(({ scalar: own }) => own.isFloat);
  if (scalar.isFloat && !wantsFloat) {
    throw new MoegenError('run/wrong-value', `expected whole numbers, got an array of ${scalar.short}`, {
      where: file,
    });
  }
  const bytes = encodeValues(layout, numbers.map(asGiven), file);
  // The components of a vector are the array's last dimension.
  const perElement = layout.components.length;
  return { data: bytes, shape: perElement > 1 && shape.at(-1) === perElement ? shape.slice(0, -1) : shape };
}

function asGiven(number: number | bigint): GivenValue {
  return typeof number === 'bigint' ? String(number) : number;
}

function randomBytes(
  layout: Layout,
  { seed = 1, low, high }: NonNullable<Contents['random']>,
  byteLength: number,
  place: BufferPlace,
): Uint8Array {
  if (!(high >= low)) {
    throw new MoegenError('run/wrong-value', `expected high of at least low, got ${low} to ${high}`, {
      where: `${place.where}.random`,
    });
  }
  const next = uniform(seed);
  const data = allocate(byteLength, place.where);
  const view = new DataView(data.buffer);
  const first = encodeFill(layout, low, `${place.where}.random.low`);
  encodeFill(layout, high, `${place.where}.random.high`);
  for (let at = 0; at < byteLength; at += first.byteLength) {
    for (const { scalar, offset } of layout.components) {
      const share = next();
      const number = scalar.isFloat ? low + share * (high - low) : Math.floor(low + share * (high - low + 1));
      scalar.write(view, at + offset, number);
    }
  }
  return data;
}

/** Numbers from 0 to below 1: mulberry32, whose constants are in the public domain. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const CHUNK = 2 ** 28;

/** Of what has no size, such as pipes: devices may have no end. */
const LARGEST_STREAM = 2 ** 30;

async function readStream(handle: FileHandle, file: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of handle.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size <= LARGEST_STREAM) continue;
    throw new MoegenError(
      'run/endless',
      `expected at most ${LARGEST_STREAM} bytes of what is no plain file`,
      {
        where: file,
      },
    );
  }
  return Buffer.concat(chunks);
}

/** A whole file, which may be larger than what Node reads at once. */
export async function readBytes(file: string, what: string): Promise<Uint8Array> {
  try {
    await using handle = await open(file);
    const status = await handle.stat();
    if (!status.isFile()) return await readStream(handle, file);
    const { size } = status;
    const data = allocate(size, file);
    let done = 0;
    while (done < size) {
      const { bytesRead } = await handle.read(data, done, Math.min(CHUNK, size - done), done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done === size ? data : data.subarray(0, done);
  } catch (cause) {
    if (cause instanceof MoegenError) throw cause;
    throw new MoegenError('run/unreadable', `expected ${what} that can be read`, { where: file, cause });
  }
}
