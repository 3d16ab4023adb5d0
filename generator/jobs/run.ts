// Runs the kernels of a job: buffers from files, values or arrays in, files and a report out.

import { rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MoegenError } from '../errors.js';
import { removeWhenStopped } from '../stopping.js';
import {
  CHECKS,
  type Check,
  type CheckReport,
  type Device,
  type DispatchResult,
  type Job,
  type JobResult,
  type LoadRequest,
  type Subnormals,
} from '../native/types.js';
import { loadDispatches, prepareJob, readJobFile, type PreparedJob } from './prepare.js';

export interface RunJobResult {
  /** Names of all kernels, in order. */
  readonly kernel: string;
  readonly device: string;
  /** Of the kernels alone, not slowed down by counters and checks. Null where checks found something. */
  readonly seconds: number | null;
  readonly threadgroups: number;
  /** Bytes that a kernel takes, arguments and variables together; null from devices that do not tell. */
  readonly threadgroupMemory: number | null;
  /** Of the one dispatch; of several each has its own. */
  readonly counters: DispatchResult['counters'] | null;
  /** Where the job has several. */
  readonly dispatches?: readonly JobDispatchResult[];
  readonly reports: readonly CheckReport[];
  /** Kernels could open no files, start no processes and reach no network; null from devices that are no processor. */
  readonly confined: boolean | null;
  /** Files written, by buffer. */
  readonly outputs: Readonly<Record<string, string>>;
}

interface JobDispatchResult extends Pick<RunJobResult, 'kernel' | 'seconds' | 'threadgroups'> {
  readonly threadgroupMemory: number | null;
  readonly counters: DispatchResult['counters'] | null;
}

/** `subnormals` goes before what the job says, `allow` is added to it. */
export async function runJob(
  device: Device,
  jobFile: string,
  {
    subnormals,
    allow = [],
  }: { readonly subnormals?: Subnormals | undefined; readonly allow?: readonly Check[] } = {},
): Promise<RunJobResult> {
  const read = await readJobFile(jobFile);
  const job = {
    ...read,
    subnormals: subnormals ?? read.subnormals,
    allow: [...(read.allow ?? []), ...allow],
  };
  const folder = path.dirname(path.resolve(jobFile));
  const outputs = job.outputs ?? {};
  const prepared = await prepareJob(job, { folder, where: jobFile });
  const { result, contents } = await runPrepared(device, prepared, Object.keys(outputs));
  await Promise.all(
    Object.entries(outputs).map(([key, file]) =>
      writeOutput(path.resolve(folder, file), contents.get(key) ?? new Uint8Array()),
    ),
  );
  return { ...result, outputs };
}

