// No reference or pointer refers to a component of a vector; those to vectors, and to members with such names, are fine.

import { describe, expect, test } from 'vitest';

import { check, errorsOf, kernel } from './support.js';

const P =
  'struct P { float x, y; float4 v; }; void f(thread float& x) { x = 1; } void g(thread float* x) { *x = 1; } template <typename T> void each(thread T& x) { x = 1; }';
const Q =
  'device float4* q = (device float4*)o; float4 v = 1; float4 a[2]; P s; float2x2 m; int2 e; threadgroup float4 t; ';

describe('refused', () => {
  test.each([
    'thread float& r = v.x; r = 1;',
    'thread float& r = v[i]; r = 1;',
    'device float& r = q[0].x; r = 1;',
    'device float& r = q[0][1]; r = 1;',
    'thread float* p = &v.x; *p = 1;',
    'device float* p = &q[i].x; *p = 1;',
    'device float* p = &q->x; *p = 1;',
    'device float* p = &q[i][0]; *p = 1;',
    'thread float& r = s.v.x; r = 1;',
    'thread float* r = &s.v[1]; *r = 1;',
    'thread float& r = a[1].x; r = 1;',
    'thread float& r = a[1][0]; r = 1;',
    'threadgroup float& r = t.x; r = 1;',
    'thread float& r = m[0][0]; r = 1;',
    'f(v.x);',
    'f(a[1].y);',
    'g(&v.y);',
    'each(v.x);',
    'auto l = [](thread float& x) { x = 1; }; l(v.x);',
    'v.x = sincos(o[0], v.y);',
    'o[i] = frexp(o[0], e.x);',
    'o[i] = modf(o[0], v[1]);',
  ])('%s', async (statement) => {
    const outcome = await check(kernel(Q + statement, P));
    expect(outcome.ok).toBe(false);
    expect(errorsOf(outcome).map(({ line, message }) => [line, message])).toContainEqual([
      5,
      'a reference or pointer cannot refer to a component of a vector',
    ]);
  });
});

test('accepted', async () => {
  const program = kernel(
    `${Q}thread float& r = s.x; r = 1; f(s.y); g(&s.x); each(s.y); each(v); thread float2& column = m[0]; column = 1; thread float4& w = a[1]; w.x = 2;
device P* d = (device P*)o; device float* z = &d->x; *z = 1; device float& y = d[1].y; y = 2; device float* u = &o[1]; *u = v.x;
const thread float& b = v.x; o[i] = b + max(v.x, v[1]) + sincos(v.x, r); device float4* n = &q[1]; n->x = i & e.x; e.y = i &e.x;`,
    P,
  );
  expect((await check(program)).diagnostics).toEqual([]);
});
