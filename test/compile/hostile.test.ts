// Programs that would read files or run code where they are compiled or loaded, and what no parser expects: each gets an
// answer.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { findClang } from '../../generator/compile/clang.js';
import { checkHost } from '../../generator/compile/host.js';
import { runCompiler } from '../../generator/compile/process.js';
import { check, emptyFolder, errorsOf, kernel, PRELUDE, testCache } from './support.js';

/** Names that only the translated program and the compiler know. */
const INTERNAL = /__msl_|__generic|__global|__private|__local|__constant|\b_Z\w+|msl_rt/u;

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

describe('cases', () => {
  const folder = new URL('hostile/', import.meta.url);
  test.each([
    ['ctor', [3, 4], 'not supported: __attribute__((constructor))'],
    ['embed', [4], "'#embed' is not supported in Metal"],
    ['linemark', [5], "use of undeclared identifier 'undefined_name'"],
    ['system', [3, 5], 'system'],
    ['unclosed_brace', [3, 4, 5], ''],
    ['unclosed_paren', [3, 4], ''],
  ] as const)('%s', async (name, lines, message) => {
    const path = `${name}.metal`;
    const text = readFileSync(new URL(path, folder), 'utf8');
    const errors = errorsOf(await checkHost({ path, text }, { cacheDir: testCache }));
    expect(errors.map((error) => error.message).join('\n')).toContain(message);
    for (const error of errors) {
      expect(error.file.endsWith(path)).toBe(true);
      expect(lines).toContain(error.line);
      expect(error.message).not.toMatch(INTERNAL);
    }
  });

  test('all of them', () => {
    expect(readdirSync(folder)).toHaveLength(6);
  });
});

describe('programs that grow', () => {
  const doubled = (depth: number) =>
    Array.from({ length: depth }, (_, level) => `#define M${level + 1} M${level} + M${level}\n`).join('');
  test.each([
    [
      'a macro that doubles',
      `#define M0 o[0]\n${doubled(40)}kernel void k(device float* o [[buffer(0)]]) { o[0] = M40; }`,
    ],
    [
      'a template without an end',
      'template <int N> struct S { static constexpr int v = S<N + 1>::v; };\nkernel void k(device float* o [[buffer(0)]]) { o[0] = S<0>::v; }',
    ],
    [
      'templates that double',
      'template <int N, int M> struct S { static constexpr int v = S<N - 1, 2 * M>::v + S<N - 1, 2 * M + 1>::v; };\ntemplate <int M> struct S<0, M> { static constexpr int v = wrong; };\nkernel void k(device float* o [[buffer(0)]]) { o[0] = S<10, 0>::v; }',
    ],
    [
      'a constant that takes forever',
      'constexpr int f(int n) { int s = 0; for (int i = 0; i < n; ++i) for (int j = 0; j < n; ++j) s ^= j; return s; }\nconstant constexpr int x = f(1000000);',
    ],
    ['a file that includes itself', '#include "program.metal"'],
    [
      'nested blocks',
      `kernel void k(device float* o [[buffer(0)]]) { ${'{'.repeat(3000)} o[0] = 1; ${'}'.repeat(3000)} }`,
    ],
    ['nested namespaces', `${'namespace a {'.repeat(3000)} int ${'}'.repeat(3000)}`],
    ['nested conditions', `#if 1\n`.repeat(3000)],
    ['unary operators', kernel(`o[i] = ${'- '.repeat(20000)}wrong;`)],
  ])('%s', { timeout: 120_000 }, async (_, text) => {
    const program = text.startsWith(PRELUDE) ? text : `${PRELUDE}${text}`;
    const errors = await check(program).then(errorsOf, (error: unknown) => [
      { message: String(error), line: 1 },
    ]);
    expect(errors.length).toBeGreaterThan(0);
    for (const { message, line } of errors) {
      expect(message.length).toBeLessThan(2000);
      expect(message).not.toMatch(INTERNAL);
      expect(line).toBeLessThan(3010);
    }
  });

  test('compilers that take too much are ended', async () => {
    const loop = ['/bin/sh', '-c', 'while :; do :; done'];
    const limits = { memoryBytes: 2 ** 30, seconds: 1 };
    await expect(runCompiler(loop, { limits })).rejects.toThrow(
      'needs more than 1 GiB of memory or 1 seconds',
    );
    const { command } = await findClang();
    const small = { memoryBytes: 2 ** 25, seconds: 10 };
    const result = runCompiler([...command, '-x', 'c++', '-fsyntax-only', '-'], {
      input: PRELUDE,
      limits: small,
    });
    await expect(
      result.then(
        ({ code }) => code !== 0,
        () => true,
      ),
    ).resolves.toBe(true);
  });
});

describe('messages speak of Metal', () => {
  test.each([
    ['thread float* p = o; o[i] = *p;'],
    ['threadgroup float* p = o; o[i] = *p;'],
    ['device half* p = h; o[i] = *p;'],
    ['float4 v = h[i] + c; o[i] = v;'],
    ['simdgroup_float8x8 m = 3; o[i] = m;'],
    ['atomic_fetch_add_explicit(o, 1, memory_order_relaxed);'],
    ['simd_sum(h); simd_shuffle(o[i]); quad_sum();'],
    ['threadgroup_barrier(mem_flags::mem_device, 3); simdgroup_multiply(o, o);'],
    ['auto l = [&](thread float& x) { x = 1; }; l(o[i]); l(c);'],
    ['as_type<float3>(o[i]); precise::exp(h); fast::pow(o[i]); metal::clamp(1, 2);'],
    ['struct S { float a; } s; s = o[i]; S& r = s; o[i] = r.b; s();'],
    ['vec<float, 3> v = vec<int, 2>(1); v.xyzw = 1; v[o]; o[i] = v + float2x2(1);'],
    ['half x = "a"; bfloat b = x; c = b; array<float, 2> q = 1; o[i] = q;'],
    ['o[i] = undefined(o, h); o.x = 1; i->y = 2; return 1;'],
  ])('%s', async (body) => {
    const errors = errorsOf(await check(kernel(body)));
    expect(errors.length).toBeGreaterThan(0);
    for (const { message, line, file } of errors) {
      expect(message).not.toMatch(INTERNAL);
      expect([file, line]).toEqual(['program.metal', 5]);
    }
  });
});
