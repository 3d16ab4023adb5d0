// <metal_math>: functions of float, half, bfloat and their vectors. metal:: means precise::, except in instrumented programs:
// there it means fast::, as Metal does by default, so that checks find what needs the precise functions and does not say so.
#pragma once

#include "precise.h"
#ifndef __NVPTX__
#include "fast_host.h"
#endif

// Right to the last bit wherever they come from.
#define __MSL_EXACT1(X) X(ceil) X(fabs) X(floor) X(rint) X(round) X(saturate) X(sign) X(trunc)
#define __MSL_EXACT2(X) X(copysign) X(fdim) X(fmax) X(fmin) X(fmod)
// Those that have a fast form.
#define __MSL_ROUNDED1(X)                                                                                       \
  X(acos) X(acosh) X(asin) X(asinh) X(atan) X(atanh) X(cos) X(cosh) X(cospi) X(exp) X(exp10) X(exp2) X(log)     \
  X(log10) X(log2) X(rsqrt) X(sin) X(sinh) X(sinpi) X(sqrt) X(tan) X(tanh) X(tanpi)
#define __MSL_ROUNDED2(X) X(atan2) X(divide) X(pow) X(powr)
#define __MSL_UNARY(X) __MSL_EXACT1(X) __MSL_ROUNDED1(X)
#define __MSL_BINARY(X) __MSL_EXACT2(X) __MSL_ROUNDED2(X)

// What bfloat gives is float: it converts to float alone.
#define __MSL_IF_BFLOAT(T) class = enable_if_t<__is_same(T, bfloat)>
// Of one argument: the empty pack lets a template of the program that takes it as it is go before.
#define __MSL_IF_BFLOAT_ALONE(T, NONE) class = enable_if_t<__is_same(T, bfloat) && sizeof...(NONE) == 0>
#define __MSL_IF_BFLOATS(T, U)                                            \
  class = enable_if_t<(__is_same(T, bfloat) && __number_v<U>) ||     \
                      (__is_same(U, bfloat) && __number_v<T>)>
#define __MSL_IF_BFLOATS3(T, U, V)                                        \
  class = enable_if_t<(__is_same(T, bfloat) || __is_same(U, bfloat) || __is_same(V, bfloat)) && \
                      __number_v<T> && __number_v<U> && __number_v<V>>
#define __MSL_IF_SCALAR(S) class = enable_if_t<__number_v<S>>

// A function of three arguments of which one is a bfloat, in terms of that of float.
#define __MSL_DEFINE_BFLOAT3(NAME)                                                \
  template <class T, class U, class V, __MSL_IF_BFLOATS3(T, U, V)>                \
  __MSL_INL float NAME(T x, U y, V z) {                                           \
    return NAME((float)x, (float)y, (float)z);                                    \
  }
// A function of one argument in terms of FUNCTION(float), and for half of HALF(float).
#define __MSL_DEFINE_UNARY(NAME, FUNCTION, HALF)                                  \
  __MSL_INL float NAME(float x) { return FUNCTION(x); }                           \
  __MSL_INL half NAME(half x) { return (half)HALF((float)x); }                    \
  template <class T, class... None, __MSL_IF_BFLOAT_ALONE(T, None)>               \
  __MSL_INL float NAME(T x, None...) {                                            \
    return FUNCTION((float)x);                                                    \
  }                                                                               \
  template <class T, int N, class = enable_if_t<__float_v<T>>>          \
  __MSL_INL vec<T, N> NAME(vec<T, N> x) {                                         \
    vec<T, N> r;                                                                  \
    for (int i = 0; i < N; i++) r[i] = T(NAME(T(x[i])));                          \
    return r;                                                                     \
  }
// Vectors of any function of two arguments; a scalar on either side counts for every component.
#define __MSL_DEFINE_BINARY_VECTOR(NAME, KIND)                                    \
  template <class T, int N, class = enable_if_t<KIND<T>>>                         \
  __MSL_FIRST vec<T, N> NAME(vec<T, N> x, type_identity_t<vec<T, N>> y) {         \
    vec<T, N> r;                                                                  \
    for (int i = 0; i < N; i++) r[i] = T(NAME(T(x[i]), T(y[i])));                 \
    return r;                                                                     \
  }                                                                               \
  template <class S, class T, int N, class = enable_if_t<__number_v<S> && KIND<T>>> \
  __MSL_INL vec<T, N> NAME(S x, vec<T, N> y) {                                    \
    return NAME(vec<T, N>(T(x)), y);                                              \
  }
