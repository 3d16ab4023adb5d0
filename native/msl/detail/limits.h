// metal::numeric_limits
#pragma once

namespace metal {
// Programs specialise this one for types of their own, or numeric_limits itself.
template <class T>
struct _numeric_limits_impl {
  static constexpr const __global bool is_specialized = false;
};
template <class T>
struct numeric_limits : _numeric_limits_impl<T> {};
template <class T>
struct numeric_limits<const T> : numeric_limits<T> {};

#define __MSL_LIMITS(T, INTEGER, SIGNED, DIGITS, MIN, MAX, LOWEST, EPSILON, INF, QNAN, DENORM, MAX_EXPONENT) \
  template <>                                                                                  \
  struct _numeric_limits_impl<T> {                                                                   \
    static constexpr const __global bool is_specialized = true;                                    \
    static constexpr const __global bool is_integer = INTEGER;                                     \
    static constexpr const __global bool is_exact = INTEGER;                                       \
    static constexpr const __global bool is_signed = SIGNED;                                       \
    static constexpr const __global bool is_bounded = true;                                        \
    static constexpr const __global bool has_infinity = !INTEGER;                                  \
    static constexpr const __global bool has_quiet_NaN = !INTEGER;                                 \
    static constexpr const __global bool has_signaling_NaN = !INTEGER;                             \
    static constexpr const __global int radix = 2;                                                 \
    static constexpr const __global int digits = DIGITS;                                           \
    static constexpr const __global bool is_modulo = INTEGER && !SIGNED && DIGITS > 1;             \
    static constexpr const __global bool is_iec559 = !INTEGER;                                     \
    static constexpr const __global int digits10 = INTEGER ? DIGITS * 301 / 1000 : (DIGITS - 1) * 301 / 1000; \
    static constexpr const __global int max_digits10 = INTEGER ? 0 : DIGITS * 301 / 1000 + 2;      \
    static constexpr const __global int max_exponent = MAX_EXPONENT;                               \
    static constexpr const __global int min_exponent = MAX_EXPONENT == 0 ? 0 : 3 - MAX_EXPONENT;   \
    static constexpr const __global int max_exponent10 = MAX_EXPONENT * 301 / 1000;                \
    static constexpr const __global int min_exponent10 =                                           \
        MAX_EXPONENT == 0 ? 0 : (2 - MAX_EXPONENT) * 30103 / 100000;                           \
    static constexpr T min() { return MIN; }                                                   \
    static constexpr T max() { return MAX; }                                                   \
    static constexpr T lowest() { return LOWEST; }                                             \
    static constexpr T epsilon() { return EPSILON; }                                           \
    static constexpr T round_error() { return INTEGER ? T(0) : T(0.5f); }                      \
    static constexpr T infinity() { return INF; }                                              \
    static constexpr T quiet_NaN() { return QNAN; }                                            \
    static constexpr T signaling_NaN() { return QNAN; }                                        \
    static constexpr T denorm_min() { return DENORM; }                                         \
  };
#define __MSL_INTEGER_LIMITS(T, SIGNED, DIGITS, MIN, MAX) \
  __MSL_LIMITS(T, true, SIGNED, DIGITS, T(MIN), T(MAX), T(MIN), T(0), T(0), T(0), T(0), 0)

__MSL_INTEGER_LIMITS(bool, false, 1, false, true)
__MSL_INTEGER_LIMITS(char, true, 7, CHAR_MIN, CHAR_MAX)
__MSL_INTEGER_LIMITS(uchar, false, 8, 0, UCHAR_MAX)
__MSL_INTEGER_LIMITS(short, true, 15, SHRT_MIN, SHRT_MAX)
__MSL_INTEGER_LIMITS(ushort, false, 16, 0, USHRT_MAX)
__MSL_INTEGER_LIMITS(int, true, 31, INT_MIN, INT_MAX)
__MSL_INTEGER_LIMITS(uint, false, 32, 0, UINT_MAX)
__MSL_INTEGER_LIMITS(long, true, 63, LONG_MIN, LONG_MAX)
__MSL_INTEGER_LIMITS(ulong, false, 64, 0, ULONG_MAX)
__MSL_LIMITS(float, false, true, 24, FLT_MIN, FLT_MAX, -FLT_MAX, FLT_EPSILON, INFINITY, NAN, 0x1.0p-149f, 128)
__MSL_LIMITS(half, false, true, 11, HALF_MIN, HALF_MAX, -HALF_MAX, HALF_EPSILON, (half)INFINITY, (half)NAN,
             (half)0x1.0p-24f, 16)
__MSL_LIMITS(bfloat, false, true, 8, BFLT_MIN, BFLT_MAX, bfloat(-0x1.fep127f), BFLT_EPSILON, bfloat(INFINITY),
             bfloat(NAN), bfloat(0x1.0p-133f), 128)
#undef __MSL_INTEGER_LIMITS
#undef __MSL_LIMITS
}  // namespace metal
