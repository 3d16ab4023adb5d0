// `moegen host`: runs a host program that was compiled with the stand-in for metal-cpp; what it encodes runs on the engine.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MoegenError } from '../../errors.js';
import { runHostProgram } from '../../jobs/host-program.js';
import { removeWhenStopped } from '../../stopping.js';
import { openDevice } from '../devices.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { PACKAGE_DIR, printJson, type Io } from '../io.js';

export interface HostOptions {
  readonly include: boolean;
  readonly reverse: boolean;
  readonly json: boolean;
}

const INCLUDE_FOLDER = path.join(PACKAGE_DIR, 'native/metal-cpp');

/** A program that fails, or commits nothing, is the answer no. */
export async function host(
  command: readonly string[],
  { include, reverse, json }: HostOptions,
  io: Io,
): Promise<ExitCode> {
  if (include) {
    if (json) printJson(io, { include: INCLUDE_FOLDER });
    else io.out(`${INCLUDE_FOLDER}\n`);
    return EXIT.done;
  }
  if (command.length === 0) {
    throw new MoegenError('cli/usage', 'expected a program to run', {
      where: 'moegen host',
      help: 'for example: moegen host ./layer; compile it with -I "$(moegen host --include)"',
    });
  }
  const device = await openDevice('host', io);
  const folder = await mkdtemp(path.join(tmpdir(), 'moegen-host-'));
  const release = removeWhenStopped(folder);
  const printed = { out: '', err: '' };
  try {
    const { code, jobs } = await runHostProgram(command, {
      ...{ device, folder, cwd: io.cwd, env: io.env, isReversed: reverse },
      onOut: (text) => {
        if (json) printed.out += text;
        else io.out(text);
      },
      onErr: (text) => {
        if (json) printed.err += text;
        else io.err(text);
      },
    });
    const dispatches = jobs.reduce((sum, job) => sum + job.dispatches.length, 0);
    if (json) printJson(io, { code, commandBuffers: jobs.length, dispatches, ...printed });
    else io.err(`${summary(code, jobs.length, dispatches)} on the engine\n`);
    return code === 0 && jobs.length > 0 ? EXIT.done : EXIT.answerIsNo;
  } finally {
    await rm(folder, { recursive: true, force: true });
    release();
  }
}

function summary(code: number | null, buffers: number, dispatches: number): string {
  const end =
    code === 0 ? '' : code === null ? 'a signal ended the program; ' : `the program ended with ${code}; `;
  const what = buffers === 1 ? 'command buffer' : 'command buffers';
  return `${end}${buffers} ${what} with ${dispatches} dispatches ran`;
}
