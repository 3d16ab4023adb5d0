import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { metalWords, readDiagnostics } from '../../generator/compile/diagnostics.js';
import { checkHost } from '../../generator/compile/host.js';
import { check, emptyFolder, errorsOf, kernel, PRELUDE, testCache } from './support.js';

/** The words at which errors are, with their lines; a column that is not the start of a word gives none. */
async function places(program: string): Promise<string[]> {
  const lines = program.split('\n');
  return errorsOf(await check(program)).map(({ line, column }) => {
    const text = lines[line - 1] ?? '';
    const word = /\W/u.test(text.charAt(column - 2)) ? /^\w+/u.exec(text.slice(column - 1))?.[0] : undefined;
    return `${line} ${word ?? ''}`;
  });
}

describe('places of errors', () => {
  test('behind rewritten words, wide gaps, comments and tabs', async () => {
    const program = `${PRELUDE}kernel void k(device float* o [[buffer(0)]],    threadgroup float* t [[threadgroup(0)]]) {
  /* device */ o[0] = 1.0 ? o[1] :      missing;   // a comment
\to[1] = (o[2] > 0.5 ? o[3] : t[1]) + absent;
}`;
    expect(await places(program)).toEqual(['4 missing', '5 absent']);
  });

  test('a macro is blamed where it is used', async () => {
    const program = `${PRELUDE}#define SCALE(x) ((x) * undeclared)
kernel void k(device float* o [[buffer(0)]]) {
  o[0] = o[1] +   SCALE(o[2]);
}`;
    expect(await places(program)).toEqual(['5 SCALE']);
  });

  test("the front end's own messages have columns too", async () => {
    const program = `${PRELUDE}inline float f(float a, float* b) { return a + *b; }
kernel void k(device float* o [[buffer(0)]]) {
  threadgroup float t[2];   double d = 0;
}`;
    expect(await places(program)).toEqual(['5 double', '3 float']);
  });

  test('an error that only an instantiation shows is found in the template, with a note', async () => {
    const program = `${PRELUDE}template <typename T> kernel void k(device T* o [[buffer(0)]]) {
  o[0] = o[1].x;
}
template [[host_name("bad")]] [[kernel]] decltype(k<float>) k<float>;`;
    const outcome = await check(program);
    expect(outcome.kernels).toEqual(['bad']);
    expect(outcome.diagnostics[0]).toMatchObject({ file: 'program.metal', line: 4, severity: 'error' });
    expect(outcome.diagnostics[1]).toMatchObject({ file: 'program.metal', line: 6, severity: 'note' });
  });

  test('what goes wrong inside of the library is blamed on the program', async () => {
    const program = `${PRELUDE}kernel void k(device float* o [[buffer(0)]]) {
  o[0] = as_type<half>(o[1]);
}`;
    expect(await places(program)).toEqual(['4 as_type']);
  });

  test('in included files', async () => {
    const folder = emptyFolder();
    mkdirSync(join(folder, 'sub'));
    writeFileSync(
      join(folder, 'sub', 'part.h'),
      '#pragma once\ninline float part(float x) { return x + nothing; }\n',
    );
    writeFileSync(
      join(folder, 'main.metal'),
      `#include "sub/part.h"\nkernel void k(device float* o) { o[0] = part(1); }\n`,
    );
    const outcome = await checkHost({ path: join(folder, 'main.metal') }, { cacheDir: testCache });
    expect(errorsOf(outcome)).toMatchObject([{ file: join(folder, 'sub', 'part.h'), line: 2, column: 41 }]);
  });

  test("the preprocessor's errors", async () => {
    const outcome = await check('int a;\n  #include "missing.h"\n');
    expect(outcome).toMatchObject({
      ok: false,
      diagnostics: [
        {
          file: 'program.metal',
          line: 2,
          column: 12,
          severity: 'error',
          message: "'missing.h' file not found",
        },
      ],
    });
  });
});

test('a warning that is left out takes its notes along', () => {
  const log = `a.metal:3:4: error: one
a.metal:3:5: note: of one
a.metal:4:4: warning: implicit conversion from 'int' to 'float' changes the value
a.metal:5:4: note: of the warning
a.metal:7:1: warning: implicit conversion loses floating-point precision: 'float' to '__bf16'
a.metal:8:1: note: of the conversion`;
  expect(readDiagnostics(log).map(({ line, severity }) => [line, severity])).toEqual([
    [3, 'error'],
    [3, 'note'],
    [7, 'error'],
    [8, 'note'],
  ]);
});

test.each(['metal9.9', 'metal1.0', 'metal2.4', 'metal', 'metal 2', 'glsl'])(
  'a first line of another program, %s, says nothing',
  async (language) => {
    expect(
      (await check(`// language: ${language}\n${kernel('bfloat b = bfloat(1.0f); o[i] = b;')}`)).ok,
    ).toBe(true);
  },
);

test('a source that cannot be read is an error of the user', async () => {
  await expect(checkHost({ path: '/nowhere/at all.metal' }, { cacheDir: testCache })).rejects.toMatchObject({
    code: 'compile/unreadable-source',
    where: '/nowhere/at all.metal',
  });
});

test.each([
  [
    "cannot initialize '__private float *__private' with '__global float *__private'",
    "cannot initialize 'thread float *' with 'device float *'",
  ],
  [
    "no viable conversion from 'metal::vec<half, 4>' to '__private vec<float, 4>'",
    "no viable conversion from 'half4' to 'float4'",
  ],
  ["static assertion failed due to requirement 'a == b': sizes differ", 'sizes differ'],
  [
    "implicit conversion loses floating-point precision: 'float' to '__bf16'",
    "no implicit conversion from 'float' to 'bfloat'",
  ],
  ["type 'const __constant uint' (aka 'const __constant unsigned int')", "type 'constant uint'"],
])('%s', (message, expected) => {
  expect(metalWords(message)).toBe(expected);
});
