// Runs a program that speaks to a stand-in for a GPU: its jobs come in on file descriptor 3, are run on the host engine, and once
// their buffers' files hold the results, a line on descriptor 4 lets the program go on.

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { BufferBinding, BufferSpec, Device, Dispatch, Size3 } from '../../../generator/native/types.js';

interface RecordedPlace {
  readonly buffer: number;
  readonly offset: number;
}

interface RecordedDispatch {
  readonly file: string;
  readonly kernel: string;
  readonly constants: Readonly<Record<number, number | boolean>>;
  readonly barrier: boolean;
  readonly arguments: Readonly<Record<number, RecordedPlace | { readonly bytes: readonly number[] }>>;
  readonly threadgroups: Size3 | { readonly indirect: RecordedPlace };
  readonly threads: Size3;
}

interface RecordedJob {
  /** Files with the contents. */
  readonly buffers: readonly string[];
  readonly dispatches: readonly RecordedDispatch[];
}

interface ProgramOutcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly jobs: readonly RecordedJob[];
}

interface ProgramOptions {
  readonly device: Device;
  readonly folder: string;
  /** Dispatches between two barriers run in the opposite order: where a barrier lacks, results are wrong. */
  readonly isReversed?: boolean;
  readonly cwd?: string;
  /** Beside the variables of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function runProgram(
  command: readonly string[],
  { device, folder, isReversed = false, cwd = folder, env = {} }: ProgramOptions,
): Promise<ProgramOutcome> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env, MOEGEN_STAND_IN: folder },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  const [, out, err, requests, answers] = child.stdio as [null, Readable, Readable, Readable, Writable];
  const jobs: RecordedJob[] = [];
  const texts = [collect(out), collect(err)] as const;
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  for await (const line of createInterface({ input: requests })) {
    const job = JSON.parse(line) as RecordedJob;
    jobs.push(job);
    await runRecorded(device, job, isReversed).catch((error: unknown) => {
      child.kill();
      throw error;
    });
    answers.write('\n');
  }
  return { code: await ended, out: await texts[0], err: await texts[1], jobs };
}

async function collect(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  return text;
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
