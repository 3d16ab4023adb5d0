// Turns what the compiler prints about translated text into diagnostics about the Metal source.

import type { Diagnostic } from './types.js';
import { HEADER_FOLDER } from './headers.js';
import type { SourceMap } from './source-map.js';

const MESSAGE = /^(.*?):(\d+):(\d+): (fatal error|error|warning|note): (.*)$/u;

/** Reads the messages of clang; positions are translated back where a map is given. */
export function readDiagnostics(log: string, map?: SourceMap): Diagnostic[] {
  const all: Diagnostic[] = [];
  // Notes belong to the message before them.
  let isWanted = true;
  for (const line of log.split('\n')) {
    const match = MESSAGE.exec(line);
    if (!match) continue;
    const [, file = '', lineNumber, column, kind = '', text = ''] = match;
    const message = metalWords(text);
    const severity = severityOf(kind, text);
    if (kind !== 'note') isWanted = severity !== undefined;
    if (severity === undefined || !isWanted) continue;
    const position = { file, line: Number(lineNumber), column: Number(column) };
    all.push({ ...(map ? map.original(position) : position), severity, message });
  }
  return withoutRepeats(blameProgram(all));
}

/** A kernel that is entered in two ways is complained about twice. */
function withoutRepeats(all: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  let isNew = true;
  return all.filter((diagnostic) => {
    if (diagnostic.severity === 'note') return isNew;
    const { file, line, column, message } = diagnostic;
    const key = `${file}:${line}:${column} ${message}`;
    isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

/** Whether the compiler's output names an error in Metal's sense. */
export function hasErrors(log: string): boolean {
  return readDiagnostics(log).some((diagnostic) => diagnostic.severity === 'error');
}

function severityOf(kind: string, message: string): Diagnostic['severity'] | undefined {
  if (kind === 'note') return 'note';
  if (kind !== 'warning') return 'error';
  // Metal has no implicit conversion from float to bfloat; the compiler has, and warns. Its other warnings are not Metal's.
  return /^implicit conversion loses floating-point precision: .* to '[^']*(?:__bf16|bfloat)'|cannot be narrowed|^class template argument deduction is/u.test(
    message,
  )
    ? 'error'
    : undefined;
}

/**
 * An error inside of the library is the program's: it moves to the first note that points there. Where the compiler gives
 * no such note, the error follows from the one before.
 */
function blameProgram(all: readonly Diagnostic[]): Diagnostic[] {
  const result: Diagnostic[] = [];
  all.forEach((diagnostic, index) => {
    if (!isLibrary(diagnostic.file)) {
      result.push(diagnostic);
      return;
    }
    if (diagnostic.severity === 'note') return;
    const next = all.slice(index + 1).find((other) => other.severity !== 'note' || !isLibrary(other.file));
    if (next?.severity === 'note')
      result.push({ ...next, severity: diagnostic.severity, message: diagnostic.message });
    else if (result.length === 0) result.push(diagnostic);
  });
  return result;
}

function isLibrary(file: string): boolean {
  return file.startsWith(HEADER_FOLDER);
}

/** Spells types the way Metal programs do. */
export function metalWords(message: string): string {
  const respelled = message
    .replace(
      /^implicit conversion loses floating-point precision: (.*) to (.*)/u,
      'no implicit conversion from $1 to $2',
    )
    .replace(
      /^call to deleted function '(\w+)'/u,
      "'$1' takes a reference to thread memory, not to device or threadgroup memory",
    )
    .replace(
      /^default initialization of an object of const type 'const __global .*'/u,
      'a variable in the constant address space must be initialized',
    )
    .replace(
      /^address of overloaded function '(\w+)' (?:does not match|cannot be).*/u,
      "the explicit instantiation of '$1' does not match its template",
    )
    .replace(
      /^class template argument deduction is incompatible.*/u,
      'template arguments of a class cannot be left out before Metal 4.0',
    )
    .replace(/^static assertion failed(?: due to requirement '.*?')?: /u, '')
    .replace(/\bmetal::__msl_metal4::/gu, '')
    .replace(/\bconst __(?:constant|global_host)\b/gu, 'constant')
    .replace(/\b__global_host\b/gu, 'constant')
    .replace(/\b__constant\b/gu, 'constant')
    .replace(/\b__global\b/gu, 'device')
    .replace(/\b__local\b/gu, 'threadgroup')
    .replace(/\b__private\b/gu, 'thread')
    .replace(/\b__generic /gu, '')
    .replace(/\b__bf16\b/gu, 'bfloat')
    .replace(/\bunsigned (char|short|int|long)\b/gu, 'u$1')
    .replace(/\b(?:metal::)?vec<(\w+), ([234])>/gu, '$1$2')
    .replace(/no member named '(?:get|put)_(\w+)' in/gu, "no swizzle '$1' can be used this way with")
    .replace(/\b(?:__msl_derived_|msl_)(\w+)\b/gu, '$1');
  return (
    respelled
      // Every variable lies in some address space; for those on the thread's own stack Metal does not say so.
      .replace(/([*&]) ?thread'/gu, "$1'")
      .replace(/'(const )?thread ((?:const )?[\w:<>, ]+)'/gu, "'$1$2'")
      .replace(/('[^']*') \(aka \1\)/gu, '$1')
  );
}
