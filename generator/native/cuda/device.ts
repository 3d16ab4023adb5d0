// Turns the CUDA addon into the device contract: compiles each kernel for the constants it is run with, refuses what a GPU
// cannot do, and gives errors their codes.

import type { PtxLibrary } from '../../compile/ptx.js';
import { MoegenError } from '../../errors.js';
import { unknownKernel } from '../host/request.js';
import type { Device, Dispatch, Job, JobResult, LoadedLibrary, LoadRequest } from '../types.js';
import type { CudaAddon } from './addon.js';
import type { Programs } from './programs.js';
import { makeCudaJob } from './request.js';
import {
  bandwidthOf,
  makeTimingJob,
  measure,
  READ_KERNEL,
  readingJob,
  type Timing,
  type TimingJob,
} from './timing.js';

export interface CudaDevice extends Device {
  /**
   * Measures dispatches: all of them, and each stage, are captured into graphs that are launched many times. They run once
   * one by one before, which fills what later ones read and tells indirect grids; these grids then stay.
   */
  time(job: TimingJob): Promise<Timing>;
}

interface CudaLibrary extends LoadedLibrary {
  readonly device: 'cuda';
  readonly request: LoadRequest;
}

export function cudaDevice(addon: CudaAddon, programs: Programs): CudaDevice {
  async function load(request: LoadRequest): Promise<CudaLibrary> {
    if (request.instrument === true) throw unsupported();
    const kernels = await programs.kernelsOf(request);
    const missing = request.kernels?.find((name) => !kernels.includes(name));
    if (missing !== undefined) throw unknownKernel(missing, kernels);
    return { device: 'cuda', kernels, request };
  }

  /** Compiles all that is dispatched. */
  async function librariesOf(dispatches: readonly Dispatch[]): Promise<(dispatch: Dispatch) => PtxLibrary> {
    const entries = dispatches.map(async (dispatch) => {
      const { request, kernels } = cudaLibrary(dispatch);
      const { kernel, constants = {} } = dispatch;
      if (!kernels.includes(kernel)) throw unknownKernel(kernel, kernels);
      return [dispatch, await programs.compile({ load: request, kernel, constants })] as const;
    });
    const libraries = new Map(await Promise.all(entries));
    return (dispatch) => {
      const library = libraries.get(dispatch);
      if (!library) throw new Error(`kernel '${dispatch.kernel}' was not compiled`);
      return library;
    };
  }

  async function run(job: Job): Promise<JobResult> {
    if (job.count === true || (job.checks ?? []).length > 0) throw unsupported();
    const cudaJob = makeCudaJob(job, await librariesOf(job.dispatches));
    const result = await translated(addon.run(cudaJob));
    return {
      outputs: result.outputs,
      dispatches: result.dispatches.map((done, position) => ({
        kernel: job.dispatches[position]?.kernel ?? '',
        ...done,
      })),
      reports: [],
    };
  }

  async function time(job: TimingJob): Promise<Timing> {
    const library = await load({ source: READ_KERNEL.source });
    const request = { load: library.request, kernel: READ_KERNEL.name, constants: {} };
    const reader = await programs.compile(request);
    const libraryOf = await librariesOf(job.stages.flatMap((stage) => stage.dispatches));
    const timed = makeTimingJob({ ...job, libraryOf }, addon.l2Bytes());
    const names = job.stages.map((stage) => stage.name);
    const reading = makeTimingJob(readingJob(reader, { library }), addon.l2Bytes());
    const readBandwidth = bandwidthOf(await translated(measure(addon, reading, ['read'])));
    return { ...(await translated(measure(addon, timed, names))), readBandwidth };
  }

  return {
    name: 'cuda',
    describe: () => Promise.resolve(`${addon.describe()}; kernels ${programs.origin}`),
    load,
    run,
    time,
  };
}

function cudaLibrary({ kernel, library }: Dispatch): CudaLibrary {
  if (library.device === 'cuda') return library as CudaLibrary;
  throw new MoegenError('native/wrong-device', `the kernel '${kernel}' was loaded for ${library.device}`, {
    help: 'Load its source with the CUDA device.',
  });
}

function unsupported(): MoegenError {
  return new MoegenError(
    'native/unsupported-on-cuda',
    'a GPU does not run kernels with checks and counters',
    {
      help: 'use --device host for checks and counters',
    },
  );
}

const HELP: Readonly<Record<string, string>> = {
  'misaligned-address': 'It reads or writes a vector at no multiple of its size: add --alignment component.',
  'kernel-crashed': 'Run it with --device host --checks bounds, which names the line.',
  'kernel-timed-out': 'A loop may not end, or the work needs a higher time limit (timeoutSeconds).',
  'too-many-threadgroups': 'Put the large count into x.',
  'bad-threads': 'Use smaller threadgroups, or say [[max_total_threads_per_threadgroup(n)]].',
  'out-of-memory': 'Run a smaller problem.',
};

/** The addon's errors as ours; a `code` is what tells them from bugs. */
async function translated<Value>(promise: Promise<Value>): Promise<Value> {
  try {
    return await promise;
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause) || typeof cause.code !== 'string') throw cause;
    const log = 'log' in cause && typeof cause.log === 'string' && cause.log !== '' ? { log: cause.log } : {};
    const help = HELP[cause.code];
    throw new MoegenError(`native/${cause.code}`, cause.message, {
      kind: cause.code.startsWith('kernel-') || cause.code === 'misaligned-address' ? 'answer' : 'usage',
      ...log,
      ...(help === undefined ? {} : { help }),
      cause,
    });
  }
}
