// `moegen bindings`: writes code in other languages that runs the layers of a set, or with --check says how far it is from it.

import path from 'node:path';
import type { BindingLanguage } from '../../bindings/languages.js';
import { renderBindings } from '../../bindings/render.js';
import { parseManifest } from '../../manifest/schema.js';
import { compareTexts } from '../../output/compare.js';
import { readText, replaceFiles } from '../../output/files.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { PACKAGE_DIR, printJson, type Io } from '../io.js';
import { readGiven } from '../read-given.js';
import { printComparison } from './generate.js';

export interface BindingsOptions {
  readonly language: readonly BindingLanguage[];
  readonly manifest: string;
  readonly output: string;
  readonly check: boolean;
  readonly json: boolean;
}

const UNREADABLE = {
  code: 'cli/unreadable-manifest',
  expected: 'a manifest',
  help: 'run `moegen` first, or name the manifest of a set with --manifest',
};

export async function bindings(options: BindingsOptions, io: Io): Promise<ExitCode> {
  const { language, manifest: file, output } = options;
  const manifest = parseManifest(readGiven(file, io, UNREADABLE), file);
  const source = file.split(path.sep).join('/');
  const texts = renderBindings({ manifest, source, languages: language, packageDir: PACKAGE_DIR });
  const folder = path.resolve(io.cwd, output);
  if (options.check) {
    const comparison = { ...(await compareTexts(texts, folder)), unexpected: [], compared: texts.size };
    return printComparison(comparison, { out: output, json: options.json }, io);
  }
  const changed = [...texts].filter(([name, text]) => readText(folder, name) !== text);
  replaceFiles(
    folder,
    changed.map(([name, text]) => ({ file: name, text })),
  );
  const written = changed.map(([name]) => name);
  const unchanged = texts.size - written.length;
  if (options.json) printJson(io, { out: output, written, unchanged });
  else io.out(`${output}: files: ${written.length} written, ${unchanged} unchanged\n`);
  return EXIT.done;
}
