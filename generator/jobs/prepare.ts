// A job of a file, or of a program, as a device takes it: files read, names resolved, numbers encoded.

import path from 'node:path';
import { z } from 'zod';
import { MoegenError } from '../errors.js';
import type { BufferBinding, BufferSpec, Device, Dispatch, LoadRequest, Size3 } from '../native/types.js';
import { bufferContents, readBytes, type GivenBytes, type JobBufferContents } from './contents.js';
import { jobSchema, type JobDispatch, type JobSize, type RunJob } from './schema.js';

/** A kernel and the file that it is in. */
export interface PreparedDispatch {
  readonly load: Omit<LoadRequest, 'instrument'>;
  readonly dispatch: Omit<Dispatch, 'library'>;
}

export interface PreparedJob {
  readonly job: RunJob;
  readonly dispatches: readonly PreparedDispatch[];
  readonly buffers: readonly BufferSpec[];
  /** By key, in the order of `buffers`. */
  readonly contents: ReadonlyMap<string, JobBufferContents>;
}

export interface JobPlace {
  /** Relative paths start here. */
  readonly folder: string;
  /** For errors. */
  readonly where: string;
}

export async function prepareJob(
  job: RunJob,
  { folder, where }: JobPlace,
  given: GivenBytes = {},
): Promise<PreparedJob> {
  const unknown = Object.keys(given).find((key) => !(key in job.buffers));
  if (unknown !== undefined) throw noBuffer(unknown, job, `${where}: ${unknown}`);
  const entries = await Promise.all(
    Object.entries(job.buffers).map(async ([key, buffer]): Promise<[string, JobBufferContents]> => {
      const place = { folder, where: `${where}: buffers.${key}`, label: labelOf(key, job) };
      return [key, await bufferContents(buffer, given[key], place)];
    }),
  );
  const contents = new Map(entries);
  const positions = [...contents.keys()];
  for (const key of Object.keys(job.outputs ?? {})) {
    if (!contents.has(key)) throw unknownOutput(key, job, where);
  }
  return {
    job,
    contents,
    buffers: entries.map(([key, { byteLength, data }]): BufferSpec => {
      const { unchecked } = job.buffers[key] ?? {};
      return {
        byteLength,
        label: labelOf(key, job),
        ...(data !== undefined && { data }),
        ...(unchecked !== undefined && { exempt: unchecked }),
      };
    }),
    dispatches: dispatchesOf(job, where).map(({ at, ...each }): PreparedDispatch => {
      const find = (name: string | number): number => {
        const position = positions.indexOf(String(name));
        if (position < 0) throw noBuffer(String(name), job, at);
        return position;
      };
      return { load: loadOf(job, each, folder), dispatch: dispatchOf(each, find) };
    }),
  };
}

function labelOf(key: string, job: RunJob): string {
  return `buffer ${job.buffers[key]?.name ?? key}`;
}

type PlacedDispatch = JobDispatch & { readonly at: string };

/** The dispatches, or the one that the job itself is. */
function dispatchesOf(job: RunJob, where: string): PlacedDispatch[] {
  if (job.dispatches !== undefined) {
    return job.dispatches.map((each, index) => ({ ...each, at: `${where}: dispatches[${index}]` }));
  }
  const {
    kernel = '',
    constants,
    threadgroup_memory,
    threadgroups,
    threads,
    threads_per_threadgroup = 1,
  } = job;
  const own = Object.fromEntries(Object.keys(job.buffers).map((key) => [key, key]));
  for (const [index, { buffer }] of Object.entries(job.aliases ?? {})) {
    const isKnown = String(buffer) in job.buffers;
    if (isKnown && !(index in job.buffers)) continue;
    const message = isKnown
      ? `buffer ${index} is given twice`
      : `an alias names buffer ${buffer}, but there is no such buffer`;
    throw new MoegenError('run/bad-alias', message, {
      where: `${where}: aliases.${index}`,
      help: `buffers: ${Object.keys(job.buffers).join(', ')}`,
    });
  }
  const buffers = { ...own, ...job.aliases };
  return [
    {
      kernel,
      constants,
      threadgroup_memory,
      buffers,
      threadgroups,
      threads,
      threads_per_threadgroup,
      at: where,
    },
  ];
}

function loadOf(job: RunJob, { kernel, source }: JobDispatch, folder: string): PreparedDispatch['load'] {
  const file = source ?? job.source;
  return {
    source:
      file === undefined
        ? { path: path.resolve(folder, 'program.metal'), text: job.text ?? '' }
        : { path: path.resolve(folder, file) },
    kernels: [kernel],
    includeDirs: [job.include ?? []].flat().map((dir) => path.resolve(folder, dir)),
    defines: Object.fromEntries(
      Object.entries(job.defines ?? {}).map(([name, value]) => [name, defineText(value)]),
    ),
    ...(job.msl !== undefined && { mslVersion: job.msl }),
  };
}

