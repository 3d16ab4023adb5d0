// Has the compiler check a program without generating code, and looks through its syntax tree for what only Metal refuses.

import type { Clang } from './clang.js';
import { metalWords } from './diagnostics.js';
import { compileFlags, type CompileTarget } from './flags.js';
import type { Token } from './frontend/tokens.js';
import type { Translation } from './frontend/translate.js';
import { precompiledHeader } from './pch.js';
import { runCompiler } from './process.js';
import type { SourceMap } from './source-map.js';
import { AddressCasts } from './syntax-tree/address-casts.js';
import { TreeReader } from './syntax-tree/reader.js';
import { UndefinedFunctions } from './syntax-tree/undefined.js';
import type { Diagnostic } from './types.js';

export interface SyntaxCheck {
  readonly code: number;
  /** What the compiler printed. */
  readonly log: string;
  /** What it let pass. */
  readonly findings: readonly Diagnostic[];
  /** Names of methods in the program by which those for constant objects are meant. */
  readonly constantCalls: readonly Token[];
  /** The precompiled header that served. */
  readonly header: string;
}

export interface CheckedProgram {
  readonly clang: Clang;
  readonly cacheDir: string;
  readonly translation: Translation;
  readonly map: SourceMap;
}

export async function checkSyntax(
  { clang, cacheDir, translation, map }: CheckedProgram,
  target: CompileTarget,
  processor: readonly string[],
): Promise<SyntaxCheck> {
  const header = await precompiledHeader(clang, target, processor, cacheDir);
  const input = translation.program + translation.storage + translation.entries.join('');
  const command = [...clang.command, ...compileFlags(target, processor), '-include-pch', header];
  const casts = new AddressCasts(translation.constantMethods);
  const undefinedFunctions = new UndefinedFunctions();
  const reader = new TreeReader((node) => {
    casts.visit(node);
    undefinedFunctions.visit(node);
  });
  const tree = translation.needsTree ? ['-Xclang', '-ast-dump'] : [];
  const newer = translation.isBefore17 ? ['-Wpre-c++17-compat'] : [];
  const { code, stderr } = await runCompiler([...command, ...newer, '-fsyntax-only', ...tree, '-'], {
    input,
    onRow: (row) => {
      reader.read(row);
    },
  });
  const passed = [...casts.findings, ...(code === 0 ? undefinedFunctions.findings : [])];
  const findings = passed.map(({ message, ...place }): Diagnostic => {
    return { ...map.original(place), severity: 'error', message: metalWords(message) };
  });
  const constantCalls = casts.constantCalls.flatMap((place) => map.tokenAt(place) ?? []);
  return { code, log: stderr, findings, constantCalls, header };
}
