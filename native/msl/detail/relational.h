// <metal_relational> and select
#pragma once

namespace metal {
#define __MSL_CLASSIFY(T, BITS)                                                             \
  __MSL_INL bool isnan(T x) { return x != x; }                                              \
  __MSL_INL bool isfinite(T x) { return __msl_precise::fabs((float)x) < INFINITY; }         \
  __MSL_INL bool isnormal(T x) { return isfinite(x) && fabs(x) >= numeric_limits<T>::min(); } \
  __MSL_INL bool isordered(T x, T y) { return x == x && y == y; }                           \
  __MSL_INL bool isunordered(T x, T y) { return x != x || y != y; }                         \
  __MSL_INL bool signbit(T x) { return as_type<BITS>(x) >> (8 * sizeof(T) - 1); }
__MSL_CLASSIFY(float, uint)
__MSL_CLASSIFY(half, ushort)
#undef __MSL_CLASSIFY
#define __MSL_CLASSIFY_BFLOAT(NAME)                          \
  template <class T, class... None, __MSL_IF_BFLOAT_ALONE(T, None)> \
  __MSL_INL bool NAME(T x, None...) {                        \
    return NAME((float)x);                                   \
  }
#define __MSL_CLASSIFY_VECTOR(NAME)                          \
  template <class T, int N, class = enable_if_t<__float_v<T>>> \
  __MSL_INL vec<bool, N> NAME(vec<T, N> x) {                 \
    vec<bool, N> r;                                          \
    for (int i = 0; i < N; i++) r[i] = NAME(T(x[i]));        \
    return r;                                                \
  }
#define __MSL_CLASSIFY_ALL(NAME) __MSL_CLASSIFY_BFLOAT(NAME) __MSL_CLASSIFY_VECTOR(NAME)
__MSL_CLASSIFY_ALL(isnan)
__MSL_CLASSIFY_ALL(isinf)
__MSL_CLASSIFY_ALL(isfinite)
__MSL_CLASSIFY_ALL(isnormal)
__MSL_CLASSIFY_ALL(signbit)
#undef __MSL_CLASSIFY_ALL
#undef __MSL_CLASSIFY_VECTOR
#undef __MSL_CLASSIFY_BFLOAT

#define __MSL_ORDER(NAME)                                                              \
  template <class T, __MSL_IF_BFLOAT(T)>                                               \
  __MSL_INL bool NAME(T x, T y) {                                                      \
    return NAME((float)x, (float)y);                                                   \
  }                                                                                    \
  template <class T, int N, class = enable_if_t<__float_v<T>>>                         \
  __MSL_FIRST vec<bool, N> NAME(vec<T, N> x, type_identity_t<vec<T, N>> y) {           \
    vec<bool, N> r;                                                                    \
    for (int i = 0; i < N; i++) r[i] = NAME(T(x[i]), T(y[i]));                         \
    return r;                                                                          \
  }
__MSL_ORDER(isordered)
__MSL_ORDER(isunordered)
#undef __MSL_ORDER

__MSL_INL bool any(bool x) { return x; }
__MSL_INL bool all(bool x) { return x; }
template <int N>
__MSL_INL bool any(vec<bool, N> x) {
  bool r = false;
  for (int i = 0; i < N; i++) r = r || x[i];
  return r;
}
template <int N>
__MSL_INL bool all(vec<bool, N> x) {
  bool r = true;
  for (int i = 0; i < N; i++) r = r && x[i];
  return r;
}

#define __MSL_SELECT(T) \
  __MSL_INL T select(T no, T yes, bool c) { return c ? yes : no; }
__MSL_SELECT(bool)
__MSL_SCALARS(__MSL_SELECT)
#undef __MSL_SELECT
template <class T, int N>
__MSL_FIRST vec<T, N> select(vec<T, N> no, type_identity_t<vec<T, N>> yes, vec<bool, N> c) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) r[i] = c[i] ? T(yes[i]) : T(no[i]);
  return r;
}
template <class T, int N>
__MSL_FIRST vec<T, N> select(vec<T, N> no, type_identity_t<vec<T, N>> yes, bool c) {
  return c ? yes : no;
}
template <class S, class T, int N, __MSL_IF_SCALAR(S)>
__MSL_INL vec<T, N> select(S no, vec<T, N> yes, vec<bool, N> c) {
  return select(vec<T, N>(T(no)), yes, c);
}
}  // namespace metal
