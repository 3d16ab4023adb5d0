// Someone else's kernel beside a stage of ours: what a job in the form of `moegen run` moves, and on a GPU how long it takes.

import { listKernels } from '../compile/front.js';
import type { Device, DispatchResult } from '../native/types.js';
import { readDeviceJob, type DeviceJob } from '../jobs/run.js';
import { canTime } from './timing.js';

interface RivalBuffer {
  readonly index: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface RivalReport {
  /** The job's file. */
  readonly job: string;
  readonly kernel: string;
  /** Bytes of device memory, without what the kernel declares as constant, as in our own stages. */
  readonly counted?: Omit<RivalBuffer, 'index'> & {
    readonly flops: number;
    readonly threadgroupBytes: number;
    readonly barriers: number;
    readonly buffers: readonly RivalBuffer[];
  };
  /** Median; the job's buffers stay in the cache where they fit. */
  readonly microseconds?: number;
}

/** Throws what `moegen run` does for the job. */
export async function runRival(device: Device, jobFile: string): Promise<RivalReport> {
  const deviceJob = await readDeviceJob(device, jobFile, { instrument: device.name === 'host' });
  const { kernel, job } = deviceJob;
  if (device.name === 'host') {
    const [result] = (await device.run({ ...job, count: true })).dispatches;
    return { job: jobFile, kernel, ...(await countedRival(deviceJob, result)) };
  }
  if (!canTime(device)) return { job: jobFile, kernel };
  const { buffers, dispatches } = job;
  const timing = await device.time({ buffers, stages: [{ name: kernel, dispatches }], copies: RIVAL_COPIES });
  return { job: jobFile, kernel, microseconds: timing.microseconds };
}

/** As many as hide what launching takes. */
const RIVAL_COPIES = 16;

async function countedRival(
  { kernel, load }: DeviceJob,
  result: DispatchResult | undefined,
): Promise<Pick<RivalReport, 'counted'>> {
  const counters = result?.counters;
  if (counters === undefined) return {};
  const { source, ...options } = load;
  const info = (await listKernels(source, options)).find(({ name }) => name === kernel);
  const constants = (info?.parameters ?? []).filter(
    ({ kind, text }) => kind === 'buffer' && /\bconstant\b/.test(text),
  );
  const buffers = counters.buffers
    .filter(({ index }) => constants.every((parameter) => parameter.index !== index))
    .map(({ index, bytesRead, bytesWritten }) => ({ index, bytesRead, bytesWritten }));
  const sum = (key: 'bytesRead' | 'bytesWritten') =>
    buffers.reduce((total, buffer) => total + buffer[key], 0);
  return {
    counted: {
      bytesRead: sum('bytesRead'),
      bytesWritten: sum('bytesWritten'),
      flops: counters.floatingPointOperations,
      threadgroupBytes: counters.threadgroupBytesRead + counters.threadgroupBytesWritten,
      barriers: counters.barriers,
      buffers,
    },
  };
}
