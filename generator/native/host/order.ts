// The check `order`: a job whose results change with the order in which threads run depends on luck.

import type { CheckReport, Job } from '../types.js';
import type { NativeAddon, NativeJob, NativeResult } from './addon.js';
import { NO_PADDING, type Padding } from './padding.js';
import { isExempt } from './request.js';

/** Orders that are tried beside the first one. */
const RUNS = 2;

/** The job with all buffers that kernels write among its outputs, after those that it asks for. */
export function withAllOutputs(request: NativeJob): NativeJob {
  const written = request.buffers.flatMap((buffer, index) => (buffer.writable ? [index] : []));
  return { ...request, outputs: [...request.outputs, ...written] };
}

/** Runs the job in other orders and compares the bits of all written buffers with `first`. */
export async function checkOrder(
  addon: NativeAddon,
  request: NativeJob,
  first: NativeResult,
  job: Job,
): Promise<CheckReport[]> {
  const found = new Map<number, CheckReport>();
  for (let run = 1; run <= RUNS; run += 1) {
    const again = await addon.run({ ...request, seed: request.seed + run, checks: 0, count: false });
    request.outputs.forEach((buffer, index) => {
      const spec = job.buffers[buffer];
      if (found.has(buffer) || (spec !== undefined && isExempt(spec, 'order'))) return;
      const padding = request.buffers[buffer] ?? NO_PADDING;
      const difference = firstDifference(first.outputs[index], again.outputs[index], padding);
      if (difference === undefined) return;
      found.set(buffer, orderReport(buffer, difference, request, job));
    });
  }
  return [...found.values()];
}

/** What lies in the padding of vectors of three is nobody's. */
export function firstDifference(
  a: Uint8Array | undefined,
  b: Uint8Array | undefined,
  { period, used }: Padding,
): number | undefined {
  if (!a || !b || Buffer.compare(a, b) === 0) return undefined;
  const place = a.findIndex((byte, index) => byte !== b[index] && index % period < used);
  return place < 0 ? undefined : place;
}

function orderReport(buffer: number, byte: number, request: NativeJob, job: Job): CheckReport {
  const last = request.dispatches.findLast(({ buffers }) =>
    buffers.some((binding) => binding.buffer === buffer && binding.writable),
  );
  const label = job.buffers[buffer]?.label;
  const name = label === undefined ? `the job's buffer ${buffer}` : `the job's buffer ${buffer} (${label})`;
  return {
    check: 'order',
    kernel: last?.kernel ?? '',
    message: `byte ${byte} of ${name} changes with the order in which threads run`,
    count: 1,
  };
}
