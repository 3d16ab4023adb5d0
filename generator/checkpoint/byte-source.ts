// A file as bytes that are read where they are needed: headers at once, weights when someone asks for them.

import { readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { MoegenError } from '../errors.js';

export interface ByteSource {
  /** The file, as errors name it. */
  readonly where: string;
  /** In bytes. */
  readonly size: number;
  /** A copy of `length` bytes from `start` on. Throws `checkpoint/truncated` where the file ends before. */
  read(start: number, length: number): Promise<Uint8Array>;
  /** The same at once, for what asks for values one by one. */
  readNow(start: number, length: number): Uint8Array;
  close(): Promise<void>;
}

/** No system reads more at a time. */
const LONGEST_READ = 1 << 30;

/** Throws `checkpoint/unreadable`. */
export async function openFile(path: string): Promise<ByteSource> {
  const unreadable = (cause: unknown) =>
    new MoegenError(
      'checkpoint/unreadable',
      `expected a readable file: ${cause instanceof Error ? cause.message : String(cause)}`,
      { where: path, help: 'name a checkpoint that exists and may be read', cause },
    );
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(cause);
  });
  const { size } = await handle.stat();
  return {
    where: path,
    size,
    read: async (start, length) => {
      checkRange(path, size, start, length);
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        const wanted = Math.min(length - filled, LONGEST_READ);
        const { bytesRead } = await handle
          .read(bytes, filled, wanted, start + filled)
          .catch((cause: unknown) => {
            throw unreadable(cause);
          });
        if (bytesRead === 0) throw shortened(path, start + filled);
        filled += bytesRead;
      }
      return bytes;
    },
    readNow: (start, length) => {
      checkRange(path, size, start, length);
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        const wanted = Math.min(length - filled, LONGEST_READ);
        const bytesRead = readSync(handle.fd, bytes, filled, wanted, start + filled);
        if (bytesRead === 0) throw shortened(path, start + filled);
        filled += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

function checkRange(where: string, size: number, start: number, length: number): void {
  if (start >= 0 && length >= 0 && start + length <= size) return;
  throw truncated(where, `bytes ${start} to ${start + length} of ${size} were asked for`);
}

function shortened(where: string, position: number): MoegenError {
  return truncated(where, `byte ${position} is gone since the file was opened`);
}

function truncated(where: string, reason: string): MoegenError {
  return new MoegenError('checkpoint/truncated', `expected a whole file, but ${reason}`, {
    where,
    help: 'fetch the file again',
  });
}

/** What every reader throws at bytes that are not what they claim. */
export function corrupt(format: string, reason: string, where: string, cause?: unknown): MoegenError {
  return new MoegenError('checkpoint/corrupt', `expected a ${format} file, but ${reason}`, {
    where,
    help: 'fetch or write the file again',
    cause,
  });
}
