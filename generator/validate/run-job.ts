// Runs one kernel of any Metal file as a JSON job describes it: buffers from files, fill values or hexadecimal bytes in, files
// and a report out.

import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { MoegenError } from '../errors.js';
import {
  CHECKS,
  type BufferBinding,
  type BufferSpec,
  type Check,
  type CheckReport,
  type Device,
  type DispatchResult,
  type JobResult,
  type LoadRequest,
} from '../native/types.js';
import { ELEMENT_TYPES, type ElementType } from '../spec/dtypes.js';
import { encodeElements } from './elements.js';

const elementNames = Object.keys(ELEMENT_TYPES) as [ElementType, ...ElementType[]];
const indexKey = z.string().regex(/^\d+$/, 'an index is a whole number');
const scalar = z.union([z.number(), z.boolean()]);
const size3 = z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]);

const bufferSchema = z
  .strictObject({
    dtype: z.enum(elementNames),
    shape: z.array(z.int().nonnegative()),
    file: z.string().optional(),
    fill: z.number().optional(),
    hex: z
      .string()
      .regex(/^([0-9a-fA-F]{2}|\s)*$/, 'pairs of hexadecimal digits')
      .optional(),
  })
  .refine(
    ({ file, fill, hex }) => [file, fill, hex].filter((source) => source !== undefined).length <= 1,
    'at most one of file, fill and hex',
  );

const jobSchema = z.strictObject({
  source: z.string(),
  include: z.union([z.string(), z.array(z.string())]).optional(),
  defines: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  kernel: z.string(),
  constants: z.record(indexKey, z.union([scalar, z.array(scalar).min(2).max(4)])).optional(),
  buffers: z.record(indexKey, bufferSchema),
  aliases: z
    .record(
      indexKey,
      z.strictObject({ buffer: z.int().nonnegative(), offset: z.int().nonnegative().optional() }),
    )
    .optional(),
  threadgroup_memory: z.record(indexKey, z.int().nonnegative()).optional(),
  threadgroups: size3,
  threads_per_threadgroup: size3,
  outputs: z.record(indexKey, z.string()),
  counters: z.boolean().optional(),
  checks: z.union([z.enum(['none', 'all']), z.array(z.enum(CHECKS))]).optional(),
  seed: z.int().nonnegative().optional(),
  timeout_seconds: z.number().positive().optional(),
});

type RunJob = z.infer<typeof jobSchema>;

export interface RunJobResult {
  readonly kernel: string;
  readonly device: string;
  /** Of the kernel alone, not slowed down by counters and checks. Null where checks found something. */
  readonly seconds: number | null;
  readonly threadgroups: number;
  readonly counters: DispatchResult['counters'] | null;
  readonly reports: readonly CheckReport[];
  /** Files written, by buffer index. */
  readonly outputs: Readonly<Record<string, string>>;
}

export async function runJob(device: Device, jobFile: string): Promise<RunJobResult> {
  const job = await readJob(jobFile);
  const folder = path.dirname(path.resolve(jobFile));
  const checks = job.checks === 'all' ? CHECKS : job.checks === 'none' ? [] : (job.checks ?? []);
  const count = job.counters ?? true;
  const prepared = await prepare(job, folder, jobFile);
  // Watching is part of the compiled kernel on the host alone.
  const watched =
    count || checks.length > 0 || device.name !== 'host'
      ? await execute(device, prepared, { instrument: true, checks, count })
      : undefined;
  const faulty = watched !== undefined && watched.reports.length > 0;
  const plain =
    device.name === 'host' && !faulty
      ? await execute(device, prepared, { instrument: false, checks: [], count: false })
      : undefined;
  const result = plain ?? watched;
  await Promise.all(
    Object.values(job.outputs).map((file, position) =>
      writeOutput(path.resolve(folder, file), result?.outputs[position] ?? new Uint8Array()),
    ),
  );
  return {
    kernel: job.kernel,
    device: device.name,
    seconds: faulty ? null : (result?.dispatches[0]?.seconds ?? 0),
    threadgroups: result?.dispatches[0]?.threadgroups ?? 0,
    counters: watched?.dispatches[0]?.counters ?? null,
    reports: watched?.reports ?? [],
    outputs: job.outputs,
  };
}

/** A job with its files read and its names resolved. */
interface PreparedJob {
  readonly job: RunJob;
  readonly load: Omit<LoadRequest, 'instrument'>;
  readonly bindings: Readonly<Record<number, BufferBinding>>;
  readonly buffers: readonly BufferSpec[];
  readonly outputs: readonly number[];
}

