// Runs a host program that speaks to a stand-in for a GPU, such as native/metal-cpp: its jobs come in on file descriptor 3, are run on
// a device, and once their buffers' files hold the results, a line on descriptor 4 lets the program go on.

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { MoegenError } from '../errors.js';
import { whenStopped } from '../stopping.js';
import type { BufferBinding, BufferSpec, Device, Dispatch } from '../native/types.js';

/** A buffer of a job, and a byte within. */
const PLACE = z.strictObject({ buffer: z.int().nonnegative(), offset: z.int().nonnegative() });
const SIZE = z.tuple([z.int().nonnegative(), z.int().nonnegative(), z.int().nonnegative()]);

const DISPATCH = z.strictObject({
  file: z.string(),
  kernel: z.string(),
  constants: z.record(z.string(), z.union([z.number(), z.boolean()])),
  barrier: z.boolean(),
  arguments: z.record(
    z.string(),
    z.union([PLACE, z.strictObject({ bytes: z.array(z.int().min(0).max(255)) })]),
  ),
  threadgroups: z.union([SIZE, z.strictObject({ indirect: PLACE })]),
  threads: SIZE,
});

/** `buffers`: files with the contents. */
const JOB = z.strictObject({ buffers: z.array(z.string()), dispatches: z.array(DISPATCH) });

type RecordedDispatch = z.infer<typeof DISPATCH>;
type RecordedJob = z.infer<typeof JOB>;

export interface ProgramOutcome {
  /** The program's exit code; null where a signal ended it. */
  readonly code: number | null;
  readonly jobs: readonly RecordedJob[];
}

export interface ProgramOptions {
  readonly device: Device;
  /** Where buffers and libraries lie while it runs. */
  readonly folder: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Dispatches between two barriers run in the opposite order: where a barrier lacks, results are wrong. */
  readonly isReversed?: boolean;
  /** What the program prints. */
  readonly onOut: (text: string) => void;
  readonly onErr: (text: string) => void;
}

/** Throws `jobs/cannot-start` where there is no such program, and what the device throws where a job cannot run. */
export async function runHostProgram(
  command: readonly string[],
  { device, folder, cwd, env, isReversed = false, onOut, onErr }: ProgramOptions,
): Promise<ProgramOutcome> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd,
    env: { ...env, MOEGEN_STAND_IN: folder },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  const release = whenStopped(() => child.kill());
  const [, out, err, requests, answers] = child.stdio as [null, Readable, Readable, Readable, Writable];
  // A program that is killed reads no answers.
  answers.on('error', () => undefined);
  out.setEncoding('utf8').on('data', onOut);
  err.setEncoding('utf8').on('data', onErr);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', (cause) => {
      const reason = `cannot run '${program}': ${cause.message}`;
      reject(new MoegenError('jobs/cannot-start', reason, { cause }));
    });
  });
  const jobs: RecordedJob[] = [];
  try {
    await Promise.all([
      ended,
      answerAll(requests, answers, async (job) => {
        jobs.push(job);
        await runRecorded(device, job, isReversed);
      }),
    ]);
    return { code: await ended, jobs };
  } finally {
    child.kill();
    release();
  }
}

async function answerAll(
  requests: Readable,
  answers: Writable,
  run: (job: RecordedJob) => Promise<void>,
): Promise<void> {
  for await (const line of createInterface({ input: requests })) {
    await run(readJob(line));
    answers.write('\n');
  }
}

function readJob(line: string): RecordedJob {
  try {
    return JOB.parse(JSON.parse(line));
  } catch (cause) {
    throw new MoegenError('jobs/no-job', 'the program asks for what is no job', {
      where: 'file descriptor 3',
      help: 'compile it with the headers that `moegen host --include` names',
      cause,
    });
  }
}

async function runRecorded(
  device: Device,
  { buffers, dispatches }: RecordedJob,
  isReversed: boolean,
): Promise<void> {
  const specs: BufferSpec[] = buffers.map((file) => {
    const data = readFileSync(file);
    return { byteLength: data.byteLength, data, label: file };
  });
  const values: BufferSpec[] = [];
  const native = await Promise.all(
    (isReversed ? reversed(dispatches) : dispatches).map(async (recorded): Promise<Dispatch> => {
      const own: Record<number, BufferBinding> = {};
      for (const [index, argument] of Object.entries(recorded.arguments)) {
        if ('buffer' in argument) own[Number(index)] = argument;
        else {
          const data = Uint8Array.from(argument.bytes);
          own[Number(index)] = { buffer: specs.length + values.length };
          values.push({ byteLength: data.byteLength, data });
        }
      }
      const { file, kernel, constants, threadgroups, threads } = recorded;
      // By a name that stays the same, so that the compiler sees each text once.
      const source = { path: `stand-in/${kernel}.metal`, text: readFileSync(file, 'utf8') };
      const library = await device.load({ source, kernels: [kernel] });
      return {
        ...{ library, kernel, constants, threadgroups },
        buffers: own,
        threadsPerThreadgroup: threads,
      };
    }),
  );
  const outputs = specs.map((_, position) => position);
  const result = await device.run({ buffers: [...specs, ...values], dispatches: native, outputs });
  buffers.forEach((file, position) => {
    writeFileSync(file, result.outputs[position] ?? new Uint8Array());
  });
}

function reversed(dispatches: readonly RecordedDispatch[]): RecordedDispatch[] {
  const groups: RecordedDispatch[][] = [];
  for (const dispatch of dispatches) {
    if (dispatch.barrier || groups.length === 0) groups.push([]);
    groups.at(-1)?.push(dispatch);
  }
  return groups.flatMap((group) => group.reverse());
}
