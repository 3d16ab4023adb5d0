// The interface of the CUDA addon (native/cuda/cuda_addon.cc), and how a built one is opened.

import { createRequire } from 'node:module';

import type { Size3 } from '../types.js';

interface CudaBuffer {
  readonly byteLength: number;
  /** Contents: one, or one for each copy of the dispatches. What is null is filled with the byte 0xA5. */
  readonly instances: readonly (Uint8Array | null)[];
}

/** An address in a buffer, -1 for none, or an offset in threadgroup memory. */
export type CudaArgument =
  { readonly buffer: number; readonly offset: number } | { readonly offset: number; readonly buffer?: never };

export interface CudaDispatch {
  /** Path of a PTX file. */
  readonly module: string;
  readonly symbol: string;
  readonly arguments: readonly CudaArgument[];
  readonly sharedBytes: number;
  readonly threadgroups: Size3;
  readonly threadsPerThreadgroup: Size3;
  readonly indirect?: { readonly buffer: number; readonly offset: number };
}

export interface CudaJob {
  readonly buffers: readonly CudaBuffer[];
  readonly dispatches: readonly CudaDispatch[];
  readonly outputs: readonly number[];
  readonly timeoutSeconds: number;
}

export interface CudaTimingJob extends CudaJob {
  /** Dispatches of each stage: the first one and the one after the last. */
  readonly stages: readonly (readonly [number, number])[];
  readonly copies: number;
  readonly repetitions: number;
  readonly flushBytes: number;
}

interface CudaJobResult {
  readonly outputs: readonly Uint8Array[];
  readonly dispatches: readonly { readonly seconds: number; readonly threadgroups: number }[];
}

/** Microseconds of one copy, for each repetition. */
interface CudaTimingResult {
  readonly whole: readonly number[];
  readonly stages: readonly (readonly number[])[];
}

/** Promises are rejected with an Error that has a `code` and a `log`. */
export interface CudaAddon {
  /** Opens the first GPU through the driver's library. The reason why there is none; undefined where there is one. */
  open(library: string): string | undefined;
  describe(): string;
  l2Bytes(): number;
  run(job: CudaJob): Promise<CudaJobResult>;
  time(job: CudaTimingJob): Promise<CudaTimingResult>;
}

export function openAddon(file: string): CudaAddon {
  return createRequire(import.meta.url)(file) as CudaAddon;
}
