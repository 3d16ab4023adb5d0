// Prints failures: what was expected and given, where, and the next step; anything but a MoegenError is a bug and says so.

import pc from 'picocolors';
import { MoegenError } from '../errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import type { Environment, Io } from './io.js';

const LOG_LINES = 40;

/** A failure as JSON has it. */
export function describeError(error: unknown): Readonly<Record<string, string>> {
  if (!(error instanceof MoegenError)) {
    return { code: 'internal/bug', message: error instanceof Error ? error.message : String(error) };
  }
  const { code, message, where, help } = error;
  return { code, message, ...(where !== undefined && { where }), ...(help !== undefined && { help }) };
}

export function reportError(error: unknown, io: Io): ExitCode {
  const colors = pc.createColors(io.isTerminal && hasColor(io.env));
  if (!(error instanceof MoegenError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    io.err(`${colors.red('internal error')}: this is a bug in moegen\n${stack}\n`);
    return EXIT.bug;
  }
  const lines = [`${colors.red(`error[${error.code}]`)}: ${error.message}`];
  if (error.where !== undefined) lines.push(`  ${colors.cyan('-->')} ${error.where}`);
  if (error.help !== undefined) lines.push(`  ${colors.green('help:')} ${error.help}`);
  if (error.log !== undefined) lines.push(...shortLog(error.log));
  io.err(`${lines.join('\n')}\n`);
  return error.kind === 'answer' ? EXIT.answerIsNo : EXIT.usage;
}

function hasColor(env: Environment): boolean {
  return (env['NO_COLOR'] ?? '') === '';
}

function shortLog(log: string): string[] {
  const lines = log.trimEnd().split('\n');
  const rest = lines.length - LOG_LINES;
  const shown = lines.slice(0, LOG_LINES).map((line) => `  | ${line}`);
  return rest > 0 ? [...shown, `  | ... ${rest} more lines`] : shown;
}
