// Runs the preprocessor over a Metal source. The text goes through standard input, so that a text without a file works
// the same way as a file.

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { MoegenError } from '../errors.js';
import type { Clang } from './clang.js';
import { preprocessFlags } from './flags.js';
import { HEADER_FOLDER } from './headers.js';
import { runCompiler } from './process.js';
import { findReads, withoutLineMarkers } from './source-text.js';
import type { Diagnostic, MslOptions, MslSource, MslVersion } from './types.js';

export interface Preprocessed {
  readonly ok: boolean;
  readonly text: string;
  /** What the preprocessor printed about errors. */
  readonly log: string;
  readonly version: MslVersion;
  /** What the source may not read; nothing was preprocessed then. */
  readonly refused: readonly Diagnostic[];
  /** The files that were included, without those of Metal's library. */
  readonly includes: readonly string[];
}

const DEFAULT_VERSION: MslVersion = '3.2';
/** Programs that include one are written in Metal 4, whether or not they say so. */
const METAL_4_HEADER = /^# \d+ "[^"]*\/(?:metal_tensor|metal_cooperative_tensor)"/mu;
/** Many times what the largest programs have: macros can make any number of tokens. */
const LARGEST_PROGRAM = 2 ** 26;
const VERSIONS: readonly string[] = ['3.0', '3.1', '3.2', '4.0'] satisfies MslVersion[];

export async function preprocess(
  clang: Clang,
  source: Required<MslSource>,
  options: MslOptions,
): Promise<Preprocessed> {
  const asked = options.mslVersion ?? versionOf(source.text);
  const { refused, files } = await findReads(source, options.includeDirs ?? []);
  const version = asked ?? DEFAULT_VERSION;
  if (refused.length > 0) return { ok: false, text: '', log: '', version, refused, includes: [] };
  const own = { ...source, text: withoutLineMarkers(source.text) };
  const result = await preprocessAs(clang, own, options, version, files);
  return asked === undefined && METAL_4_HEADER.test(result.text)
    ? preprocessAs(clang, own, options, '4.0', files)
    : result;
}

async function preprocessAs(
  clang: Clang,
  source: Required<MslSource>,
  options: MslOptions,
  version: MslVersion,
  files: ReadonlySet<string>,
): Promise<Preprocessed> {
  const command = [...clang.command, ...preprocessFlags(version), ...searchFlags(source, options), '-'];
  const input = `# 1 "${source.path.replace(/["\\]/gu, '\\$&')}"\n${source.text}`;
  const { code, stdout, stderr, isCut } = await runCompiler(command, { input, mostOutput: LARGEST_PROGRAM });
  const refused: Diagnostic[] = [];
  if (isCut) {
    const message = `the program has more than ${LARGEST_PROGRAM} bytes once its macros are expanded`;
    refused.push({ file: source.path, line: 1, column: 1, severity: 'error', message });
    return { ok: false, text: '', log: '', version, refused, includes: [] };
  }
  if (code !== 0) return { ok: false, text: '', log: stderr, version, refused, includes: [] };
  const macros = await pragmaMacros(command, input, stdout);
  // A file may say that it is another one: only what was found for its name is read again.
  const includes = includedFiles(stdout, source.path).filter((file) => files.has(resolve(file)));
  return { ok: true, text: macros + stdout, log: '', version, refused, includes };
}

function includedFiles(text: string, main: string): string[] {
  const files = new Set<string>();
  for (const marker of text.matchAll(/^# \d+ "((?:[^"\\]|\\.)*)"/gmu)) {
    files.add((marker[1] ?? '').replace(/\\(.)/gu, '$1'));
  }
  return [...files].filter(
    (file) => file !== main && !file.startsWith('<') && !file.startsWith(HEADER_FOLDER),
  );
}

function searchFlags(source: MslSource, options: MslOptions): string[] {
  const defines = Object.entries(options.defines ?? {}).map(([name, value]) => `-D${name}=${value || '1'}`);
  const folders = (options.includeDirs ?? []).flatMap((folder) => ['-I', folder]);
  return ['-iquote', dirname(source.path), ...folders, '-isystem', HEADER_FOLDER, ...defines];
}

export async function readSource(path: string): Promise<string> {
  try {
    // Editors may put a byte order mark in front.
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/u, '');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MoegenError('compile/unreadable-source', `cannot read the Metal source: ${reason}`, {
      where: path,
      cause,
    });
  }
}

/**
 * The language version that the first line of a source asks for: `// language: metal3.1`. Other programs write such a line
 * too, for any version: those before 3.0 are parts of it, and what is no version says nothing.
 */
export function versionOf(text: string): MslVersion | undefined {
  const asked = /^\/\/ *language: *metal *(\d+\.\d+)\b/u.exec(text)?.[1] ?? '';
  return isVersion(asked) ? asked : undefined;
}

function isVersion(text: string): text is MslVersion {
  return VERSIONS.includes(text);
}

/** The preprocessor leaves macros in pragmas alone; their definitions must reach the compiler. */
async function pragmaMacros(command: readonly string[], input: string, output: string): Promise<string> {
  const words = new Set<string>();
  for (const pragma of output.matchAll(/^[ \t]*#[ \t]*pragma([^\n]*)/gmu)) {
    for (const word of (pragma[1] ?? '').matchAll(/[A-Za-z_]\w*/gu)) words.add(word[0]);
  }
  for (const word of PRAGMA_WORDS) words.delete(word);
  if (words.size === 0) return '';
  const { stdout } = await runCompiler([...command, '-dM'], { input });
  const definitions = new Map<string, string>();
  for (const line of stdout.matchAll(/^#define (\w+)(.*)$/gmu)) definitions.set(line[1] ?? '', line[2] ?? '');
  return definitionsOf(words, definitions);
}

const PRAGMA_WORDS =
  'pragma unroll clang loop full unroll_count math_mode safe relaxed disable enable METAL internals once fp reassociate contract on off fast GCC diagnostic push pop ignored'.split(
    ' ',
  );

function definitionsOf(words: ReadonlySet<string>, definitions: ReadonlyMap<string, string>): string {
  const lines: string[] = [];
  const seen = new Set<string>();
  const pending = [...words];
  for (let word = pending.pop(); word !== undefined; word = pending.pop()) {
    const definition = definitions.get(word);
    if (definition === undefined || seen.has(word)) continue;
    seen.add(word);
    lines.push(`#define ${word}${definition}\n`);
    for (const inner of definition.matchAll(/[A-Za-z_]\w*/gu)) pending.push(inner[0]);
  }
  return lines.join('');
}
