// Conversions between address spaces that the compiler lets pass and Metal does not, wherever a program may make one; and
// methods for constant memory, which the compiler cannot tell from others.

import { describe, expect, test } from 'vitest';

import { AddressCasts } from '../../generator/compile/syntax-tree/address-casts.js';
import { TreeReader } from '../../generator/compile/syntax-tree/reader.js';
import { check, errorsOf, kernel, PRELUDE } from './support.js';

const S = 'struct S { float a; float get() const { return a; } };';

describe('refused, at their line', () => {
  test.each([
    [
      'constant memory as device memory',
      kernel('o[i] = f(&c);', 'float f(device const float* p) { return *p; }'),
    ],
    [
      'constant memory as a device reference',
      kernel('o[i] = f(c);', 'float f(device const float& p) { return p; }'),
    ],
    [
      'a constant array as thread memory',
      kernel('o[i] = f(t);', 'constant float t[2] = {1, 2}; float f(thread const float* p) { return *p; }'),
    ],
    [
      'a field that points to thread memory',
      kernel('P p{o}; o[i] = *p.x;', 'struct P { const thread float* x; };'),
    ],
    [
      'a constructor that takes thread memory',
      kernel('P p(o); o[i] = p.x;', 'struct P { float x; P(const thread float* y) : x(*y) {} };'),
    ],
    [
      'what is returned',
      kernel('auto l = [](device float* x) -> thread float* {\nreturn x; }; o[i] = *l(o);').replace(
        '[](device float* x) -> thread float* {\n',
        '[](device float* x) -> thread float* {',
      ),
    ],
    ['what the library writes to', kernel('o[i] = sincos(c, o[0]);')],
    [
      'an array reference',
      kernel(
        'threadgroup float t[4]; t[i] = 1; o[i] = f(t);',
        'float f(const thread float (&x)[4]) { return x[0]; }',
      ),
    ],
    [
      'a method of an array element in threadgroup memory',
      kernel('threadgroup S t[2]; t[0].a = 1; o[i] = t[0].get();', S),
    ],
    [
      'a method of a base class',
      kernel('device T* t = (device T*)o; o[i] = t->get();', `${S} struct T : S { float b; };`),
    ],
    ['a conditional', kernel('float x = 1; thread float* p = i > 1 ? &x : o; *p = 1;')],
    [
      'a method of constant memory that is for thread memory',
      kernel('o[i] = cs.get();', `${S} constant S cs = {1};`),
    ],
    ['an assignment', kernel('float x = 1; thread float* p = &x; p = o; *p = 1;')],
    [
      'in a template',
      kernel(
        'o[i] = g(o);',
        'float f(thread const float* p) { return *p; } template <typename T> T g(device T* p) { return f(p); }',
      )
        .replace('o[i] = g(o);', 'o[i] = 1;')
        .replace('return f(p); }', '\n\nreturn f(p); } float h(device float* p) { return g(p); }'),
    ],
  ])('%s', async (_, program) => {
    const outcome = await check(program);
    expect(outcome.ok).toBe(false);
    expect(errorsOf(outcome).map(({ line }) => line)).toEqual([5]);
  });
});

describe('accepted', () => {
  test.each([
    [
      'copies out of and into every address space',
      kernel(
        'device S* p = (device S*)o; threadgroup S t; t = p[0]; S s = t; s = p[1]; p[2] = s; p[3] = t; p[4] = cs; S u = cs; u = cs; o[i] = s.a + u.a;',
        `${S} constant S cs = {1};`,
      ),
    ],
    [
      'structs with arrays and structs in them',
      kernel(
        'device B* p = (device B*)o; B b = p[i]; b.s[1] = p[0].s[1]; p[1] = b; o[i] = b.s[0].get() + B(p[2]).s[1].a;',
        `${S} struct B { S s[2]; float x[3]; };`,
      ),
    ],
    [
      'lambdas that capture',
      kernel('float x = o[i]; auto l = [&](device const float* p) { return p[i] + x; }; o[i] = l(o);'),
    ],
    [
      'vectors and matrices where they lie',
      kernel(
        'device float4* v = (device float4*)o; v[0].xy = v[1].zw; v[2] += v[3] * c; v[4][1] = v[5].x; device float2x2* m = (device float2x2*)o; m[0][1].x = m[1][0][1]; float2x2 n = m[2]; o[i] = n[0].x;',
      ),
    ],
    [
      'arguments of templates in every address space',
      kernel(
        'o[i] = f(o) + f(&c) + g(o[i]) + g(c) + g(1.0f);',
        'template <typename P> float f(P p) { return *p; } template <typename T> float g(T x) { return x; }',
      ),
    ],
  ])('%s', async (_, program) => {
    const outcome = await check(program);
    expect(outcome.diagnostics).toEqual([]);
    expect(outcome.ok).toBe(true);
  });
});

describe('methods for constant memory', () => {
  const program = (type: string) =>
    `${PRELUDE}struct S { float a; ${type} };
constant S cs = {1};
kernel void k(device float* o [[buffer(0)]], constant S* c [[buffer(1)]], device S* d [[buffer(2)]]) {
o[0] = cs.a; S t = *c; o[1] = USE;
}`;
  const methods = (one: number, two: number, three: number) =>
    `float f() const { return ${one}; } float f() const constant { return ${two}; } float f() const device { return ${three}; }`;
  const uses = 'cs.f() + c->f() + d->f() + t.f()';

  test('that do the same as others', async () => {
    expect((await check(program(methods(1, 1, 1)).replace('USE', uses))).diagnostics).toEqual([]);
  });

  test('that do something else', async () => {
    expect((await check(program(methods(1, 2, 3)).replace('USE', uses))).diagnostics).toEqual([]);
  });

  test('conversions that do something else are refused where they are used', async () => {
    const text = program(methods(1, 2, 3).replaceAll('float f', 'operator float'));
    expect((await check(text.replace('USE', 'float(t) + float(*d)'))).diagnostics).toEqual([]);
    const [error] = errorsOf(await check(text.replace('USE', 'float(t) + float(cs)')));
    expect(error?.line).toBe(6);
    expect(error?.message).toContain("not supported: 'operator float'");
  });
});

test('places in the syntax tree follow from those before', () => {
  const casts = new AddressCasts(new Map());
  const reader = new TreeReader((node) => {
    casts.visit(node);
  });
  const cast = (place: string, lines: string[]): string[] => [
    `| |-VarDecl 0x1 <${place} p '__generic float *__private' cinit`,
    `| | \`-ImplicitCastExpr 0x2 <${lines[0] ?? ''}> '__generic float *' <AddressSpaceConversion>`,
    `| |   \`-ImplicitCastExpr 0x3 <${lines[1] ?? ''}> '__global float *' <LValueToRValue>`,
  ];
  [
    ...cast('a b.metal:3:2, line:4:9> line:3:5', ['col:8', 'col:8']),
    ...cast('line:7:1, col:9> col:3', ['line:9:4, col:8', 'col:8']),
    ...cast('c.h:1:1, <invalid sloc>> col:5', ['<invalid sloc>', 'col:8']),
  ].forEach((row) => {
    reader.read(row);
  });
  expect(casts.findings.map(({ file, line, column }) => `${file}:${line}:${column}`)).toEqual([
    'a b.metal:3:8',
    'a b.metal:9:4',
    'c.h:1:1',
  ]);
});
