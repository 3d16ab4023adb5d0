// The file and the configuration of a quantised checkpoint. Sizes are known before any weight is, so the header is written first and
// every matrix at its place: no more than one matrix is in memory. Nothing half-written stands under the final name.

import { mkdir, open, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { piecesOf, type Tensor } from '../checkpoint/tensor.js';
import type { UnboundModel } from '../checkpoint/model.js';
import { MoegenError } from '../errors.js';
import { removeWhenStopped } from '../stopping.js';
import { mlxPlanes, mlxSizes, type MlxFormat } from './mlx-form.js';

export interface OutputMatrix {
  readonly module: string;
  readonly format: MlxFormat;
  /** Matrices that lie one after the other; null for one alone. */
  readonly count: number | null;
  readonly rows: number;
  readonly terms: number;
  /** Planes of one of them. */
  encode(at: number): Readonly<Record<string, Uint8Array>>;
}

export type OutputTensor = {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
} & ({ readonly source: Tensor } | { read(): Promise<Uint8Array> });

interface Output {
  readonly model: UnboundModel;
  readonly matrices: readonly OutputMatrix[];
  readonly tensors: readonly OutputTensor[];
  readonly whole: MlxFormat;
  /** Of modules with other sizes. */
  readonly overrides: Readonly<Record<string, MlxFormat>>;
  readonly onMatrix: (done: number) => void;
}

const FILE = 'model.safetensors';
const BYTES: Readonly<Record<string, number>> = { U32: 4, F32: 4, F16: 2, BF16: 2, U8: 1 };
const PIECE = 64 << 20;
const ALIGNMENT = 8;

interface Place {
  readonly type: string;
  readonly shape: readonly number[];
  readonly start: number;
  readonly bytes: number;
}

/** Bytes of the file. Throws `quantize/same-place` and `quantize/unwritable`. */
export async function writeCheckpoint(folder: string, output: Output): Promise<number> {
  await checkPlace(folder, output.model);
  const target = path.join(folder, FILE);
  const temporary = `${target}.${process.pid}.tmp`;
  const release = removeWhenStopped(temporary);
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(temporary, 'w');
    let bytes = 0;
    try {
      bytes = await writeTensors(file, output);
    } finally {
      await file.close();
    }
    await writeFile(path.join(folder, 'config.json'), configText(output));
    await rename(temporary, target);
    return bytes;
  } catch (cause) {
    await rm(temporary, { force: true });
    if (cause instanceof MoegenError) throw cause;
    if (!(cause instanceof Error && 'code' in cause)) throw cause;
    throw new MoegenError('quantize/unwritable', `expected a folder that can be written: ${cause.message}`, {
      where: folder,
      help: 'check permissions and free space',
      cause,
    });
  } finally {
    release();
  }
}

async function checkPlace(folder: string, { checkpoint }: UnboundModel): Promise<void> {
  const [first = ''] = checkpoint.files;
  const [from, to] = await Promise.all([stat(path.dirname(first)), stat(folder).catch(() => null)]);
  if (from.ino !== to?.ino || from.dev !== to.dev) return;
  throw new MoegenError('quantize/same-place', 'expected another folder than that of the checkpoint', {
    where: folder,
    help: 'name a new folder with -o',
  });
}

async function writeTensors(file: FileHandle, output: Output): Promise<number> {
  const places = new Map<string, Place>();
  let end = 0;
  const add = (name: string, type: string, shape: readonly number[], bytes: number) => {
    places.set(name, { type, shape, start: end, bytes });
    end += bytes;
  };
  for (const tensor of output.tensors) {
    add(
      tensor.name,
      tensor.type,
      tensor.shape,
      'source' in tensor ? tensor.source.bytes : product(tensor.shape) * (BYTES[tensor.type] ?? 0),
    );
  }
  for (const { module, format, count, rows, terms } of output.matrices) {
    for (const { suffix, type, width } of mlxPlanes(format, terms)) {
      const shape = [...(count === null ? [] : [count]), rows, width];
      add(`${module}.${suffix}`, type, shape, product(shape) * (BYTES[type] ?? 0));
    }
  }
  const header = headerOf(places);
  await file.write(header, 0, header.byteLength, 0);
  const at = (name: string) => header.byteLength + (places.get(name)?.start ?? 0);
  for (const tensor of output.tensors) await writeTensor(file, tensor, at(tensor.name));
  for (const [index, matrix] of output.matrices.entries()) {
    await writeMatrix(file, matrix, at);
    output.onMatrix(index + 1);
  }
  return header.byteLength + end;
}

function headerOf(places: ReadonlyMap<string, Place>): Uint8Array {
  const entries = [...places].map(([name, { type, shape, start, bytes }]) => [
    name,
    { dtype: type, shape, data_offsets: [start, start + bytes] },
  ]);
  const text = JSON.stringify({
    __metadata__: { format: 'mlx' },
    ...(Object.fromEntries(entries) as object),
  });
  const length = Math.ceil(Buffer.byteLength(text) / ALIGNMENT) * ALIGNMENT;
  const bytes = Buffer.alloc(8 + length, ' ');
  bytes.writeBigUInt64LE(BigInt(length), 0);
  bytes.write(text, 8);
  return bytes;
}

async function writeTensor(file: FileHandle, tensor: OutputTensor, start: number): Promise<void> {
  if (!('source' in tensor)) {
    const bytes = await tensor.read();
    await file.write(bytes, 0, bytes.byteLength, start);
    return;
  }
  let at = start;
  for await (const piece of piecesOf(tensor.source, PIECE)) {
    await file.write(piece, 0, piece.byteLength, at);
    at += piece.byteLength;
  }
}

async function writeMatrix(
  file: FileHandle,
  matrix: OutputMatrix,
  at: (name: string) => number,
): Promise<void> {
  for (let index = 0; index < (matrix.count ?? 1); index += 1) {
    const planes = matrix.encode(index);
    for (const { plane, suffix } of mlxPlanes(matrix.format, matrix.terms)) {
      const bytes = planes[plane];
      if (bytes === undefined) throw new Error(`${matrix.module} has no ${plane}`);
      await file.write(
        bytes,
        0,
        bytes.byteLength,
        at(`${matrix.module}.${suffix}`) + index * bytes.byteLength,
      );
    }
  }
}

function configText({ model, whole, overrides }: Output): string {
  const sizes = {
    ...mlxSizes(whole),
    ...Object.fromEntries(Object.entries(overrides).map(([module, format]) => [module, mlxSizes(format)])),
  };
  return `${JSON.stringify({ ...model.config, quantization: sizes, quantization_config: sizes }, undefined, 2)}\n`;
}

function product(shape: readonly number[]): number {
  return shape.reduce((count, extent) => count * extent, 1);
}