#define __MSL_DEFINE_BINARY_FLOAT(NAME, FUNCTION, HALF)                           \
  __MSL_INL float NAME(float x, float y) { return FUNCTION(x, y); }               \
  __MSL_INL half NAME(half x, half y) { return (half)HALF((float)x, (float)y); }  \
  template <class T, class U, __MSL_IF_BFLOATS(T, U)>                             \
  __MSL_INL float NAME(T x, U y) {                                                \
    return FUNCTION((float)x, (float)y);                                          \
  }
#define __MSL_DEFINE_BINARY(NAME, FUNCTION, HALF) \
  __MSL_DEFINE_BINARY_FLOAT(NAME, FUNCTION, HALF) \
  __MSL_DEFINE_BINARY_VECTOR(NAME, __float_v)
// In the namespace whose sine and cosine they are.
#define __MSL_DEFINE_SINCOS(T)                                                    \
  __MSL_INL T sincos(T x, T& cosine) {                                            \
    cosine = cos(x);                                                              \
    return sin(x);                                                                \
  }
#define __MSL_DEFINE_SINCOS_TEMPLATES                                             \
  template <class T, __MSL_IF_BFLOAT(T)>                                          \
  __MSL_INL float sincos(T x, type_identity_t<T>& cosine) {                       \
    cosine = T(cos(x));                                                           \
    return sin(x);                                                                \
  }                                                                               \
  template <class T, int N>                                                       \
  __MSL_INL vec<T, N> sincos(vec<T, N> x, vec<T, N>& cosine) {                    \
    cosine = cos(x);                                                              \
    return sin(x);                                                                \
  }

namespace metal {
#define __MSL_PRECISE1(NAME) __MSL_DEFINE_UNARY(NAME, __msl_precise::NAME, __msl_precise::NAME)
#define __MSL_PRECISE2(NAME) __MSL_DEFINE_BINARY(NAME, __msl_precise::NAME, __msl_precise::NAME)
__MSL_EXACT1(__MSL_PRECISE1)
__MSL_EXACT2(__MSL_PRECISE2)
namespace precise {
__MSL_ROUNDED1(__MSL_PRECISE1)
__MSL_ROUNDED2(__MSL_PRECISE2)
__MSL_DEFINE_SINCOS(float)
__MSL_DEFINE_SINCOS(half)
__MSL_DEFINE_SINCOS_TEMPLATES
}  // namespace precise
#undef __MSL_PRECISE1
#undef __MSL_PRECISE2
#ifndef __NVPTX__
namespace fast {
#define __MSL_FAST1(NAME) __MSL_DEFINE_UNARY(NAME, __msl_precise::fast::NAME, __msl_precise::NAME)
#define __MSL_FAST2(NAME) __MSL_DEFINE_BINARY(NAME, __msl_precise::fast::NAME, __msl_precise::NAME)
__MSL_ROUNDED1(__MSL_FAST1)
__MSL_ROUNDED2(__MSL_FAST2)
__MSL_DEFINE_SINCOS(float)
__MSL_DEFINE_SINCOS(half)
__MSL_DEFINE_SINCOS_TEMPLATES
#undef __MSL_FAST1
#undef __MSL_FAST2
}  // namespace fast
#endif
#ifdef MSL_INSTRUMENTED
#define __MSL_USING_DEFAULT(NAME) using fast::NAME;
#else
#define __MSL_USING_DEFAULT(NAME) using precise::NAME;
#endif
__MSL_ROUNDED1(__MSL_USING_DEFAULT)
__MSL_ROUNDED2(__MSL_USING_DEFAULT)
__MSL_USING_DEFAULT(sincos)
#undef __MSL_USING_DEFAULT

// ---- Results that depend on the type's own precision.

__MSL_INL float fract(float x) { return __msl_precise::fract(x); }
__MSL_INL half fract(half x) { return (half)__msl_precise::fract_below((float)x, 0x1.ffcp-1f); }
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_INL vec<T, N> fract(vec<T, N> x) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) r[i] = T(fract(T(x[i])));
  return r;
}
__MSL_INL float nextafter(float x, float y) { return __msl_precise::nextafter(x, y); }
__MSL_INL half nextafter(half x, half y) {
  if (x != x || y != y) return (half)NAN;
  if (x == y) return y;
  const ushort bits = as_type<ushort>(x);
  if (x == (half)0.0f) return as_type<half>((ushort)(1u | (as_type<ushort>(y) & 0x8000u)));
  return as_type<half>((ushort)((x < y) == (x > (half)0.0f) ? bits + 1 : bits - 1));
}
__MSL_DEFINE_BINARY_VECTOR(nextafter, __float_v)

// ---- Minimum, maximum and what is made of them.