async function prepare(job: RunJob, folder: string, jobFile: string): Promise<PreparedJob> {
  const indices = Object.keys(job.buffers);
  return {
    job,
    load: {
      source: { path: path.resolve(folder, job.source) },
      kernels: [job.kernel],
      includeDirs: [job.include ?? []].flat().map((dir) => path.resolve(folder, dir)),
      defines: Object.fromEntries(
        Object.entries(job.defines ?? {}).map(([name, value]) => [name, defineText(value)]),
      ),
    },
    bindings: bindingsOf(job, indices, jobFile),
    buffers: await Promise.all(indices.map((index) => toBuffer(job, index, folder, jobFile))),
    outputs: Object.keys(job.outputs).map((index) => positionOf(indices, index, jobFile)),
  };
}

/** What the kernel knows its buffers by, also a second index for a part of one. */
function bindingsOf(job: RunJob, indices: readonly string[], where: string): Record<number, BufferBinding> {
  const bindings: Record<number, BufferBinding> = Object.fromEntries(
    indices.map((index, buffer) => [index, { buffer }]),
  );
  for (const [index, { buffer, offset = 0 }] of Object.entries(job.aliases ?? {})) {
    const position = indices.indexOf(String(buffer));
    if (position < 0 || index in job.buffers) {
      const message =
        position < 0
          ? `an alias names buffer ${buffer}, but there is no such buffer`
          : `buffer ${index} is given twice`;
      throw new MoegenError('run/bad-alias', message, {
        where: `${where}: aliases.${index}`,
        help: `buffers: ${indices.join(', ')}`,
      });
    }
    bindings[Number(index)] = { buffer: position, offset };
  }
  return bindings;
}

async function execute(
  device: Device,
  { job, load, bindings, buffers, outputs }: PreparedJob,
  { instrument, checks, count }: { instrument: boolean; checks: readonly Check[]; count: boolean },
): Promise<JobResult> {
  return device.run({
    buffers,
    dispatches: [
      {
        library: await device.load({ ...load, instrument }),
        kernel: job.kernel,
        constants: job.constants ?? {},
        buffers: bindings,
        threadgroupMemory: job.threadgroup_memory ?? {},
        threadgroups: job.threadgroups,
        threadsPerThreadgroup: job.threads_per_threadgroup,
      },
    ],
    outputs,
    checks,
    count,
    ...(job.seed !== undefined && { seed: job.seed }),
    ...(job.timeout_seconds !== undefined && { timeoutSeconds: job.timeout_seconds }),
  });
}

async function readJob(file: string): Promise<RunJob> {
  const text = await readBytes(file, 'a job file');
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(text).toString('utf8'));
  } catch (cause) {
    throw new MoegenError(
      'run/job-syntax',
      `a job must be JSON: ${cause instanceof Error ? cause.message : ''}`,
      {
        where: file,
        cause,
      },
    );
  }
  const parsed = jobSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new MoegenError('run/invalid-job', `the job is not valid:\n${z.prettifyError(parsed.error)}`, {
    where: file,
    help: 'see the README for the keys of a job',
  });
}

function defineText(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
}

function positionOf(indices: readonly string[], index: string, where: string): number {
  const position = indices.indexOf(index);
  if (position >= 0) return position;
  throw new MoegenError('run/unknown-output', `outputs names buffer ${index}, but there is no such buffer`, {
    where: `${where}: outputs.${index}`,
    help: `buffers: ${indices.join(', ')}`,
  });
}

async function toBuffer(job: RunJob, index: string, folder: string, where: string): Promise<BufferSpec> {
  const buffer = job.buffers[index];
  if (buffer === undefined) throw new Error(`buffer ${index} disappeared`);
  const count = buffer.shape.reduce((product, extent) => product * extent, 1);
  const byteLength = count * ELEMENT_TYPES[buffer.dtype].bytes;
  const data = await bufferData(buffer, count, folder);
  if (data !== undefined && data.byteLength !== byteLength) {
    throw new MoegenError(
      'run/wrong-size',
      `buffer ${index} is ${buffer.dtype} [${buffer.shape.join(', ')}], ${byteLength} bytes, but ${data.byteLength} bytes were given`,
      { where: `${where}: buffers.${index}`, help: 'make shape and contents agree' },
    );
  }
  return { byteLength, label: `buffer ${index}`, ...(data !== undefined && { data }) };
}

async function bufferData(
  { dtype, file, fill, hex }: RunJob['buffers'][string],
  count: number,
  folder: string,
): Promise<Uint8Array | undefined> {
  if (file !== undefined) return readBytes(path.resolve(folder, file), 'a file of buffer contents');
  if (hex !== undefined) return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
  if (fill !== undefined) return encodeElements(dtype, new Float64Array(count).fill(fill));
  return undefined;
}

async function readBytes(file: string, what: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new MoegenError('run/unreadable', `expected ${what} that can be read`, { where: file, cause });
  }
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
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, file);
  } catch (cause) {
    throw new MoegenError('run/unwritable', 'the output could not be written', { where: file, cause });
  }
}
