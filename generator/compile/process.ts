// Runs compilers as child processes, at most as many at a time as there are cores.

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';

import { MoegenError } from '../errors.js';
import { whenStopped } from '../stopping.js';

export interface ProcessResult {
  /** Exit code, or -1 after a signal. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** It printed more than it may. */
  readonly isCut?: true;
}

export interface ProcessOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Takes what the command prints, row by row; the result's `stdout` is empty then. */
  readonly onRow?: (row: string) => void;
  /** Bytes that the command may print; where it prints more, it is ended. */
  readonly mostOutput?: number;
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
    const release = whenStopped(() => child.kill());
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const most = options.mostOutput ?? Infinity;
    let printed = 0;
    if (options.onRow) readRows(child.stdout, options.onRow);
    else {
      child.stdout.on('data', (chunk: Buffer) => {
        printed += chunk.byteLength;
        if (printed <= most) stdout.push(chunk);
        else if (child.kill('SIGKILL')) child.stdout.destroy();
      });
    }
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (cause) => {
      release();
      reject(new MoegenError('compile/cannot-start', `cannot run '${program}': ${cause.message}`, { cause }));
    });
    child.on('close', (code) => {
      release();
      resolve({
        code: code ?? -1,
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
        ...(printed > most && { isCut: true }),
      });
    });
    // A compiler that fails early closes its input; the exit code says so.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

function readRows(stream: Readable, onRow: (row: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const rows = (rest + chunk).split('\n');
    rest = rows.pop() ?? '';
    rows.forEach(onRow);
  });
  stream.on('end', () => {
    if (rest !== '') onRow(rest);
  });
}