#define __MSL_MINMAX_FLOAT(T)                                                     \
  __MSL_INL T min(T x, T y) { return fmin(x, y); }                                \
  __MSL_INL T max(T x, T y) { return fmax(x, y); }                                \
  __MSL_INL T clamp(T x, T low, T high) { return fmin(fmax(x, low), high); }
#define __MSL_MINMAX_INTEGER(T)                                                   \
  __MSL_INL T min(T x, T y) { return y < x ? y : x; }                             \
  __MSL_INL T max(T x, T y) { return x < y ? y : x; }                             \
  __MSL_INL T clamp(T x, T low, T high) { return min(max(x, low), high); }
#define __MSL_THREE(T)                                                            \
  __MSL_INL T min3(T a, T b, T c) { return min(min(a, b), c); }                   \
  __MSL_INL T max3(T a, T b, T c) { return max(max(a, b), c); }                   \
  __MSL_INL T median3(T a, T b, T c) { return max(min(a, b), min(max(a, b), c)); }
#define __MSL_THREE_FLOAT(T)                                                      \
  __MSL_INL T fmin3(T a, T b, T c) { return fmin(fmin(a, b), c); }                \
  __MSL_INL T fmax3(T a, T b, T c) { return fmax(fmax(a, b), c); }                \
  __MSL_INL T fmedian3(T a, T b, T c) { return fmax(fmin(a, b), fmin(fmax(a, b), c)); }
__MSL_MINMAX_FLOAT(float)
__MSL_MINMAX_FLOAT(half)
__MSL_INTEGERS(__MSL_MINMAX_INTEGER)
template <class T, class U, __MSL_IF_BFLOATS(T, U)>
__MSL_INL float min(T x, U y) {
  return __msl_precise::fmin((float)x, (float)y);
}
template <class T, class U, __MSL_IF_BFLOATS(T, U)>
__MSL_INL float max(T x, U y) {
  return __msl_precise::fmax((float)x, (float)y);
}
__MSL_DEFINE_BINARY_VECTOR(min, __number_v)
__MSL_DEFINE_BINARY_VECTOR(max, __number_v)
__MSL_THREE(float)
__MSL_THREE(half)
__MSL_INTEGERS(__MSL_THREE)
__MSL_THREE_FLOAT(float)
__MSL_THREE_FLOAT(half)
__MSL_DEFINE_BFLOAT3(clamp)
__MSL_DEFINE_BFLOAT3(min3)
__MSL_DEFINE_BFLOAT3(max3)
__MSL_DEFINE_BFLOAT3(median3)
__MSL_DEFINE_BFLOAT3(fmin3)
__MSL_DEFINE_BFLOAT3(fmax3)
__MSL_DEFINE_BFLOAT3(fmedian3)
#define __MSL_THREE_VECTOR(NAME, KIND)                                                                      \
  template <class T, int N, class = enable_if_t<KIND<T>>>                                                   \
  __MSL_FIRST vec<T, N> NAME(vec<T, N> a, type_identity_t<vec<T, N>> b, type_identity_t<vec<T, N>> c) {     \
    vec<T, N> r;                                                                                            \
    for (int i = 0; i < N; i++) r[i] = T(NAME(T(a[i]), T(b[i]), T(c[i])));                                  \
    return r;                                                                                               \
  }
__MSL_THREE_VECTOR(min3, __number_v)
__MSL_THREE_VECTOR(max3, __number_v)
__MSL_THREE_VECTOR(median3, __number_v)
__MSL_THREE_VECTOR(fmin3, __float_v)
__MSL_THREE_VECTOR(fmax3, __float_v)
__MSL_THREE_VECTOR(fmedian3, __float_v)
template <class T, int N>
__MSL_FIRST vec<T, N> clamp(vec<T, N> x, type_identity_t<vec<T, N>> low, type_identity_t<vec<T, N>> high) {
  return min(max(x, low), high);
}

// ---- Absolute value, fused multiply-add, interpolation, decomposition.

#define __MSL_ABS_INTEGER(T) \
  __MSL_INL T abs(T x) { return x < (T)0 ? (T)-x : x; }
__MSL_INTEGERS(__MSL_ABS_INTEGER)
template <class T, class... None, __MSL_IF_BFLOAT_ALONE(T, None)>
__MSL_INL float abs(T x, None...) {
  return __msl_precise::fabs((float)x);
}

