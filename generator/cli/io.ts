// What a command may touch of the world: its streams, its environment and its folder. Tests hand in their own.

import path from 'node:path';
import type { ProgramOptions } from '../native/cuda/programs.js';
import type { Device } from '../native/types.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Io {
  /** Results. */
  readonly out: (text: string) => void;
  /** Progress and errors. */
  readonly err: (text: string) => void;
  /** Whether a person watches stderr: progress and colour are for people only. */
  readonly isTerminal: boolean;
  readonly env: Environment;
  /** Relative paths on the command line start here. */
  readonly cwd: string;
  /** Stands in for the CUDA device, to note which programs a command needs. */
  readonly recordCuda?: (options: ProgramOptions) => Promise<Device>;
}

export function processIo(): Io {
  return {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    isTerminal: process.stderr.isTTY,
    env: process.env,
    cwd: process.cwd(),
  };
}

/** The package's root, from `dist/cli` and `generator/cli` alike. */
export const PACKAGE_DIR = path.resolve(import.meta.dirname, '../..');

export function printJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, undefined, 2)}\n`);
}
