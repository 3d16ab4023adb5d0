// Shared by the tests of the compiler: a cache of their own, and Metal programs in few words.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { translate, type Translation } from '../../generator/compile/frontend/translate.js';
import type { UnitOptions } from '../../generator/compile/frontend/unit.js';
import { checkHost } from '../../generator/compile/host.js';
import type { CompileOutcome, Diagnostic, MslOptions } from '../../generator/compile/types.js';

/** Kept for the whole run, so that the headers are precompiled once. */
export const testCache = join(tmpdir(), `moegen-test-compile-${process.getuid?.() ?? 0}`);

export function emptyFolder(): string {
  return mkdtempSync(join(tmpdir(), 'moegen-compile-'));
}

export function fixture(name: string): string {
  return fileURLToPath(new URL(`metal/${name}`, import.meta.url));
}

export const PRELUDE = '#include <metal_stdlib>\nusing namespace metal;\n';

/** A kernel with some arguments around a body; the body stands in line 4. */
export function kernel(body: string, before = ''): string {
  return `${PRELUDE}${before}
kernel void k(device float* o [[buffer(0)]], device const half4* h [[buffer(1)]], constant float& c [[buffer(2)]], uint i [[thread_position_in_grid]]) {
${body}
}`;
}

/** Compiles as far as errors are found. */
export function check(text: string, options: MslOptions = {}): Promise<CompileOutcome<never>> {
  return checkHost({ path: 'program.metal', text }, { ...options, cacheDir: testCache });
}

export function errorsOf(outcome: CompileOutcome<unknown>): readonly Diagnostic[] {
  return outcome.diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
}

/** Translates text that needs no preprocessor. */
export function translateText(text: string, options: Partial<UnitOptions> = {}): Translation {
  return translate(`# 1 "program.metal"\n${text}`, { target: 'host', version: '3.2', ...options });
}

/** The translated program on one line, without the marker. */
export function programOf(text: string, options: Partial<UnitOptions> = {}): string {
  return translateText(text, options)
    .program.replace(/^# 1 [^\n]*\n/u, '')
    .replace(/\s+/gu, ' ')
    .trim();
}
