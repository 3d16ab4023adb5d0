// The command line: arguments in, exit code out. Nothing here or below ends the process, so that tests can call it.

import { CommanderError } from '@commander-js/extra-typings';
import { MoegenError } from '../errors.js';
import { takeSignals } from '../stopping.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { printJson, processIo, type Io } from './io.js';
import { COMMAND_NAMES, createProgram } from './program.js';
import { describeError, reportError } from './report.js';
import { suggest } from '../description/nearest.js';

/** Throws a MoegenError for everything that a user can cause; help and versions end with 0. */
export async function execute(argv: readonly string[], io: Io): Promise<ExitCode> {
  assertCommand(argv[0]);
  let exitCode: ExitCode = EXIT.done;
  const program = createProgram(io, (code) => {
    exitCode = code;
  });
  if (argv[0] === 'complete') {
    const { addCompletion } = await import('./completion.js');
    addCompletion(program);
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(error);
  }
  return exitCode;
}

export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await execute(argv, io);
  } catch (error) {
    if (argv.includes('--json')) printJson(io, { error: describeError(error) });
    return reportError(error, io);
  }
}

/**
 * Runs in the process's own streams and folder, for `bin/moegen.js`. A reader that stops early, such as `head`, is no failure; what
 * cannot be written, as on a full disk, is one.
 */
export async function runProcess(argv: readonly string[]): Promise<number> {
  takeSignals();
  let failure: NodeJS.ErrnoException | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') failure ??= error;
  });
  const io = processIo();
  const code = await main(argv, io);
  await new Promise((resolve) => process.stdout.write('', resolve));
  if (failure === undefined) return code;
  const unwritten = new MoegenError(
    'cli/output-failed',
    `the result could not be written: ${failure.message}`,
    {
      where: 'standard output',
      help: 'free some space, or write it elsewhere; the command itself has run',
    },
  );
  return reportError(unwritten, io);
}

/** Without this, a misspelt command would be taken as an argument of the default one. */
function assertCommand(first: string | undefined): void {
  if (first === undefined || first.startsWith('-') || COMMAND_NAMES.includes(first)) return;
  throw new MoegenError('cli/unknown-command', `expected a command, got '${first}'`, {
    where: 'command line',
    help: suggest(first, COMMAND_NAMES, `the commands are: ${COMMAND_NAMES.join(', ')}`),
  });
}

/** Commander's message, `error: ...` with an optional `(Did you mean ...?)` below, in our form. */
function usageError(error: CommanderError): MoegenError {
  const [message = '', hint] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = hint === undefined ? undefined : /\(Did you mean (.+)\?\)/.exec(hint)?.[1];
  return new MoegenError('cli/usage', message, {
    where: 'command line',
    help: suggestion === undefined ? 'see `moegen --help`' : `did you mean '${suggestion}'?`,
  });
}