#define __MSL_FLOATING(T)                                                                                     \
  __MSL_INL T abs(T x) { return fabs(x); }                                                                    \
  __MSL_INL T fma(T a, T b, T c) { return __msl_precise::fma(a, b, c); }                                      \
  __MSL_INL T mix(T x, T y, T a) { return x + (y - x) * a; }                                                  \
  __MSL_INL T step(T edge, T x) { return x < edge ? (T)0.0f : (T)1.0f; }                                      \
  __MSL_INL T smoothstep(T low, T high, T x) {                                                                \
    const T t = clamp((x - low) / (high - low), (T)0.0f, (T)1.0f);                                            \
    return t * t * ((T)3.0f - (T)2.0f * t);                                                                   \
  }                                                                                                           \
  __MSL_INL T ldexp(T x, int k) { return (T)__msl_precise::ldexp((float)x, k); }                              \
  __MSL_INL int ilogb(T x) { return __msl_precise::ilogb((float)x); }                                         \
  __MSL_INL T frexp(T x, int& exponent) { return (T)__msl_precise::frexp((float)x, &exponent); }    \
  __MSL_INL T modf(T x, T& whole) {                                                                 \
    whole = trunc(x);                                                                                         \
    return isinf(x) ? copysign((T)0.0f, x) : copysign(x - whole, x);                                          \
  }
__MSL_INL bool isinf(float x) { return __msl_precise::fabs(x) == INFINITY; }
__MSL_INL bool isinf(half x) { return __msl_precise::fabs((float)x) == INFINITY; }
__MSL_FLOATING(float)
__MSL_FLOATING(half)
__MSL_DEFINE_BFLOAT3(fma)
__MSL_DEFINE_BFLOAT3(mix)
__MSL_DEFINE_BFLOAT3(smoothstep)
template <class T, __MSL_IF_BFLOAT(T)>
__MSL_INL float modf(T x, type_identity_t<T>& whole) {
  float part;
  const float r = modf((float)x, part);
  whole = T(part);
  return r;
}
template <class T, int N>
__MSL_INL vec<T, N> abs(vec<T, N> x) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) r[i] = T(abs(T(x[i])));
  return r;
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_FIRST vec<T, N> fma(vec<T, N> a, type_identity_t<vec<T, N>> b, type_identity_t<vec<T, N>> c) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) r[i] = T(fma(T(a[i]), T(b[i]), T(c[i])));
  return r;
}
template <class S, class T, int N, class = enable_if_t<__number_v<S> && __float_v<T>>>
__MSL_FIRST vec<T, N> fma(S a, vec<T, N> b, type_identity_t<vec<T, N>> c) {
  return fma(vec<T, N>(T(a)), b, c);
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_FIRST vec<T, N> mix(vec<T, N> x, type_identity_t<vec<T, N>> y, type_identity_t<vec<T, N>> a) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) r[i] = T(mix(T(x[i]), T(y[i]), T(a[i])));
  return r;
}
__MSL_DEFINE_BINARY_VECTOR(step, __float_v)
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_FIRST vec<T, N> smoothstep(type_identity_t<vec<T, N>> low, type_identity_t<vec<T, N>> high, vec<T, N> x) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) r[i] = T(smoothstep(T(low[i]), T(high[i]), T(x[i])));
  return r;
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_FIRST vec<T, N> ldexp(vec<T, N> x, type_identity_t<vec<int, N>> k) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) r[i] = T(ldexp(T(x[i]), int(k[i])));
  return r;
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_INL vec<int, N> ilogb(vec<T, N> x) {
  vec<int, N> r;
  for (int i = 0; i < N; i++) r[i] = ilogb(T(x[i]));
  return r;
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_INL vec<T, N> frexp(vec<T, N> x, vec<int, N>& exponent) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) {
    int e;
    r[i] = T(frexp(T(x[i]), e));
    exponent[i] = e;
  }
  return r;
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_INL vec<T, N> modf(vec<T, N> x, vec<T, N>& whole) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) {
    T part;
    r[i] = T(modf(T(x[i]), part));
    whole[i] = part;
  }
  return r;
}
#undef __MSL_FLOATING

#define __MSL_USING(NAME) using metal::NAME;
#define __MSL_SHARED(X)                                                                                      \
  X(fract) X(nextafter) X(min) X(max) X(clamp) X(min3) X(max3) X(median3) X(fmin3) X(fmax3) X(fmedian3)      \
  X(abs) X(fma) X(mix) X(step) X(smoothstep) X(ldexp) X(ilogb) X(frexp) X(modf)
namespace precise {
__MSL_EXACT1(__MSL_USING)
__MSL_EXACT2(__MSL_USING)
__MSL_SHARED(__MSL_USING)
}  // namespace precise

namespace fast {
__MSL_EXACT1(__MSL_USING)
__MSL_EXACT2(__MSL_USING)
__MSL_SHARED(__MSL_USING)
#ifdef __NVPTX__
#include "fast_nvptx.h"
#endif
}  // namespace fast
#undef __MSL_USING
}  // namespace metal