export interface RunOutcome {
  readonly result: Omit<RunJobResult, 'outputs'>;
  /** Of the buffers that were asked for, by key. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

/** Runs once watched, where counters or checks are wanted, and once alone. */
export async function runPrepared(
  device: Device,
  prepared: PreparedJob,
  wanted: readonly string[],
): Promise<RunOutcome> {
  const { job } = prepared;
  const asked = job.checks === 'all' ? CHECKS : job.checks === 'none' ? [] : (job.checks ?? []);
  const checks = asked.filter((check) => job.allow?.includes(check) !== true);
  // Watching is part of the compiled kernel on the host alone: other devices refuse it where it is asked for.
  const isHost = device.name === 'host';
  const count = job.counters ?? isHost;
  const keys = [...prepared.contents.keys()];
  const outputs = wanted.map((key) => keys.indexOf(key));
  const execute = async (watching: Watching): Promise<JobResult> =>
    device.run({ ...(await deviceJob(device, prepared, watching)), outputs });
  const isWatched = count || checks.length > 0;
  const watched = isWatched ? await execute({ instrument: true, checks, count }) : undefined;
  const faulty = watched !== undefined && watched.reports.length > 0;
  const isPlain = watched === undefined || (isHost && !faulty);
  const plain = isPlain ? await execute({ instrument: false, checks: [], count: false }) : undefined;
  const done = plain ?? watched;
  const dispatches = (done?.dispatches ?? []).map((each, index): JobDispatchResult => {
    return {
      kernel: each.kernel,
      seconds: faulty ? null : each.seconds,
      threadgroups: each.threadgroups,
      threadgroupMemory: each.threadgroupMemory ?? null,
      counters: watched?.dispatches[index]?.counters ?? null,
    };
  });
  return {
    result: {
      ...summary(dispatches),
      device: device.name,
      reports: watched?.reports ?? [],
      confined: done?.isConfined ?? null,
    },
    contents: new Map(wanted.map((key, index) => [key, done?.outputs[index] ?? new Uint8Array()])),
  };
}

function summary(
  dispatches: readonly JobDispatchResult[],
): Omit<RunJobResult, 'outputs' | 'device' | 'reports' | 'confined'> {
  const [first] = dispatches;
  if (dispatches.length === 1 && first !== undefined) return first;
  const memory = dispatches.flatMap(({ threadgroupMemory }) => threadgroupMemory ?? []);
  const isTimed = dispatches.every(({ seconds }) => seconds !== null);
  return {
    kernel: dispatches.map(({ kernel }) => kernel).join(', '),
    seconds: isTimed ? dispatches.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0) : null,
    threadgroups: dispatches.reduce((sum, { threadgroups }) => sum + threadgroups, 0),
    threadgroupMemory: memory.length > 0 ? Math.max(...memory) : null,
    counters: null,
    dispatches,
  };
}

/** A job of a file as a device takes it. */
export interface DeviceJob {
  readonly kernel: string;
  readonly load: Omit<LoadRequest, 'instrument'>;
  readonly job: Job;
}

/** The first dispatch of a job, without checks and counters. Throws what `runJob` does before anything runs. */
export async function readDeviceJob(
  device: Device,
  jobFile: string,
  { instrument }: { readonly instrument: boolean },
): Promise<DeviceJob> {
  const folder = path.dirname(path.resolve(jobFile));
  const prepared = await prepareJob(await readJobFile(jobFile), { folder, where: jobFile });
  const [first] = prepared.dispatches;
  if (first === undefined || prepared.dispatches.length > 1) {
    throw new MoegenError('run/several-dispatches', 'expected a job of one kernel', { where: jobFile });
  }
  const job = await deviceJob(device, prepared, { instrument, checks: [], count: false });
  return { kernel: first.dispatch.kernel, load: first.load, job };
}

interface Watching {
  readonly instrument: boolean;
  readonly checks: readonly Check[];
  readonly count: boolean;
}

async function deviceJob(
  device: Device,
  { job, dispatches, buffers }: PreparedJob,
  { instrument, checks, count }: Watching,
): Promise<Job> {
  const keys = Object.keys(job.buffers);
  return {
    buffers,
    dispatches: await loadDispatches(device, dispatches, instrument),
    outputs: Object.keys(job.outputs ?? {}).map((key) => keys.indexOf(key)),
    checks,
    count,
    ...(job.seed !== undefined && { seed: job.seed }),
    ...(job.subnormals !== undefined && { subnormals: job.subnormals }),
    ...(job.timeout_seconds !== undefined && { timeoutSeconds: job.timeout_seconds }),
  };
}

/** Whole or not at all: what stands under the name is never half a result. */
async function writeOutput(file: string, bytes: Uint8Array): Promise<void> {
  // A device or a pipe is written to, not replaced.
  const target = await stat(file).catch(() => undefined);
  if (target !== undefined && !target.isFile()) {
    await writeFile(file, bytes).catch((cause: unknown) => {
      throw new MoegenError('run/unwritable', 'the output could not be written', { where: file, cause });
    });
    return;
  }
  const temporary = `${file}.${process.pid}.tmp`;
  const release = removeWhenStopped(temporary);
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new MoegenError('run/unwritable', 'the output could not be written', { where: file, cause });
  } finally {
    release();
  }
}
