// The interface of the native addon (native/addon/addon.cc), which starts the engine, and how a built one is opened.

import { createRequire } from 'node:module';

import { MoegenError } from '../../errors.js';
import type { HostEngine } from '../build.js';
import type { BufferPart, DispatchResult, Size3 } from '../types.js';

interface NativeBuffer {
  readonly byteLength: number;
  readonly data?: Uint8Array;
  readonly parts?: readonly BufferPart[];
  readonly writable: boolean;
  readonly isOutput: boolean;
  /** Padding of elements, which nobody needs to write: native/engine/job.h. */
  readonly period: number;
  readonly used: number;
  readonly leastGap: number;
}

interface NativeBinding {
  readonly index: number;
  readonly buffer: number;
  readonly offset: number;
  readonly writable: boolean;
}

export interface NativeDispatch {
  readonly kernel: string;
  readonly library: string;
  readonly symbol: string;
  /** An empty string where the kernel runs thread by thread. */
  readonly rowSymbol: string;
  readonly instrumented: boolean;
  /** 17 bytes each: the value, then whether it is defined. */
  readonly constants: readonly { readonly symbol: string; readonly bytes: Uint8Array }[];
  readonly buffers: readonly NativeBinding[];
  readonly threadgroupMemory: readonly { readonly index: number; readonly bytes: number }[];
  readonly threadgroups: Size3;
  readonly indirect?: { readonly buffer: number; readonly offset: number };
  readonly threadsPerThreadgroup: Size3;
  /** Threads in the grid, where its edges cut threadgroups. */
  readonly threads?: Size3;
}

export interface NativeJob {
  readonly buffers: readonly NativeBuffer[];
  readonly dispatches: readonly NativeDispatch[];
  readonly outputs: readonly number[];
  /** One bit per check, in the order of CHECKS. */
  readonly checks: number;
  readonly count: boolean;
  readonly seed: number;
  readonly threads: number;
  readonly lockstep: boolean;
  readonly flushSubnormals: boolean;
  /** What arguments hold that a function constant switches off. */
  readonly unboundByte: number;
  /** What variables hold that nothing was written to, if they are declared in these lines; all others hold zeros. */
  readonly localsByte: number;
  readonly localsFirst: number;
  readonly localsEnd: number;
  readonly timeoutSeconds: number;
}

export interface NativeReport {
  /** Position in CHECKS. */
  readonly check: number;
  readonly dispatch: number;
  readonly message: string;
  readonly count: number;
  /** The code: an offset in a library. */
  readonly library?: string;
  readonly offset?: number;
  /** A second place in that library that the report is about. */
  readonly otherOffset?: number;
}

export interface NativeResult {
  readonly outputs: readonly Uint8Array[];
  readonly dispatches: readonly Omit<DispatchResult, 'kernel'>[];
  readonly reports: readonly NativeReport[];
  /** Every matrix operation was a rendezvous: the kernels of this job need it. */
  readonly lockstep: boolean;
  /** The kernels could open no files, start no processes and reach no network. */
  readonly isConfined: boolean;
}

/** What a rejected promise carries. */
export interface NativeFailure extends Error {
  readonly code: string;
  readonly dispatch?: number;
  readonly thread?: number;
  readonly threadgroup?: number;
  /** The code that crashed: an offset in a library. */
  readonly library?: string;
  readonly offset?: number;
  /** What checks found before the end. */
  readonly reports?: readonly NativeReport[];
}

export interface NativeEngine {
  run(job: NativeJob): Promise<NativeResult>;
}

interface NativeAddon {
  /** `program`: the engine. */
  run(job: NativeJob & { readonly program: string }): Promise<NativeResult>;
  /** Why kernels cannot run in this process, or an empty string. */
  readonly problem: string;
}

export function openEngine({ addon: file, program }: HostEngine): NativeEngine {
  let addon: NativeAddon;
  try {
    addon = createRequire(import.meta.url)(file) as NativeAddon;
  } catch (cause) {
    throw new MoegenError('native/cannot-load', 'the native engine was built, but does not load', {
      where: file,
      log: cause instanceof Error ? cause.message : String(cause),
      help:
        'Delete the file, so that it is built again; set MOEGEN_CACHE to a folder on a disk that is not mounted ' +
        'with noexec; or put another C++ compiler first on the PATH.',
      cause,
    });
  }
  if (addon.problem === '') return { run: (job) => addon.run({ ...job, program }) };
  throw new MoegenError('native/cannot-run', addon.problem, {
    where: file,
    help: 'Run in a new process, on a machine with the processor that kernels are compiled for.',
  });
}
