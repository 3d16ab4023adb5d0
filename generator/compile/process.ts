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
  /** What ended it, if it did not end by itself. */
  readonly signal?: NodeJS.Signals;
}

export interface ProcessOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Takes what the command prints, row by row; the result's `stdout` is empty then. */
  readonly onRow?: (row: string) => void;
  /** Bytes that the command may print; where it prints more, it is ended. */
  readonly mostOutput?: number;
  readonly limits?: ProcessLimits;
}

/** What a process may take, and all that it starts. The system ends what takes more. */
interface ProcessLimits {
  readonly memoryBytes: number;
  /** Of the processor. */
  readonly seconds: number;
}

/** Several times what the largest programs need. */
const COMPILER_LIMITS: ProcessLimits = { memoryBytes: 8 * 2 ** 30, seconds: 900 };

/** Compilers and their libraries say so in several ways. */
const NO_MEMORY =
  /out of memory|cannot allocate memory|bad_alloc|allocation failed|OutOfMemory|failed to map/iu;

/** Runs a compiler on a program that may be anything: one that asks for too much is refused. */
export async function runCompiler(
  command: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  const { limits = COMPILER_LIMITS } = options;
  const result = await runProcess(command, { ...options, limits });
  const { code, stderr, isCut, signal } = result;
  const isOver = signal === 'SIGXCPU' || signal === 'SIGKILL' || NO_MEMORY.test(stderr);
  if (code === 0 || isCut === true || !isOver) return result;
  const most = `${Math.ceil(limits.memoryBytes / 2 ** 30)} GiB of memory or ${limits.seconds} seconds`;
  throw new MoegenError('compile/too-much', `the compiler needs more than ${most} for this program`, {
    help: 'Compile less at once: look for macros and templates that multiply what they are given.',
  });
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

/** Only a shell can limit what a process takes; where the system knows no limit of a kind, it does without. */
function limited(command: readonly string[], limits: ProcessLimits | undefined): readonly string[] {
  if (limits === undefined || process.platform === 'win32') return command;
  const { memoryBytes, seconds } = limits;
  const script = `ulimit -v ${Math.floor(memoryBytes / 1024)}; ulimit -t ${seconds}`;
  return ['/bin/sh', '-c', `{ ${script}; } 2>/dev/null; exec "$0" "$@"`, ...command];
}

function start(command: readonly string[], options: ProcessOptions): Promise<ProcessResult> {
  const [program = '', ...parameters] = limited(command, options.limits);
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
    child.on('close', (code, signal) => {
      release();
      resolve({
        code: code ?? -1,
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
        ...(printed > most && { isCut: true }),
        ...(signal !== null && { signal }),
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
