// <metal_integer>
#pragma once

namespace metal {
// X(type, its unsigned type, bits)
#define __MSL_WIDTHS(X)                                                                    \
  X(char, uchar, 8) X(uchar, uchar, 8) X(short, ushort, 16) X(ushort, ushort, 16)          \
  X(int, uint, 32) X(uint, uint, 32) X(long, ulong, 64) X(ulong, ulong, 64)

#define __MSL_BITS(T, U, B)                                                                                    \
  __MSL_INL T popcount(T x) { return (T)__builtin_popcountl((ulong)(U)x); }                                   \
  __MSL_INL T clz(T x) { return x == 0 ? (T)B : (T)(__builtin_clzl((ulong)(U)x) - (64 - B)); }                \
  __MSL_INL T ctz(T x) { return x == 0 ? (T)B : (T)__builtin_ctzl((ulong)(U)x); }                             \
  __MSL_INL T reverse_bits(T x) { return (T)(U)(__builtin_bitreverse64((ulong)(U)x) >> (64 - B)); }            \
  __MSL_INL T rotate(T x, T s) {                                                                               \
    const uint k = (uint)s & (B - 1);                                                                          \
    return k == 0 ? x : (T)(U)(((U)x << k) | ((U)x >> (B - k)));                                               \
  }                                                                                                            \
  __MSL_INL T extract_bits(T x, uint offset, uint bits) {                                                      \
    return bits == 0 ? (T)0 : (T)((T)((U)x << (B - offset - bits)) >> (B - bits));                             \
  }                                                                                                            \
  __MSL_INL T insert_bits(T base, T insert, uint offset, uint bits) {                                          \
    const U mask = (U)((bits >= B ? ~(U)0 : (U)(((U)1 << bits) - 1)) << offset);                               \
    return (T)(((U)base & ~mask) | (((U)insert << offset) & mask));                                            \
  }                                                                                                            \
  __MSL_INL U absdiff(T x, T y) { return x > y ? (U)((U)x - (U)y) : (U)((U)y - (U)x); }                        \
  __MSL_INL T hadd(T x, T y) { return (T)((x & y) + ((x ^ y) >> 1)); }                                         \
  __MSL_INL T rhadd(T x, T y) { return (T)((x | y) - ((x ^ y) >> 1)); }                                        \
  __MSL_INL T addsat(T x, T y) {                                                                               \
    T sum;                                                                                                     \
    if (!__builtin_add_overflow(x, y, &sum)) return sum;                                                       \
    return x < (T)0 ? numeric_limits<T>::min() : numeric_limits<T>::max();                                     \
  }                                                                                                            \
  __MSL_INL T subsat(T x, T y) {                                                                               \
    T difference;                                                                                              \
    if (!__builtin_sub_overflow(x, y, &difference)) return difference;                                         \
    return x < y ? numeric_limits<T>::min() : numeric_limits<T>::max();                                        \
  }
__MSL_WIDTHS(__MSL_BITS)
#undef __MSL_BITS
#undef __MSL_WIDTHS

#define __MSL_MULHI(T, B) \
  __MSL_INL T mulhi(T x, T y) { return (T)(((long)x * (long)y) >> B); }
__MSL_MULHI(char, 8)
__MSL_MULHI(uchar, 8)
__MSL_MULHI(short, 16)
__MSL_MULHI(ushort, 16)
__MSL_MULHI(int, 32)
#undef __MSL_MULHI
__MSL_INL uint mulhi(uint x, uint y) { return (uint)(((ulong)x * (ulong)y) >> 32); }
__MSL_INL ulong mulhi(ulong x, ulong y) {
  const ulong xh = x >> 32, yh = y >> 32, xl = (uint)x, yl = (uint)y;
  const ulong p1 = xh * yl, p2 = xl * yh;
  const ulong carry = ((xl * yl) >> 32) + (uint)p1 + (uint)p2;
  return xh * yh + (p1 >> 32) + (p2 >> 32) + (carry >> 32);
}
__MSL_INL long mulhi(long x, long y) {
  return (long)(mulhi((ulong)x, (ulong)y) - (x < 0 ? (ulong)y : 0UL) - (y < 0 ? (ulong)x : 0UL));
}

// The exact a * b + c, saturated.
template <class T, class = enable_if_t<__integer_v<T>>>
__MSL_FIRST T madsat(T a, T b, T c) {
  if constexpr (sizeof(T) < 8) {
    typedef conditional_t<__signed_v<T>, long, ulong> wide;
    const wide value = (wide)a * (wide)b + (wide)c;
    const wide low = numeric_limits<T>::min(), high = numeric_limits<T>::max();
    return (T)(value < low ? low : value > high ? high : value);
  } else {
    const ulong product = (ulong)a * (ulong)b;
    const ulong low = product + (ulong)c;
    const T high = mulhi(a, b) + (T)(low < product ? 1 : 0) + (c < (T)0 ? (T)-1 : (T)0);
    if (high == (__signed_v<T> ? (T)((long)low >> 63) : (T)0)) return (T)low;
    return high < (T)0 ? numeric_limits<T>::min() : numeric_limits<T>::max();
  }
}
template <class T, class = enable_if_t<__integer_v<T>>>
__MSL_FIRST T madhi(T a, T b, T c) {
  return mulhi(a, b) + c;
}
__MSL_INL int mul24(int a, int b) { return a * b; }
__MSL_INL uint mul24(uint a, uint b) { return a * b; }
__MSL_INL int mad24(int a, int b, int c) { return a * b + c; }
__MSL_INL uint mad24(uint a, uint b, uint c) { return a * b + c; }

#define __MSL_UNARY_VECTOR(NAME)                                       \
  template <class T, int N, class = enable_if_t<__integer_v<T>>>       \
  __MSL_INL vec<T, N> NAME(vec<T, N> x) {                              \
    vec<T, N> r;                                                       \
    for (int i = 0; i < N; i++) r[i] = NAME(T(x[i]));                  \
    return r;                                                          \
  }
__MSL_UNARY_VECTOR(popcount)
__MSL_UNARY_VECTOR(clz)
__MSL_UNARY_VECTOR(ctz)
__MSL_UNARY_VECTOR(reverse_bits)
#undef __MSL_UNARY_VECTOR
__MSL_DEFINE_BINARY_VECTOR(rotate, __integer_v)
__MSL_DEFINE_BINARY_VECTOR(hadd, __integer_v)
__MSL_DEFINE_BINARY_VECTOR(rhadd, __integer_v)
__MSL_DEFINE_BINARY_VECTOR(addsat, __integer_v)
__MSL_DEFINE_BINARY_VECTOR(subsat, __integer_v)
__MSL_DEFINE_BINARY_VECTOR(mulhi, __integer_v)
__MSL_DEFINE_BINARY_VECTOR(mul24, __integer_v)
#define __MSL_TERNARY_VECTOR(NAME)                                                                       \
  template <class T, int N, class = enable_if_t<__integer_v<T>>>                                         \
  __MSL_FIRST vec<T, N> NAME(vec<T, N> a, type_identity_t<vec<T, N>> b, type_identity_t<vec<T, N>> c) {  \
    vec<T, N> r;                                                                                         \
    for (int i = 0; i < N; i++) r[i] = NAME(T(a[i]), T(b[i]), T(c[i]));                                  \
    return r;                                                                                            \
  }
__MSL_TERNARY_VECTOR(madhi)
__MSL_TERNARY_VECTOR(madsat)
__MSL_TERNARY_VECTOR(mad24)
#undef __MSL_TERNARY_VECTOR
template <class T, int N, class = enable_if_t<__integer_v<T>>>
__MSL_FIRST vec<make_unsigned_t<T>, N> absdiff(vec<T, N> x, type_identity_t<vec<T, N>> y) {
  vec<make_unsigned_t<T>, N> r;
  for (int i = 0; i < N; i++) r[i] = absdiff(T(x[i]), T(y[i]));
  return r;
}
template <class T, int N, class = enable_if_t<__integer_v<T>>>
__MSL_INL vec<T, N> extract_bits(vec<T, N> x, uint offset, uint bits) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) r[i] = extract_bits(T(x[i]), offset, bits);
  return r;
}
template <class T, int N, class = enable_if_t<__integer_v<T>>>
__MSL_INL vec<T, N> insert_bits(vec<T, N> base, vec<T, N> insert, uint offset, uint bits) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) r[i] = insert_bits(T(base[i]), T(insert[i]), offset, bits);
  return r;
}
}  // namespace metal
