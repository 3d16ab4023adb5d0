// The command line, called in this process: what it answers, and how it ends.

import type { Environment, Io } from '../../generator/cli/io.js';
import { main } from '../../generator/cli/main.js';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function moegen(cwd: string, ...argv: string[]): Promise<Outcome> {
  return moegenIn({ PATH: '' }, cwd, ...argv);
}

export async function moegenIn(env: Environment, cwd: string, ...argv: string[]): Promise<Outcome> {
  let [out, err] = ['', ''];
  const io: Io = {
    out: (text) => (out += text),
    err: (text) => (err += text),
    isTerminal: false,
    env,
    cwd,
  };
  const code = await main(argv, io);
  return { code, out, err };
}

export const json = (outcome: Outcome) => JSON.parse(outcome.out) as Record<string, unknown>;
