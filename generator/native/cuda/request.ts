// Turns a job into what the CUDA addon takes: kernels' parameters in their order, threadgroup arguments in shared memory.

import type { PtxLibrary } from '../../compile/ptx.js';
import type { KernelInfo } from '../../compile/types.js';
import { MoegenError } from '../../errors.js';
import type { NativeDispatch } from '../host/addon.js';
import { makeRequest, refuseParts } from '../host/request.js';
import type { Dispatch, Job } from '../types.js';
import type { CudaArgument, CudaDispatch, CudaJob } from './addon.js';

/** Refuses what cannot run, with the words of the host device. */
export function makeCudaJob(job: Job, libraryOf: (dispatch: Dispatch) => PtxLibrary): CudaJob {
  refuseParts(job);
  for (const dispatch of job.dispatches) refuseCutThreadgroups(dispatch);
  const libraries = job.dispatches.map(libraryOf);
  const request = makeRequest(job, {
    libraryOf: (dispatch) => ({ ...libraryOf(dispatch), instrumented: false }),
    threads: 1,
    lockstep: false,
  });
  return {
    buffers: job.buffers.map(({ byteLength, data }) => ({ byteLength, instances: [data ?? null] })),
    dispatches: request.dispatches.map((dispatch, position) => {
      const library = libraries[position];
      const kernel = library?.kernels.find(({ name }) => name === dispatch.kernel);
      if (!library || !kernel) throw new Error(`kernel '${dispatch.kernel}' disappeared`);
      return makeDispatch(dispatch, library, kernel);
    }),
    outputs: job.outputs,
    timeoutSeconds: request.timeoutSeconds,
  };
}

/** NVIDIA's blocks all have the same size. */
function refuseCutThreadgroups({ threads, threadsPerThreadgroup, kernel }: Dispatch): void {
  const isCut = threads?.some((count, axis) => count % (threadsPerThreadgroup[axis] ?? 1) !== 0) ?? false;
  if (!isCut) return;
  const sizes = `${threads?.join(' x ') ?? ''} threads are no whole threadgroups of ${threadsPerThreadgroup.join(' x ')}`;
  throw new MoegenError('native/cut-threadgroups', `${sizes}, which a GPU of NVIDIA needs`, {
    where: kernel,
    help: 'use --device host, or a grid of whole threadgroups',
  });
}

/** Parameters: an address for each buffer index up to the largest, then an offset for each threadgroup argument. */
function makeDispatch(dispatch: NativeDispatch, library: PtxLibrary, kernel: KernelInfo): CudaDispatch {
  const indices = kernel.parameters.filter(({ kind }) => kind === 'buffer').map(({ index }) => index);
  const buffers = Array.from({ length: Math.max(-1, ...indices) + 1 }, (_, index): CudaArgument => {
    const binding = dispatch.buffers.find((candidate) => candidate.index === index);
    return binding ? { buffer: binding.buffer, offset: binding.offset } : { buffer: -1, offset: 0 };
  });
  let sharedBytes = 0;
  const threadgroup = dispatch.threadgroupMemory.map(({ bytes }): CudaArgument => {
    const offset = sharedBytes;
    sharedBytes += bytes;
    return { offset };
  });
  return {
    module: library.path,
    symbol: kernel.symbol,
    arguments: [...buffers, ...threadgroup],
    sharedBytes,
    threadgroups: dispatch.threadgroups,
    threadsPerThreadgroup: dispatch.threadsPerThreadgroup,
    ...(dispatch.indirect && { indirect: dispatch.indirect }),
  };
}
