// Temporaries are thread memory: methods and `const thread T&` take them, and still nothing from other address spaces.

import { describe, expect, test } from 'vitest';

import { check, errorsOf, kernel, programOf } from './support.js';

const NUMBER = `struct N { float a; N(float x) : a(x) {} N() = default; float get() const { return a; }
float inc() { return a += 1; } N operator+(N o) const { return N(a + o.a); } N operator-() const { return N(-a); }
N operator*(const thread N& o) const { return N(a * o.a); } template <typename T> T as() const { return T(a); }
float operator()(float x) const { return a * x; } float operator[](uint i) const { return a + i; }
N with(float x) const { N r = *this; r.a = x; return r; } };
N make(float x) { return N(x); }
float take(const thread N& s) { return s.get(); }
float both(const thread N& s, thread const N& t) { return s.a + t.get(); }`;

const PROGRAMS: Readonly<Record<string, string>> = {
  'methods of temporaries': kernel(
    'o[i] = N(1).get() + make(2).inc() + make(3).with(4).with(5).get() + make(1).as<float>() + N(1)(2.0f) + make(1)[2];',
    NUMBER,
  ),
  'operators of temporaries': kernel(
    'N s(1); N t = s + s + s * s; t = (s + t) * (s + N(2)); t = -(s + t); o[i] = t.a + (s + t).get();',
    NUMBER,
  ),
  'temporaries as references': kernel(
    'N s(1); o[i] = take(s) + take(N(1)) + take(make(2)) + take(3.0f) + both(s, N(2)) + both(N(1), s) + both(N(1), N(2));',
    NUMBER,
  ),
  'references of type parameters': kernel(
    'o[i] = f(1.0f) + f(o[i] + 1) + g(float4(1), 2.0f) + f<half>(2);',
    'template <typename T> float f(const thread T& x) { return float(x); } template <typename T> float g(const thread vec<T, 4>& x, thread const T& y) { return x.x + y; }',
  ),
  'template arguments that are not deduced': kernel(
    'o[i] = f<half>(S{1}) + f<float, 3>(S{2}) + g<float>(1.0f, 2);',
    'struct S { float a; }; template <typename R, int N = 2> R f(const thread S& s) { return R(s.a * N); } template <typename R, typename T, typename... U> R g(const thread T& s, U... u) { return R(s + (u + ...)); }',
  ),
  conversions: kernel(
    'float f = W{2}; o[i] = f + mk(); half q = W{1}; o[i] += q; if (W{1}) o[i] = 1;',
    'struct W { float a; operator float() const { return a; } }; W mk() { return W{1}; }',
  ),
  'functors, also of other argument types': kernel(
    'o[i] = Neg()(2) + Neg{}(3u) + Add()(1, 2) + ap(Neg(), 1.0f) + ap([&](float x) { return x + i; }, 2.0f);',
    'struct Neg { float operator()(float x) const { return -x; } }; struct Add { template <typename T> T operator()(T a, T b) { return a + b; } }; template <typename F> float ap(const thread F& f, float x) { return f(x); }',
  ),
  'copies by the program': kernel(
    'A a(1); A b = a; A d = A(2); A e = mk(); e = A(3); e = mk(); o[i] = b.x + d.x + e.x;',
    'struct A { float x; A(float y) : x(y) {} A(const thread A& o) : x(o.x) {} thread A& operator=(const thread A& o) { x = o.x; return *this; } }; A mk() { return A(4); }',
  ),
  'overloads for other address spaces': kernel(
    'S s{1}; device S* p = (device S*)o; o[i] = f(s) + f(p[0]) + f(S{2}) + f(cs) + s.h(S{1}) + S{1}.h(s) + p[0].h(s);',
    'struct S { float a; float h(const thread S& o) const { return a + o.a; } float h(const thread S& o) const device { return a; } }; float f(const thread S& s) { return s.a; } float f(const device S& s) { return s.a; } float f(constant const S& s) { return s.a; } constant S cs = {1};',
  ),
  'functions that are passed around': kernel(
    'o[i] = apply(f, S{1}) + apply2<f>(S{1});',
    'struct S { float a; }; float f(const thread S& s) { return s.a; } template <typename F> float apply(F g, S s) { return g(s); } template <float (*G)(const thread S&)> float apply2(S s) { return G(s); }',
  ),
  'in constant expressions': kernel(
    'constexpr int x = S(3).f(); static_assert(S(2).f() == 2, ""); float a[S(3).f()]; a[0] = x; o[i] = a[0];',
    'struct S { int a; constexpr S(int x) : a(x) {} constexpr int f() const { return a; } };',
  ),
  'static members of user types, copied in the constant address space': kernel(
    'C d = M<float>::init; o[i] = d.r;',
    'struct C { float r; constexpr C(float a) : r(a) {} }; struct L { static constexpr constant C low = C(2.0f); }; template <typename T> struct M { static constexpr constant C init = L::low; };',
  ),
};

describe('accepted', () => {
  test.each(Object.entries(PROGRAMS))('%s', async (_, program) => {
    const outcome = await check(program);
    expect(outcome.diagnostics).toEqual([]);
    expect(outcome.ok).toBe(true);
  });
});

const S =
  'struct S { float a; float get() const { return a; } S operator+(S x) const { return S{a + x.a}; } operator float() const { return a; } }; float f(const thread S& s) { return s.a; }';

describe('refused', () => {
  test.each([
    ['device memory as const thread T&', kernel('device S* p = (device S*)o; o[i] = f(p[0]);', S)],
    ['threadgroup memory as const thread T&', kernel('threadgroup S t; o[i] = f(t);', S)],
    ['constant memory as const thread T&', kernel('o[i] = f(cs);', `${S} constant S cs = {1};`)],
    [
      'device memory by type parameter',
      kernel('o[i] = g(o[1]);', 'template <typename T> float g(const thread T& s) { return s; }'),
    ],
    ['a method on device memory', kernel('device S* p = (device S*)o; o[i] = p->get();', S)],
    ['an operator on device memory', kernel('device S* p = (device S*)o; S s = p[0] + p[1]; o[i] = s.a;', S)],
    ['a conversion of device memory', kernel('device S* p = (device S*)o; o[i] = float(p[0]);', S)],
    [
      'a temporary that may be written',
      kernel('o[i] = g(S{1});', `${S} float g(thread S& s) { return s.a; }`),
    ],
    ['const thread float& that names device memory', kernel('const thread float& r = o[i]; o[i] = r;')],
  ])('%s', async (_, program) => {
    const outcome = await check(program);
    expect(outcome.ok).toBe(false);
    expect(errorsOf(outcome).every(({ line }) => line === 5)).toBe(true);
  });
});

test('a reference to thread memory takes temporaries', () => {
  expect(programOf('struct S {}; void f(int a, const thread S& s = S()) { }')).toContain(
    'void f(int a, const S& s = S()) { }',
  );
});
