// Runs compilers as child processes, at most as many at a time as there are cores.

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

import { MoegenError } from '../errors.js';

export interface ProcessResult {
  /** Exit code, or -1 after a signal. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const waiting: (() => void)[] = [];
let running = 0;

/** Runs a command to its end. Rejects only where it cannot be started. */
export async function runProcess(
  command: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  // A place that becomes free goes straight to the next in line, so that nobody can take it in between.
  if (running >= availableParallelism()) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await start(command, options);
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}

function start(command: readonly string[], options: ProcessOptions): Promise<ProcessResult> {
  const [program = '', ...parameters] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { env: { ...process.env, ...options.environment } });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (cause) => {
      reject(new MoegenError('compile/cannot-start', `cannot run '${program}': ${cause.message}`, { cause }));
    });
    child.on('close', (code) => {
      resolve({
        code: code ?? -1,
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
      });
    });
    // A compiler that fails early closes its input; the exit code says so.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}
