// Runs a job that a program hands over, on its own arrays, and gives arrays back.

import path from 'node:path';
import { openDevice } from '../cli/devices.js';
import { processIo } from '../cli/io.js';
import { MoegenError } from '../errors.js';
import type { JobBufferContents } from '../jobs/contents.js';
import { layoutOf } from '../jobs/layout.js';
import { parseJob, prepareJob } from '../jobs/prepare.js';
import { runPrepared, type RunJobResult } from '../jobs/run.js';
import { findScalar } from '../jobs/scalars.js';
import type { JobBuffer, RunJob } from '../jobs/schema.js';
import { decodeNumbers, encodeValues } from '../jobs/values.js';
import type { CallContext, RunSettings } from './settings.js';

/** What a buffer of numbers may be in a program. */
export type NumberArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** As in a job's file; `data` in place of contents: bytes as they lie in memory, or floats, which are rounded to `dtype`. */
export interface ArrayBufferSpec extends Omit<JobBuffer, 'file'> {
  readonly data?: NumberArray;
}

/** A job as in a file. Buffers may be arrays, whose type says the type of their elements; outputs are named, not written. */
export interface ArrayJob extends Omit<RunJob, 'buffers' | 'outputs'> {
  readonly buffers: Readonly<Record<string, NumberArray | ArrayBufferSpec>>;
  /** By their keys. */
  readonly outputs?: readonly string[];
}

export interface ArrayRunResult extends Omit<RunJobResult, 'outputs'> {
  /** No check found anything. */
  readonly ok: boolean;
  /** Half and bfloat as Float32Array, vectors without their padding; structs as bytes. */
  readonly outputs: Readonly<Record<string, NumberArray>>;
}

const DTYPES: Readonly<Record<string, string>> = {
  ...{ Int8Array: 'i8', Uint8Array: 'u8', Int16Array: 'i16', Uint16Array: 'u16', Int32Array: 'i32' },
  ...{ Uint32Array: 'u32', BigInt64Array: 'i64', BigUint64Array: 'u64', Float32Array: 'f32' },
};

/** Relative paths start at `cwd`. */
export async function runArrays(
  { buffers, outputs = [], ...job }: ArrayJob,
  { device: name = 'auto', subnormals }: RunSettings,
  { cwd, onMessage }: CallContext,
): Promise<ArrayRunResult> {
  const where = 'run(job)';
  const given = Object.entries(buffers).map(
    ([key, each]) => [key, split(each, `${where}: buffers.${key}`)] as const,
  );
  const parsed = parseJob(
    { ...job, buffers: Object.fromEntries(given.map(([key, { buffer }]) => [key, buffer])) },
    where,
  );
  const own = processIo();
  const io = { ...own, cwd: cwd ?? own.cwd, isTerminal: false, err: (text: string) => onMessage?.(text) };
  const bytes = given.flatMap(([key, { data }]) => (data === undefined ? [] : [[key, data] as const]));
  const prepared = await prepareJob(
    { ...parsed, subnormals: subnormals ?? parsed.subnormals },
    { folder: path.resolve(io.cwd), where },
    Object.fromEntries(bytes),
  );
  for (const key of outputs) {
    if (prepared.contents.has(key)) continue;
    throw new MoegenError('run/unknown-output', `outputs names buffer ${key}, but there is no such buffer`, {
      where,
      help: `buffers: ${Object.keys(buffers).join(', ')}`,
    });
  }
  const { result, contents } = await runPrepared(await openDevice(name, io), prepared, outputs);
  const arrays = [...contents].map(
    ([key, memory]) => [key, arrayOf(prepared.contents.get(key), memory)] as const,
  );
  return { ok: result.reports.length === 0, ...result, outputs: Object.fromEntries(arrays) };
}

interface SplitBuffer {
  readonly buffer: JobBuffer;
  readonly data?: Uint8Array;
}

function split(given: NumberArray | ArrayBufferSpec, where: string): SplitBuffer {
  if (isArray(given)) {
    const dtype = DTYPES[given.constructor.name];
    if (dtype !== undefined) return { buffer: { dtype }, data: bytesOf(given) };
    return {
      buffer: { dtype: 'f32' },
      data: encodeValues(layoutOf('f32', where), [...(given as Float64Array)], where),
    };
  }
  const { data, ...buffer } = given;
  if (data === undefined) return { buffer };
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  const short = findScalar(buffer.dtype ?? '')?.short;
  if (!isFloat || buffer.dtype === undefined || (short === 'f32' && data instanceof Float32Array)) {
    return { buffer, data: bytesOf(data) };
  }
  return { buffer, data: encodeValues(layoutOf(buffer.dtype, where), [...data], where) };
}

function isArray(given: NumberArray | ArrayBufferSpec): given is NumberArray {
  return ArrayBuffer.isView(given);
}

function bytesOf(array: NumberArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function arrayOf(buffer: JobBufferContents | undefined, memory: Uint8Array): NumberArray {
  const scalars = new Set(buffer?.layout.components.map(({ scalar }) => scalar));
  const [scalar] = scalars;
  if (buffer === undefined || buffer.layout.fields !== undefined || scalars.size !== 1) return memory;
  const numbers = decodeNumbers(buffer.layout, memory);
  switch (scalar?.short) {
    case 'i8':
      return Int8Array.from(numbers, Number);
    case 'i16':
      return Int16Array.from(numbers, Number);
    case 'u16':
      return Uint16Array.from(numbers, Number);
    case 'i32':
      return Int32Array.from(numbers, Number);
    case 'u32':
      return Uint32Array.from(numbers, Number);
    case 'i64':
      return BigInt64Array.from(numbers, BigInt);
    case 'u64':
      return BigUint64Array.from(numbers, BigInt);
    case 'f16':
    case 'bf16':
    case 'f32':
      return Float32Array.from(numbers, Number);
    case 'u8':
    case 'bool':
    case undefined:
      return Uint8Array.from(numbers, Number);
  }
}
