// Measures dispatches on a GPU: what a caller says, in the words of the addon, and what came out, as medians.

import type { PtxLibrary } from '../../compile/ptx.js';
import { MoegenError } from '../../errors.js';
import type { BufferSpec, Dispatch } from '../types.js';
import type { CudaAddon, CudaTimingJob } from './addon.js';
import { makeCudaJob } from './request.js';

interface TimedBuffer extends BufferSpec {
  /**
   * Each copy of the dispatches has an instance of its own: weights that no cache holds, inputs that choose other experts,
   * and what is written in between. With contents given, copy i has those at i modulo their number; else `data`.
   */
  readonly instances?: 'own' | readonly Uint8Array[];
}

interface Stage {
  readonly name: string;
  readonly dispatches: readonly Dispatch[];
}

export interface TimingJob {
  /** Dispatches name these by position. */
  readonly buffers: readonly TimedBuffer[];
  readonly stages: readonly Stage[];
  /** How often the dispatches stand in a graph, one after the other; 1 by default. */
  readonly copies?: number;
  /** How often each graph is launched, after three times that do not count; 20 by default. */
  readonly repetitions?: number;
  /** Overwrite as much memory as the cache holds before each launch; counts for graphs of one copy. */
  readonly flush?: boolean;
  /** Of one launch; 60 by default. */
  readonly timeoutSeconds?: number;
}

export interface Timing {
  /** Median time of all stages together in microseconds, once through. */
  readonly microseconds: number;
  /** The same for each stage alone. Launching a graph is part of it: about as much for one dispatch as for many. */
  readonly stages: readonly { readonly name: string; readonly microseconds: number }[];
  /** Bytes per second of a kernel that only reads, measured just before. */
  readonly readBandwidth: number;
}

const DEFAULT_REPETITIONS = 20;

export interface TimingRequest extends TimingJob {
  readonly libraryOf: (dispatch: Dispatch) => PtxLibrary;
}

/** What the addon takes. */
export function makeTimingJob(
  { buffers, stages, libraryOf, ...options }: TimingRequest,
  l2Bytes: number,
): CudaTimingJob {
  const { copies = 1, repetitions = DEFAULT_REPETITIONS, flush = false, timeoutSeconds } = options;
  for (const [name, count] of Object.entries({ copies, repetitions })) {
    if (Number.isInteger(count) && count >= 1) continue;
    throw new MoegenError('native/bad-timing', `${name} is a whole number from 1 on, not ${count}`);
  }
  const dispatches = stages.flatMap((stage) => stage.dispatches);
  const limit = timeoutSeconds === undefined ? {} : { timeoutSeconds };
  const job = makeCudaJob({ buffers, dispatches, outputs: [], ...limit }, libraryOf);
  let begin = 0;
  return {
    ...job,
    buffers: buffers.map((buffer, position) => ({
      byteLength: buffer.byteLength,
      instances: instancesOf(buffer, copies, position),
    })),
    stages: stages.map((stage) => {
      const first = begin;
      begin += stage.dispatches.length;
      return [first, begin];
    }),
    copies,
    repetitions,
    flushBytes: flush ? 2 * l2Bytes : 0,
  };
}

function instancesOf(buffer: TimedBuffer, copies: number, position: number): (Uint8Array | null)[] {
  const { instances, data = null, byteLength, label = `buffers[${position}]` } = buffer;
  if (instances === undefined) return [data];
  if (instances === 'own') return Array<Uint8Array | null>(copies).fill(data);
  const wrong = instances.find((contents) => contents.byteLength !== byteLength);
  if (instances.length > 0 && wrong === undefined) {
    return Array.from({ length: copies }, (_, copy) => instances[copy % instances.length] ?? null);
  }
  const given = wrong === undefined ? 'no contents at all' : `contents of ${wrong.byteLength} bytes`;
  throw new MoegenError('native/bad-buffer', `expected contents of ${byteLength} bytes, got ${given}`, {
    where: label,
  });
}

export async function measure(
  addon: CudaAddon,
  job: CudaTimingJob,
  names: readonly string[],
): Promise<Omit<Timing, 'readBandwidth'>> {
  const { whole, stages } = await addon.time(job);
  return {
    microseconds: median(whole),
    stages: names.map((name, position) => ({ name, microseconds: median(stages[position] ?? []) })),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [below = 0, above = 0] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (below + above) / 2;
}

// Each thread reads 16 neighbouring bytes at a time, as its neighbours do; what it finds decides whether it writes, so that
// nothing of it may be left out.
const READ_TEXT = `#include <metal_stdlib>
using namespace metal;
kernel void moe_read(device const uint4* input [[buffer(0)]], device uint* found [[buffer(1)]],
                     constant uint& count [[buffer(2)]], uint thread_index [[thread_position_in_grid]],
                     uint num_threads [[threads_per_grid]]) {
  uint4 all = uint4(0);
  for (uint i = thread_index; i < count; i += 4 * num_threads) {
    const uint4 a = input[i];
    const uint4 b = input[min(i + num_threads, count - 1)];
    const uint4 c = input[min(i + 2 * num_threads, count - 1)];
    const uint4 d = input[min(i + 3 * num_threads, count - 1)];
    all |= a | b | c | d;
  }
  if ((all.x | all.y | all.z | all.w) == 0x12345678u) {
    found[0] = 1;
  }
}
`;

const READ_BYTES = 2 ** 30;
const READ_GROUPS = 132 * 16;
const READ_THREADS = 512;

/** A kernel that reads a gigabyte and does nothing else. */
export const READ_KERNEL = { name: 'moe_read', source: { path: 'moe_read.metal', text: READ_TEXT } };

export function readingJob(library: PtxLibrary, dispatch: Pick<Dispatch, 'library'>): TimingRequest {
  const count = new Uint8Array(Uint32Array.of(READ_BYTES / 16).buffer);
  const reading: Dispatch = {
    ...dispatch,
    kernel: READ_KERNEL.name,
    buffers: { 0: { buffer: 0 }, 1: { buffer: 1 }, 2: { buffer: 2 } },
    threadgroups: [READ_GROUPS, 1, 1],
    threadsPerThreadgroup: [READ_THREADS, 1, 1],
  };
  return {
    buffers: [{ byteLength: READ_BYTES }, { byteLength: 4 }, { byteLength: 4, data: count }],
    stages: [{ name: 'read', dispatches: [reading] }],
    libraryOf: () => library,
  };
}

export function bandwidthOf({ microseconds }: Pick<Timing, 'microseconds'>): number {
  return (READ_BYTES / microseconds) * 1e6;
}
