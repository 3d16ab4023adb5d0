// Programs that would read files or run code where they are compiled or loaded, and what no parser expects: each gets an
// answer.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { checkHost } from '../../generator/compile/host.js';
import { check, emptyFolder, errorsOf, kernel, PRELUDE, testCache } from './support.js';

const KERNEL = 'kernel void k(device float* o [[buffer(0)]]) { o[0] = 1; }';

describe('functions of the machine', () => {
  test.each([
    ['a constructor', `__attribute__((constructor)) void f() {}\n${KERNEL}`, '__attribute__((constructor))'],
    [
      'a constructor by its other name',
      `__attribute__((unused, __constructor__(101))) void f() {}\n${KERNEL}`,
      '__attribute__((constructor))',
    ],
    [
      'a constructor in brackets',
      `[[gnu::constructor]] void f() {}\n${KERNEL}`,
      '__attribute__((constructor))',
    ],
    [
      'a section',
      `__attribute__((section(".init_array"))) constant int x = 1;\n${KERNEL}`,
      '__attribute__((section))',
    ],
    ['a pragma', `#pragma clang section data=".init_array"\n${KERNEL}`, '#pragma clang section'],
    [
      'a declared function',
      'extern "C" int system(constant char*);\nkernel void k(device float* o [[buffer(0)]]) { system("ls"); o[0] = 1; }',
      "undefined function 'system'",
    ],
    [
      'a builtin function',
      'kernel void k(device float* o [[buffer(0)]]) { __builtin_printf("x"); o[0] = 1; }',
      '__builtin_printf',
    ],
  ])('%s', async (_, program, message) => {
    const errors = errorsOf(await check(`${PRELUDE}${program}`));
    expect(errors.map((error) => error.message).join('\n')).toContain(message);
    expect(errors.every(({ line }) => line === 3 || line === 4)).toBe(true);
  });
});

describe('files', () => {
  const folder = emptyFolder();
  const compile = (text: string) =>
    checkHost(
      { path: join(folder, 'main.metal'), text: `${PRELUDE}${text}\n${KERNEL}` },
      { cacheDir: testCache },
    );
  writeFileSync(join(folder, 'secret.h'), 'constant int secret = 1;\n#embed "main.metal"\n');
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'sub', 'fine.h'), '# 1 "/etc/passwd"\nconstant int fine = wrong;\n');
  execFileSync('mkfifo', [join(folder, 'pipe.h')]);

  test.each([
    [
      'an embedded file',
      'constant uchar s[] = {\n#embed "/etc/hostname"\n};',
      'main.metal',
      4,
      "'#embed' is not supported in Metal",
    ],
    [
      'spelled otherwise',
      '#em\\\nbed "/etc/hostname"',
      'main.metal',
      3,
      "'#embed' is not supported in Metal",
    ],
    [
      'behind what looks like a comment',
      'constant char* s = "/*";\n#embed "/etc/hostname"\n// */',
      'main.metal',
      4,
      '#embed',
    ],
    ['in an included file', '#include "secret.h"', 'secret.h', 2, '#embed'],
    [
      'an absolute path',
      '#include "/etc/hostname"',
      'main.metal',
      3,
      "an absolute path cannot be included: '/etc/hostname'",
    ],
    ['a pipe', '#include "pipe.h"', 'main.metal', 3, "'pipe.h' is no regular file"],
    ['a name that a macro makes', '#define F "pipe.h"\n#include F', 'main.metal', 4, 'macro'],
  ])('%s', async (_, text, file, line, message) => {
    const [error] = errorsOf(await compile(text));
    expect(error).toMatchObject({ file: join(folder, file), line });
    expect(error?.message).toContain(message);
  });

  test('a source that says that it is another file keeps its name', async () => {
    const text = '# 1 "/etc/passwd"\nconstant int x = wrong;\n#line 7 "/etc/shadow"\nconstant int y = wrong;';
    expect(errorsOf(await compile(text)).map((error) => [error.file, error.line])).toEqual([
      [join(folder, 'main.metal'), 4],
      [join(folder, 'main.metal'), 6],
    ]);
  });
});

describe('texts that end early', () => {
  test.each([
    'namespace a { struct S {',
    'kernel void k(device float* o) { o[0] = (1;',
    'template <',
    '[[',
    'struct',
    'constant',
    'kernel void k(',
    'enum { a = ',
    '"',
    "'",
    '(((((',
    '}',
    ')',
    'using x =',
    'a::',
    '#if 1',
  ])('%s', async (text) => {
    const errors = errorsOf(await check(`${PRELUDE}${text}\n`));
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.every((error) => error.file === 'program.metal' && error.line <= 4)).toBe(true);
  });

  test('deep nesting and long lines', async () => {
    const deep = await check(kernel(`o[i] = ${'('.repeat(5000)}1${')'.repeat(5000)};`));
    expect(errorsOf(deep).length).toBeGreaterThan(0);
    const long = await check(kernel(`o[i] = ${'1 + '.repeat(2000)} wrong;`));
    expect(errorsOf(long).map(({ line }) => line)).toEqual([5]);
  });
});
