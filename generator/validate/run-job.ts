// Runs one kernel of any Metal file as a JSON job describes it: buffers from files, fill values or hexadecimal bytes in, files
// and a report out.

import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { MoegenError } from '../errors.js';
import {
  CHECKS,
  type BufferSpec,
  type Device,
  type DispatchResult,
  type CheckReport,
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
  threadgroup_memory: z.record(indexKey, z.int().positive()).optional(),
  threadgroups: size3,
  threads_per_threadgroup: size3,
  outputs: z.record(indexKey, z.string()),
  checks: z.union([z.enum(['none', 'all']), z.array(z.enum(CHECKS))]).optional(),
  seed: z.int().nonnegative().optional(),
  timeout_seconds: z.number().positive().optional(),
});

type RunJob = z.infer<typeof jobSchema>;

export interface RunJobResult {
  readonly kernel: string;
  readonly device: string;
  readonly seconds: number;
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
  const library = await device.load({
    source: { path: path.resolve(folder, job.source) },
    includeDirs: [job.include ?? []].flat().map((dir) => path.resolve(folder, dir)),
    defines: Object.fromEntries(
      Object.entries(job.defines ?? {}).map(([name, value]) => [name, defineText(value)]),
    ),
    instrument: true,
  });
  const indices = Object.keys(job.buffers);
  const outputs = Object.keys(job.outputs).map((index) => positionOf(indices, index, jobFile));
  const result = await device.run({
    buffers: await Promise.all(indices.map((index) => toBuffer(job, index, folder, jobFile))),
    dispatches: [
      {
        library,
        kernel: job.kernel,
        constants: job.constants ?? {},
        buffers: Object.fromEntries(indices.map((index, buffer) => [index, { buffer }])),
        threadgroupMemory: job.threadgroup_memory ?? {},
        threadgroups: job.threadgroups,
        threadsPerThreadgroup: job.threads_per_threadgroup,
      },
    ],
    outputs,
    checks,
    count: true,
    ...(job.seed !== undefined && { seed: job.seed }),
    ...(job.timeout_seconds !== undefined && { timeoutSeconds: job.timeout_seconds }),
  });
  await Promise.all(
    Object.values(job.outputs).map((file, position) =>
      writeOutput(path.resolve(folder, file), result.outputs[position] ?? new Uint8Array()),
    ),
  );
  const [dispatch] = result.dispatches;
  return {
    kernel: job.kernel,
    device: device.name,
    seconds: dispatch?.seconds ?? 0,
    threadgroups: dispatch?.threadgroups ?? 0,
    counters: dispatch?.counters ?? null,
    reports: result.reports,
    outputs: job.outputs,
  };
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
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, file);
  } catch (cause) {
    throw new MoegenError('run/unwritable', 'the output could not be written', { where: file, cause });
  }
}
