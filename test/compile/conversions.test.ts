// half and bfloat convert into each other wherever a program says so, in templates too; bit fields convert like numbers.

import { expect, test } from 'vitest';

import { check, kernel, programOf } from './support.js';

test.each([
  [
    'in templates',
    kernel(
      'o[i] = float(conv<bfloat>(1.0h)) + float(conv<half>(1.0bf)) + conv<float>(2) + C<bfloat>::f(1.0h) + C<half>::f(1.0bf);',
      'template <typename T, typename U> T conv(U x) { T y = (T)x; y = T(x + x) + (T)-x; y += T(x); return y; } template <typename T> struct C { typedef T R; using A = T; template <typename U> static T f(U x) { return R(x) + A(x) + typename C<T>::R(x); } };',
    ),
  ],
  [
    'of memory',
    kernel(
      'device bfloat* b = (device bfloat*)o; device half* d = (device half*)(o + 8); f(b, d); f(d, b);',
      'template <typename T, typename U> void f(device T* a, device U* b) { a[0] = T(b[0]); a[1] = static_cast<T>(b[1]); a[2] = (T)b[3] + T(b[4] * b[5]); vec<T, 4> v = vec<T, 4>(T(b[0]), T(b[1]), T(b[2]), (T)b[3]); a[5] = v.x; }',
    ),
  ],
  [
    'of bit fields',
    kernel(
      'B b; b.x = i; o[i] = static_cast<float>(b.x) + float(b.y) + (float)b.x; half q = half(b.x); bfloat w = bfloat(b.y); int z = i > 2 ? b.x : b.y; o[i] += q + w + z + f<float>(b) + (i ? b.y : 2u);',
      'struct B { uint x : 4; uint y : 12; }; template <typename T> T f(B b) { return T(b.x) + (T)b.y; }',
    ),
  ],
  [
    'beside bases, declarations and function types',
    kernel(
      'D<E> d(1); o[i] = d.x + float(bfloat(d.x)) + apply<float>(twice, 2);',
      'struct E { float x; E(float y) : x(y) {} }; template <typename T> struct D : public T { D(float y) : T(y) {} }; float twice(float x) { return 2 * x; } template <typename T> T apply(T (*f)(T), T x) { return f(T(x)); }',
    ),
  ],
])('%s', async (_, program) => {
  expect((await check(program)).diagnostics).toEqual([]);
});

test('the operand of a cast ends where its precedence says', () => {
  const program = 'bfloat b; template <typename T> T f(T x) { return (T)x.a[1] + (T)-g(x) * (T)(x + 1); }';
  expect(programOf(program)).toContain(
    '__msl_convert< T >( x.a[1]) + __msl_convert< T >( -g(x)) * __msl_convert< T >( (x + 1));'.replaceAll(
      '< T >( ',
      '<T>(',
    ),
  );
});
