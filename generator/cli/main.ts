// The command line: arguments in, exit code out. Nothing here or below ends the process, so that tests can call it.

import { CommanderError } from '@commander-js/extra-typings';
import { MoegenError } from '../errors.js';
import { EXIT } from './exit-codes.js';
import { processIo, type Io } from './io.js';
import { COMMAND_NAMES, createProgram } from './program.js';
import { reportError } from './report.js';
import { suggest } from './values.js';

export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    assertCommand(argv[0]);
    let exitCode: number = EXIT.done;
    const program = createProgram(io, (code) => {
      exitCode = code;
    });
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(error, io);
    return error.exitCode === 0 ? EXIT.done : reportError(usageError(error), io);
  }
}

/** Runs in the process's own streams and folder, for `bin/moegen.js`. A reader that stops early, such as `head`, is no failure. */
export function runProcess(argv: readonly string[]): Promise<number> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  return main(argv, processIo());
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