function dispatchOf(
  each: JobDispatch,
  find: (name: string | number) => number,
): PreparedDispatch['dispatch'] {
  const place = (
    given: string | number | { buffer: string | number; offset?: number | undefined },
  ): BufferBinding =>
    typeof given === 'object'
      ? { buffer: find(given.buffer), ...(given.offset !== undefined && { offset: given.offset }) }
      : { buffer: find(given) };
  const { threadgroups = 1, threads } = each;
  const threadsPerThreadgroup = size3(each.threads_per_threadgroup);
  const common = {
    kernel: each.kernel,
    constants: each.constants ?? {},
    buffers: Object.fromEntries(Object.entries(each.buffers).map(([index, given]) => [index, place(given)])),
    threadgroupMemory: each.threadgroup_memory ?? {},
    threadsPerThreadgroup,
  };
  if (threads !== undefined) {
    const grid = size3(threads);
    const count = (axis: 0 | 1 | 2): number => Math.ceil(grid[axis] / threadsPerThreadgroup[axis]);
    return { ...common, threads: grid, threadgroups: [count(0), count(1), count(2)] };
  }
  const isIndirect = typeof threadgroups === 'object' && 'buffer' in threadgroups;
  return { ...common, threadgroups: isIndirect ? { indirect: place(threadgroups) } : size3(threadgroups) };
}

function size3(given: JobSize): Size3 {
  const [x = 1, y = 1, z = 1] = typeof given === 'number' ? [given] : given;
  return [x, y, z];
}

function defineText(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
}

function noBuffer(name: string, job: RunJob, where: string): MoegenError {
  return new MoegenError('run/unknown-buffer', `there is no buffer ${name}`, {
    where,
    help: `buffers: ${Object.keys(job.buffers).join(', ')}`,
  });
}

function unknownOutput(name: string, job: RunJob, where: string): MoegenError {
  return new MoegenError('run/unknown-output', `outputs names buffer ${name}, but there is no such buffer`, {
    where: `${where}: outputs.${name}`,
    help: `buffers: ${Object.keys(job.buffers).join(', ')}`,
  });
}

/** Each program is loaded once, however many of its kernels run. */
export async function loadDispatches(
  device: Device,
  dispatches: readonly PreparedDispatch[],
  instrument: boolean,
): Promise<Dispatch[]> {
  const keyOf = (load: PreparedDispatch['load']): string => JSON.stringify(load.source);
  const kernels = new Map<string, Set<string>>();
  for (const { load } of dispatches) {
    const known = kernels.get(keyOf(load)) ?? new Set();
    for (const kernel of load.kernels ?? []) known.add(kernel);
    kernels.set(keyOf(load), known);
  }
  const libraries = new Map<string, ReturnType<Device['load']>>();
  return Promise.all(
    dispatches.map(async ({ load, dispatch }) => {
      const key = keyOf(load);
      const wanted = { ...load, kernels: [...(kernels.get(key) ?? [])], instrument };
      const library = libraries.get(key) ?? device.load(wanted);
      libraries.set(key, library);
      return { ...dispatch, library: await library };
    }),
  );
}

export async function readJobFile(file: string): Promise<RunJob> {
  return parseJob(await readJson(file), file);
}

/** JSON with or without a byte order mark. */
export async function readJson(file: string): Promise<unknown> {
  const text = Buffer.from(await readBytes(file, 'a job file')).toString('utf8');
  try {
    return withinStack(() => JSON.parse(text.replace(/^\uFEFF/, '')) as unknown, file);
  } catch (cause) {
    if (cause instanceof MoegenError) throw cause;
    throw new MoegenError(
      'run/job-syntax',
      `a job must be JSON: ${cause instanceof Error ? cause.message : ''}`,
      {
        where: file,
        cause,
      },
    );
  }
}

export function parseJob(json: unknown, where: string): RunJob {
  return parseWith(jobSchema, json, where);
}

/** Lists in lists have no end that a schema could name. */
function withinStack<Result>(parse: () => Result, where: string): Result {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new MoegenError('run/deep-job', 'expected lists and records that are nested less deeply', {
      where,
    });
  }
}

export function parseWith<Output>(schema: z.ZodType<Output>, json: unknown, where: string): Output {
  const parsed = withinStack(() => schema.safeParse(json), where);
  if (parsed.success) return parsed.data;
  throw new MoegenError('run/invalid-job', `the job is not valid:\n${z.prettifyError(parsed.error)}`, {
    where,
    help: 'docs/any-metal.md and schemas/job.schema.json say what a job has',
  });
}
