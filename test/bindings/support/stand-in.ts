// Runs a program of a test on a stand-in for a GPU, and keeps what it prints.

import { runHostProgram, type ProgramOutcome } from '../../../generator/jobs/host-program.js';
import type { Device } from '../../../generator/native/types.js';

interface Options {
  readonly device: Device;
  readonly folder: string;
  readonly isReversed?: boolean;
  readonly cwd?: string;
  /** Beside the variables of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

interface Outcome extends ProgramOutcome {
  readonly out: string;
  readonly err: string;
}

export async function runProgram(
  command: readonly string[],
  { folder, cwd = folder, env = {}, ...options }: Options,
): Promise<Outcome> {
  const [out, err]: [string[], string[]] = [[], []];
  const outcome = await runHostProgram(command, {
    ...{ folder, cwd, env: { ...process.env, ...env }, ...options },
    onOut: (text) => out.push(text),
    onErr: (text) => err.push(text),
  });
  return { ...outcome, out: out.join(''), err: err.join('') };
}
