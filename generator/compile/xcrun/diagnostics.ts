// Turns what Apple's Metal compiler and linker print (clang's format) into diagnostics, in the order they were printed:
// the includes that lead to a place come before it as notes, expansions of macros after it.

import type { Diagnostic } from '../types.js';

const PLACED = /^(.+?):(\d+):(\d+): (fatal error|error|warning|note|remark): (.*)$/;
const INCLUDED = /^In file included from (.+?):(\d+)(?::(\d+))?[:,]$/;
/** Of the driver, the linker or LLVM itself: no place in the source. */
const UNPLACED = /^(?:[\w.+-]+: )?(fatal error|error|warning): (.*)$|^(LLVM ERROR: .*)$/;

/** `path` stands for messages that name no place. */
export function parseDiagnostics(log: string, path: string): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const line of log.split(/\r?\n/)) {
    const diagnostic = placed(line) ?? included(line) ?? unplaced(line, path);
    if (diagnostic !== undefined) diagnostics.push(diagnostic);
  }
  return diagnostics;
}

function placed(line: string): Diagnostic | undefined {
  const match = PLACED.exec(line);
  if (match === null) return undefined;
  const [, file = '', row, column, kind, message = ''] = match;
  return { file, line: Number(row), column: Number(column), severity: severityOf(kind), message };
}

function included(line: string): Diagnostic | undefined {
  const match = INCLUDED.exec(line);
  if (match === null) return undefined;
  const [, file = '', row, column] = match;
  return {
    file,
    line: Number(row),
    column: Number(column ?? 1),
    severity: 'note',
    message: 'included from here',
  };
}

function unplaced(line: string, path: string): Diagnostic | undefined {
  const match = UNPLACED.exec(line);
  if (match === null) return undefined;
  const [, kind = 'error', message, crash] = match;
  return { file: path, line: 0, column: 0, severity: severityOf(kind), message: crash ?? message ?? '' };
}

function severityOf(kind: string | undefined): Diagnostic['severity'] {
  if (kind === 'note' || kind === 'remark') return 'note';
  return kind === 'warning' ? 'warning' : 'error';
}
