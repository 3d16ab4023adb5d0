// The file and the configuration of a quantised checkpoint. Sizes are known before any weight is, so the header is written first and
// every matrix at its place: no more than one matrix is in memory. Nothing half-written stands under the final name.

import { mkdir, open, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { GGUF_TYPES } from '../checkpoint/gguf-types.js';
import { piecesOf, type Tensor } from '../checkpoint/tensor.js';
import type { UnboundModel } from '../checkpoint/model.js';
import { MoegenError } from '../errors.js';
import { removeWhenStopped } from '../stopping.js';
import { GGUF_ALIGNMENT, ggufHeader, ownMetadata } from './gguf-form.js';
import { mlxSizes, type MlxFormat } from './mlx-form.js';
import type { OutputPlane, Target } from './target.js';

export interface OutputMatrix {
  /** Of its first tensor, for messages. */
  readonly name: string;
  readonly terms: number;
  /** Tensors that hold all of them. */
  readonly planes: readonly OutputPlane[];
  /** Matrices that lie one after the other. */
  readonly count: number;
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
  readonly target: Target;
  readonly matrices: readonly OutputMatrix[];
  readonly tensors: readonly OutputTensor[];
  /** Of modules that MLX has in other sizes. */
  readonly overrides: Readonly<Record<string, MlxFormat>>;
  /** Modules of matrices that are not quantised. */
  readonly leftOut: readonly string[];
  readonly onMatrix: (done: number) => void;
}

const PIECE = 64 << 20;
const ALIGNMENT = 8;

interface Place {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly start: number;
  readonly bytes: number;
}

/** Bytes of the file. Throws `quantize/same-place` and `quantize/unwritable`. */
export async function writeCheckpoint(folder: string, output: Output): Promise<number> {
  await checkPlace(folder, output.model);
  const target = path.join(folder, output.target.kind === 'gguf' ? 'model.gguf' : 'model.safetensors');
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
  const isGguf = output.target.kind === 'gguf';
  const alignment = isGguf ? (output.model.checkpoint.head?.alignment ?? GGUF_ALIGNMENT) : 1;
  const places = new Map<string, Place>();
  let end = 0;
  const add = (name: string, type: string, shape: readonly number[]) => {
    const own = isGguf ? (GGUF_SPELLING[type] ?? type) : type;
    const bytes = bytesOf(own, shape);
    if (places.has(name)) throw new Error(`two tensors are called ${name}`);
    places.set(name, { name, type: own, shape, start: end, bytes });
    end = Math.ceil((end + bytes) / alignment) * alignment;
  };
  for (const { name, type, shape } of output.tensors) add(name, type, shape);
  for (const { planes } of output.matrices)
    for (const { name, type, shape } of planes) add(name, type, shape);
  const header = isGguf
    ? ggufHeader(await metadataOf(output.model), [...places.values()], alignment)
    : safetensorsHeader(places, output.target.kind === 'mlx' ? 'mlx' : 'pt');
  await file.write(header, 0, header.byteLength, 0);
  const at = (name: string) => header.byteLength + (places.get(name)?.start ?? 0);
  for (const tensor of output.tensors) await writeTensor(file, tensor, at(tensor.name));
  for (const [index, matrix] of output.matrices.entries()) {
    await writeMatrix(file, matrix, at);
    output.onMatrix(index + 1);
  }
  const bytes = header.byteLength + end;
  // What aligns the next tensor is there behind the last one too.
  await file.truncate(bytes);
  return bytes;
}

const GGUF_SPELLING: Readonly<Record<string, string>> = {
  ...{ F32: 'f32', F16: 'f16', BF16: 'bf16', I8: 'i8', I32: 'i32', I64: 'i64', F64: 'f64' },
};
const BYTES: Readonly<Record<string, number>> = {
  ...{ F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2 },
  ...{ U8: 1, I8: 1, BOOL: 1, F8_E4M3: 1, F8_E5M2: 1, F8_E8M0: 1 },
};
const BLOCKS = new Map([...GGUF_TYPES.values()].map((type) => [type.name, type]));

function bytesOf(type: string, shape: readonly number[]): number {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const block = BLOCKS.get(type);
  const bytes = block === undefined ? count * (BYTES[type] ?? NaN) : (count / block.terms) * block.bytes;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new MoegenError('quantize/unsupported', `expected tensors of types that can be copied, got ${type}`, {
    where: 'moegen quantize',
    help: 'give the checkpoint without such tensors',
  });
}

async function metadataOf({ checkpoint, config }: UnboundModel) {
  const { head } = checkpoint;
  if (head !== null) return { entries: head.entries, bytes: await head.read() };
  const { model_type: type } = config;
  return ownMetadata(typeof type === 'string' ? type : 'unknown');
}

function safetensorsHeader(places: ReadonlyMap<string, Place>, format: string): Uint8Array {
  const entries = [...places].map(([name, { type, shape, start, bytes }]) => [
    name,
    { dtype: type, shape, data_offsets: [start, start + bytes] },
  ]);
  const text = JSON.stringify({
    __metadata__: { format },
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
  for (let index = 0; index < matrix.count; index += 1) {
    const encoded = matrix.encode(index);
    for (const { plane, name } of matrix.planes) {
      const bytes = encoded[plane];
      if (bytes === undefined) throw new Error(`${matrix.name} has no ${plane}`);
      await file.write(bytes, 0, bytes.byteLength, at(name) + index * bytes.byteLength);
    }
  }
}

/** What the keys say that are replaced, or hold no more. */
const QUANTIZATION = ['quantization', 'quantization_config', 'expert_dtype'];

function configText({ model, target, overrides, leftOut }: Output): string {
  const rest = Object.fromEntries(
    Object.entries(model.config).filter(([key]) => !QUANTIZATION.includes(key)),
  );
  const own =
    target.kind === 'mlx'
      ? mlxSections(target.format, overrides)
      : target.kind === 'published'
        ? { quantization_config: { ...target.format.section, [target.format.leftOut]: leftOut } }
        : {};
  return `${JSON.stringify({ ...rest, ...own }, undefined, 2)}\n`;
}

function mlxSections(whole: MlxFormat, overrides: Output['overrides']): object {
  const sizes = {
    ...mlxSizes(whole),
    ...Object.fromEntries(Object.entries(overrides).map(([module, format]) => [module, mlxSizes(format)])),
  };
  return { quantization: sizes, quantization_config: sizes };
}
