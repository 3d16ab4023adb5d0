// A tensor of a checkpoint: what its header says, and its bytes on demand.

import { MoegenError } from '../errors.js';
import type { ByteSource } from './byte-source.js';

export interface TensorInfo {
  readonly name: string;
  /** As the file spells it: BF16 or F8_E4M3 in safetensors, q4_K or f32 in GGUF. */
  readonly type: string;
  /** Row-major: the last extent is that of neighbouring elements. */
  readonly shape: readonly number[];
  readonly bytes: number;
}

export interface Tensor extends TensorInfo {
  /** What of the tensor of that name it is, where it is not the whole as it lies: its transpose, or one of its rows. */
  readonly view?: { readonly kind: 'transposed' } | { readonly kind: 'row'; readonly row: number };
  /** The file that holds it. */
  readonly where: string;
  /**
   * A copy of its bytes, or of `length` of them from `start` on.
   * Throws `checkpoint/range` beyond the tensor, `checkpoint/truncated` where the file has been cut off.
   */
  read(start?: number, length?: number): Promise<Uint8Array>;
  /** The same at once. */
  readNow(start: number, length: number): Uint8Array;
}

/** The tensor whose bytes lie at `offset` of a file. */
export function tensorOf(info: TensorInfo, source: ByteSource, offset: number): Tensor {
  const check = (start: number, length: number) => {
    if (start >= 0 && length >= 0 && start + length <= info.bytes) return;
    throw new MoegenError(
      'checkpoint/range',
      `expected bytes within the ${info.bytes} of tensor "${info.name}", got ${start} to ${start + length}`,
      { where: source.where, help: 'check the shape that the tensor was taken to have' },
    );
  };
  return {
    ...info,
    where: source.where,
    read: async (start = 0, length = info.bytes - start) => {
      check(start, length);
      return source.read(offset + start, length);
    },
    readNow: (start, length) => {
      check(start, length);
      return source.readNow(offset + start, length);
    },
  };
}

/** Pieces of at most `pieceBytes`, in order, so that no more of a tensor is in memory. */
export async function* piecesOf(tensor: Tensor, pieceBytes: number): AsyncGenerator<Uint8Array, void> {
  for (let start = 0; start < tensor.bytes; start += pieceBytes) {
    yield await tensor.read(start, Math.min(pieceBytes, tensor.bytes - start));
  }
}

/** The number of elements; null where it is no exact number. */
export function elementCount(shape: readonly number[]): number | null {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return Number.isSafeInteger(count) ? count : null;
}
