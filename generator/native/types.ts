// The device contract: a job is a list of dispatches over a pool of buffers. The host engine, Metal and CUDA implement it.

import type { ConstantValue, MslOptions, MslSource, Subnormals } from '../compile/types.js';

export { SUBNORMALS, type Subnormals } from '../compile/types.js';

export type DeviceName = 'metal' | 'host' | 'cuda';

export const CHECKS = [
  'bounds',
  'races',
  'divergence',
  'uninitialized',
  'unwritten',
  'readonly',
  'order',
  'alignment',
  'same-value',
] as const;
export type Check = (typeof CHECKS)[number];

export type Size3 = readonly [number, number, number];

/** A piece of a buffer's initial contents. */
export interface BufferPart {
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface BufferSpec {
  readonly byteLength: number;
  /** Initial contents; what is not given is filled with the byte 0xA5, so that unwritten results show. */
  readonly data?: Uint8Array;
  /**
   * In place of `data`, for buffers that are only read, on the host: zeros but for these pieces. What nothing touches takes no
   * memory, however large the buffer is.
   */
  readonly parts?: readonly BufferPart[];
  /** For messages. */
  readonly label?: string;
  /** Checks that its contents are free of: `unwritten`, `order`. */
  readonly exempt?: readonly Check[];
}

/** A kernel of a loaded library, with values for its function constants (by index). */
interface KernelUse {
  readonly library: LoadedLibrary;
  readonly kernel: string;
  readonly constants?: Readonly<Record<number, ConstantValue>>;
}

export interface BufferBinding {
  /** Position in `Job.buffers`. */
  readonly buffer: number;
  readonly offset?: number;
}

export interface Dispatch extends KernelUse {
  readonly buffers: Readonly<Record<number, BufferBinding>>;
  /** Bytes of each `[[threadgroup(n)]]` argument. */
  readonly threadgroupMemory?: Readonly<Record<number, number>>;
  /** Threadgroups in the grid, or where the three uint32 lie that say so when the dispatch starts. */
  readonly threadgroups: Size3 | { readonly indirect: BufferBinding };
  readonly threadsPerThreadgroup: Size3;
  /** Threads in the grid, where its edges cut threadgroups: `threadgroups` then counts those that are cut too. */
  readonly threads?: Size3;
}

export interface Job {
  readonly buffers: readonly BufferSpec[];
  readonly dispatches: readonly Dispatch[];
  /** Buffers to return, by position. */
  readonly outputs: readonly number[];
  /** Checks to run; they need libraries loaded with `instrument`. */
  readonly checks?: readonly Check[];
  /** Count bytes, accesses and operations; needs libraries loaded with `instrument`. */
  readonly count?: boolean;
  /** Scheduling order: 0 is the natural one, any other number a random one. */
  readonly seed?: number;
  /** `flush` by default, the only one on GPUs of Apple. */
  readonly subnormals?: Subnormals;
  readonly timeoutSeconds?: number;
}

export interface CheckReport {
  readonly check: Check;
  readonly kernel: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  /** How often it happened. */
  readonly count: number;
}

interface BufferCounters {
  readonly index: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly reads: number;
  readonly writes: number;
}

export interface DispatchResult {
  readonly kernel: string;
  readonly seconds: number;
  readonly threadgroups: number;
  /**
   * Bytes of threadgroup memory: the kernel's arguments and all variables that a thread came to, each where its alignment
   * lets it follow the one before. Only from devices that know.
   */
  readonly threadgroupMemory?: number;
  readonly counters?: {
    readonly buffers: readonly BufferCounters[];
    readonly threadgroupBytesRead: number;
    readonly threadgroupBytesWritten: number;
    /** Threadgroups that wrote nothing to device memory. */
    readonly idleThreadgroups: number;
    readonly barriers: number;
    /** As the program is written: generator/compile/representation/operations.ts says what counts. */
    readonly floatingPointOperations: number;
    readonly matrixOperations: number;
  };
}

export interface JobResult {
  /** Contents of `Job.outputs`, in that order. */
  readonly outputs: readonly Uint8Array[];
  readonly dispatches: readonly DispatchResult[];
  readonly reports: readonly CheckReport[];
  /**
   * Kernels could open no files, start no processes and reach no network, whatever they tried. Only from the host device, whose kernels
   * are code of this machine; true on Linux.
   */
  readonly isConfined?: boolean;
}

/** What a device made of a Metal source; opaque to everyone else. */
export interface LoadedLibrary {
  readonly device: DeviceName;
  readonly kernels: readonly string[];
}

export interface LoadRequest extends MslOptions {
  readonly source: MslSource;
  /** Kernels that are needed; all of the source's when not given. Devices may load more. */
  readonly kernels?: readonly string[];
  /** Compile with memory-access callbacks, for checks and counters. */
  readonly instrument?: boolean;
}

export interface Device {
  readonly name: DeviceName;
  /** A sentence for people: which processor or GPU, how many threads. */
  describe(): Promise<string>;
  /** Compiles a source. Rejects with a MoegenError that carries the diagnostics' text where it does not compile. */
  load(request: LoadRequest): Promise<LoadedLibrary>;
  run(job: Job): Promise<JobResult>;
}
