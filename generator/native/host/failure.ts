// Errors of the host device: sources that do not compile, and jobs that end before their time.

import type { Diagnostic, HostLibrary } from '../../compile/types.js';
import { MoegenError } from '../../errors.js';
import type { Dispatch, Job } from '../types.js';
import type { NativeFailure } from './addon.js';
import { formatReport, lineOf, makeReports } from './reports.js';

export function compileFailure(path: string, diagnostics: readonly Diagnostic[]): MoegenError {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  const [first] = errors;
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : '';
  return new MoegenError(
    'native/does-not-compile',
    `${first?.message ?? 'the source does not compile'}${more}`,
    {
      kind: 'answer',
      where: first ? `${first.file}:${first.line}:${first.column}` : path,
      log: diagnostics.map(formatDiagnostic).join('\n'),
    },
  );
}

function formatDiagnostic({ file, line, column, severity, message }: Diagnostic): string {
  return `${file}:${line}:${column}: ${severity}: ${message}`;
}

const HELP: Readonly<Record<string, string>> = {
  'kernel-crashed': 'Load the source with `instrument`, as checks do: then the line is named.',
  'kernel-timed-out': 'A loop may not end, or the work needs a higher time limit (timeoutSeconds).',
  'too-many-threadgroups':
    'Check the kernel that writes the counts, or the offset of the indirect arguments.',
  'threadgroup-memory': 'Use smaller tiles, or a smaller threadgroup argument.',
  'out-of-memory': 'Run a smaller problem, or fewer jobs at a time.',
  'no-process': 'End other processes, or raise the limit (`ulimit -u`).',
  'not-executable': 'Set MOEGEN_CACHE to a folder on a disk that is not mounted with noexec.',
};

/** What the addon rejects with, in the words of the job. */
export function jobFailure(
  error: unknown,
  job: Job,
  libraryOf: (dispatch: Dispatch) => HostLibrary,
): unknown {
  if (!isNativeFailure(error)) return error;
  const { code, message, dispatch, thread, threadgroup } = error;
  const failed = dispatch === undefined ? undefined : job.dispatches[dispatch];
  const kernel = failed?.kernel;
  const place = thread === undefined ? '' : `, threadgroup ${threadgroup ?? 0}, thread ${thread}`;
  const line = lineOf(error.library, error.offset);
  const source = line === undefined ? '' : `, ${line.file}:${line.line}`;
  const help =
    code === 'missing-constant' && failed !== undefined
      ? missingConstants(failed, libraryOf(failed))
      : line === undefined
        ? HELP[code]
        : undefined;
  const reports = makeReports(error.reports ?? [], job);
  return new MoegenError(`native/${code}`, message, {
    kind: code.startsWith('kernel-') ? 'answer' : 'usage',
    ...(kernel === undefined ? {} : { where: `dispatches[${dispatch ?? 0}] ('${kernel}')${place}${source}` }),
    ...(help === undefined ? {} : { help }),
    ...(reports.length === 0 ? {} : { log: reports.map(formatReport).join('\n') }),
    cause: error,
  });
}

/** All that the kernel may use and that have no value, so that nobody has to ask for them one by one. */
function missingConstants({ kernel, constants = {} }: Dispatch, library: HostLibrary): string {
  const used = library.kernels.find(({ name }) => name === kernel)?.constants ?? [];
  const missing = library.constants
    .filter(({ index }) => used.includes(index) && constants[index] === undefined)
    .map(({ index, name, type }) => `${index} (${type} ${name})`);
  return `Give the dispatch values (\`constants\`). Without a value: ${missing.join(', ')}.`;
}

function isNativeFailure(error: unknown): error is NativeFailure {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}
