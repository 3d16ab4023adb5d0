// Elementary functions of float, right to the last bit or one beside it, and the same on every processor: they are
// computed in double by IEEE operations alone. Series are plain Taylor series on reduced ranges, with errors below 1e-14.
#pragma once

namespace __msl_precise {
typedef double wide;

constexpr const __global wide kLn2 = 0x1.62e42fefa39efp-1;
constexpr const __global wide kLog2E = 0x1.71547652b82fep+0;
constexpr const __global wide kLog2Ten = 0x1.a934f0979a371p+1;
constexpr const __global wide kPi = 0x1.921fb54442d18p+1;

__MSL_INL wide fused(wide a, wide b, wide c) { return __builtin_fma(a, b, c); }
__MSL_INL wide root(wide x) { return __builtin_sqrt(x); }
__MSL_INL bool is_nan(wide x) { return x != x; }
__MSL_INL float infinity() { return __builtin_inff(); }
__MSL_INL float not_a_number() { return __builtin_nanf(""); }
__MSL_INL uint bits(float x) { return __builtin_bit_cast(uint, x); }
__MSL_INL float from_bits(uint x) { return __builtin_bit_cast(float, x); }
__MSL_INL float magnitude(float x) { return from_bits(bits(x) & 0x7fffffffu); }
__MSL_INL float with_sign(float x, float y) { return from_bits((bits(x) & 0x7fffffffu) | (bits(y) & 0x80000000u)); }
// What a function gives that maps zeros to themselves: subnormals may count as zeros, too.
__MSL_INL float zero_of(float x) { return with_sign(0.0f, x); }
__MSL_INL float as_seen(float x) { return x == 0.0f ? zero_of(x) : x; }

// 2^x; what float cannot hold overflows or vanishes in the conversion back. Without branches, so that rows of threads become vectors.
inline wide exp2_wide(wide x) {
  x = x > 1000.0 ? 1000.0 : x < -1000.0 ? -1000.0 : x;
  const wide whole = __builtin_rint(x);
  const wide r = (x - whole) * kLn2;  // at most ln(2) / 2
  wide sum = 1.0 / 39916800.0;
  sum = fused(sum, r, 1.0 / 3628800.0);
  sum = fused(sum, r, 1.0 / 362880.0);
  sum = fused(sum, r, 1.0 / 40320.0);
  sum = fused(sum, r, 1.0 / 5040.0);
  sum = fused(sum, r, 1.0 / 720.0);
  sum = fused(sum, r, 1.0 / 120.0);
  sum = fused(sum, r, 1.0 / 24.0);
  sum = fused(sum, r, 1.0 / 6.0);
  sum = fused(sum, r, 0.5);
  sum = fused(sum, r, 1.0);
  sum = fused(sum, r, 1.0);
  const ulong exponent = __builtin_bit_cast(ulong, whole + (0x1.8p52 + 1023.0)) << 52;  // beside 2^52 the lowest bits are the number
  return sum * __builtin_bit_cast(wide, exponent);
}

// ln(x) for x > 0 and finite: x = 2^e * m with m around 1, ln(m) = 2 atanh((m - 1) / (m + 1)).
inline wide log_wide(wide x) {
  const ulong word = __builtin_bit_cast(ulong, x);
  const wide biased = __builtin_bit_cast(wide, word >> 52 | 0x4330000000000000UL);
  wide exponent = biased - (0x1.0p52 + 1023.0);
  wide m = __builtin_bit_cast(wide, (word & 0xfffffffffffffUL) | 0x3ff0000000000000UL);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent += 1.0;
  }
  const wide s = (m - 1.0) / (m + 1.0);
  const wide q = s * s;  // at most 0.0295
  wide sum = 1.0 / 19.0;
  sum = fused(sum, q, 1.0 / 17.0);
  sum = fused(sum, q, 1.0 / 15.0);
  sum = fused(sum, q, 1.0 / 13.0);
  sum = fused(sum, q, 1.0 / 11.0);
  sum = fused(sum, q, 1.0 / 9.0);
  sum = fused(sum, q, 1.0 / 7.0);
  sum = fused(sum, q, 1.0 / 5.0);
  sum = fused(sum, q, 1.0 / 3.0);
  sum = fused(sum, q, 1.0);
  return fused(exponent, kLn2, 2.0 * s * sum);
}

inline float log_scaled(float x, wide scale) {
  if (x != x || x < 0.0f) return not_a_number();
  if (x == 0.0f) return -infinity();
  if (x == infinity()) return x;
  return (float)(log_wide(x) * scale);
}

// ---- Trigonometric functions: a quarter-turn count and an angle of at most pi/4.

struct angle {
  wide rest;
  uint quarter;
};

// The digits of 2/pi, for angles that are too large for a subtraction.
constexpr const __global uint kTwoOverPi[8] = {0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u,
                                           0xdb629599u, 0x3c439041u, 0xfe5163abu, 0xdebbc561u};

// |x| = mantissa * 2^exponent >= 2^25: the product with 2/pi, modulo 4, from the 96 digits that matter.
inline angle reduce_large(float x) {
  const ulong mantissa = (bits(x) & 0x7fffffu) | 0x800000u;
  const uint exponent = ((bits(x) >> 23) & 0xffu) - 150u;
  const uint first = exponent - 2u;  // digits before this one make multiples of 4
  uint window[3];
  for (uint i = 0; i < 3; i++) {
    const uint word = first / 32u + i;
    const uint shift = first % 32u;
    window[i] = shift == 0u ? kTwoOverPi[word] : (kTwoOverPi[word] << shift) | (kTwoOverPi[word + 1] >> (32u - shift));
  }
  const ulong low = mantissa * window[2];
  const ulong middle = mantissa * window[1] + (low >> 32);
  const uint high = (uint)(mantissa * window[0] + (middle >> 32));
  long fraction = (long)(((ulong)high << 34) | ((middle & 0xffffffffUL) << 2) | ((low >> 30) & 3u));
  // The sign bit of the fraction is the half: rounds to the nearest quarter turn.
  const uint quarter = (high >> 30) + (fraction < 0 ? 1u : 0u);
  const wide rest = (wide)fraction * 0x1.0p-64 * (kPi / 2.0);
  return angle{x < 0.0f ? -rest : rest, x < 0.0f ? 0u - quarter : quarter};
}

inline angle reduce(float x) {
  if (magnitude(x) >= 0x1.0p25f) return reduce_large(x);
  const wide count = __builtin_rint((wide)x * 0x1.45f306dc9c883p-1);
  wide rest = fused(-count, 0x1.921fb54442d18p+0, (wide)x);
  rest = fused(-count, 0x1.1a62633145c07p-54, rest);
  return angle{rest, (uint)(int)count};
}

inline wide sin_series(wide r) {
  const wide q = r * r;
  wide sum = -1.0 / 1307674368000.0;
  sum = fused(sum, q, 1.0 / 6227020800.0);
  sum = fused(sum, q, -1.0 / 39916800.0);
  sum = fused(sum, q, 1.0 / 362880.0);
  sum = fused(sum, q, -1.0 / 5040.0);
  sum = fused(sum, q, 1.0 / 120.0);
  sum = fused(sum, q, -1.0 / 6.0);
  return fused(sum * q, r, r);
}

inline wide cos_series(wide r) {
  const wide q = r * r;
  wide sum = 1.0 / 20922789888000.0;
  sum = fused(sum, q, -1.0 / 87178291200.0);
  sum = fused(sum, q, 1.0 / 479001600.0);
  sum = fused(sum, q, -1.0 / 3628800.0);
  sum = fused(sum, q, 1.0 / 40320.0);
  sum = fused(sum, q, -1.0 / 720.0);
  sum = fused(sum, q, 1.0 / 24.0);
  sum = fused(sum, q, -0.5);
  return fused(sum, q, 1.0);
}

inline wide sin_of(angle a) {
  const wide value = (a.quarter & 1u) ? cos_series(a.rest) : sin_series(a.rest);
  return (a.quarter & 2u) ? -value : value;
}
inline wide cos_of(angle a) { return sin_of(angle{a.rest, a.quarter + 1u}); }

// Half turns: exact, since x - 2 * rint(x / 2) is.
inline angle reduce_half_turns(float x) {
  const wide t = (wide)x - 2.0 * __builtin_rint((wide)x * 0.5);
  const wide count = __builtin_rint(2.0 * t);
  return angle{(t - 0.5 * count) * kPi, (uint)(int)count};
}

__MSL_INL bool is_finite(float x) { return magnitude(x) < infinity(); }

inline float sin(float x) { return is_finite(x) ? (x == 0.0f ? zero_of(x) : (float)sin_of(reduce(x))) : not_a_number(); }
inline float cos(float x) { return is_finite(x) ? (float)cos_of(reduce(x)) : not_a_number(); }
inline float tan(float x) {
  if (!is_finite(x)) return not_a_number();
  const angle a = reduce(x);
  return x == 0.0f ? zero_of(x) : (float)(sin_of(a) / cos_of(a));
}
inline float sinpi(float x) {
  if (!is_finite(x)) return not_a_number();
  const float value = (float)sin_of(reduce_half_turns(x));
  return value == 0.0f ? with_sign(0.0f, x) : value;
}
inline float cospi(float x) {
  if (!is_finite(x)) return not_a_number();
  const float value = (float)cos_of(reduce_half_turns(x));
  return value == 0.0f ? 0.0f : value;
}
inline float tanpi(float x) {
  if (!is_finite(x)) return not_a_number();
  const angle a = reduce_half_turns(x);
  const wide s = sin_of(a);
  const wide c = cos_of(a);
  // Zeros have the signs that sinpi and cospi give them: the poles are +infinity and -infinity in turn.
  return (float)((s == 0.0 ? (wide)with_sign(0.0f, x) : s) / (c == 0.0 ? 0.0 : c));
}

// atan(x) for x >= 0: brought below tan(pi/12) first.
inline wide atan_positive(wide x) {
  const bool inverted = x > 1.0;
  if (inverted) x = 1.0 / x;
  const bool turned = x > 0.2679491924311227;
  if (turned) x = (x * 1.7320508075688772 - 1.0) / (x + 1.7320508075688772);
  const wide q = x * x;
  wide sum = 1.0 / 25.0;
  sum = fused(sum, q, -1.0 / 23.0);
  sum = fused(sum, q, 1.0 / 21.0);
  sum = fused(sum, q, -1.0 / 19.0);
  sum = fused(sum, q, 1.0 / 17.0);
  sum = fused(sum, q, -1.0 / 15.0);
  sum = fused(sum, q, 1.0 / 13.0);
  sum = fused(sum, q, -1.0 / 11.0);
  sum = fused(sum, q, 1.0 / 9.0);
  sum = fused(sum, q, -1.0 / 7.0);
  sum = fused(sum, q, 1.0 / 5.0);
  sum = fused(sum, q, -1.0 / 3.0);
  wide value = fused(sum * q, x, x);
  if (turned) value += kPi / 6.0;
  return inverted ? kPi / 2.0 - value : value;
}

inline float atan(float x) { return x != x ? x : with_sign((float)atan_positive(magnitude(x)), x); }

inline wide atan2_wide(wide y, wide x, bool y_negative, bool x_negative) {
  const wide ay = y < 0.0 ? -y : y;
  const wide ax = x < 0.0 ? -x : x;
  wide value = ax == 0.0 ? (ay == 0.0 ? 0.0 : kPi / 2.0) : ay == ax ? kPi / 4.0 : atan_positive(ay / ax);
  if (x_negative) value = kPi - value;
  return y_negative ? -value : value;
}
inline float atan2(float y, float x) {
  if (x != x || y != y) return not_a_number();
  return (float)atan2_wide(y, x, bits(y) >> 31, bits(x) >> 31);
}
inline float asin(float x) {
  if (!(magnitude(x) <= 1.0f)) return not_a_number();
  const wide a = magnitude(x);
  return with_sign((float)atan2_wide(a, root((1.0 - a) * (1.0 + a)), false, false), x);
}
inline float acos(float x) {
  if (!(magnitude(x) <= 1.0f)) return not_a_number();
  const wide a = x;
  return (float)atan2_wide(root((1.0 - a) * (1.0 + a)), a, false, x < 0.0f);
}

// ---- Exponentials, logarithms, hyperbolic functions.

inline float exp2(float x) { return (float)exp2_wide(x); }
inline float exp(float x) { return (float)exp2_wide((wide)x * kLog2E); }
inline float exp10(float x) { return (float)exp2_wide((wide)x * kLog2Ten); }
inline float log(float x) { return log_scaled(x, 1.0); }
inline float log2(float x) {
  // Exact for powers of two, which the product with 1 / ln(2) would not be.
  const bool power = (bits(x) & 0x7fffffu) == 0u && x > 0.0f && x < infinity() && bits(x) != 0u;
  return power ? (float)((int)(bits(x) >> 23) - 127) : log_scaled(x, kLog2E);
}
inline float log10(float x) { return log_scaled(x, 0.43429448190325182765); }

inline float sinh(float x) {
  const wide a = x;
  if (magnitude(x) < 0x1.0p-8f) {
    return x == 0.0f ? zero_of(x) : (float)fused(a * a * a, fused(a * a, 1.0 / 120.0, 1.0 / 6.0), a);
  }
  const wide e = exp2_wide(a * kLog2E);
  return (float)(0.5 * (e - 1.0 / e));
}
inline float cosh(float x) {
  const wide e = exp2_wide((wide)magnitude(x) * kLog2E);
  return (float)(0.5 * (e + 1.0 / e));
}
inline float tanh(float x) {
  const wide a = x;
  if (magnitude(x) < 0x1.0p-8f) {
    return x == 0.0f ? zero_of(x) : (float)fused(a * a * a, fused(a * a, 2.0 / 15.0, -1.0 / 3.0), a);
  }
  const wide e = exp2_wide(-2.0 * (wide)magnitude(x) * kLog2E);
  return with_sign((float)((1.0 - e) / (1.0 + e)), x);
}
inline float asinh(float x) {
  const wide a = magnitude(x);
  if (x == 0.0f) return zero_of(x);
  if (!(a < (wide)infinity())) return x;
  if (a < 0x1.0p-8) return (float)fused((wide)x * a * a, fused(a * a, 3.0 / 40.0, -1.0 / 6.0), (wide)x);
  return with_sign((float)log_wide(a + root(fused(a, a, 1.0))), x);
}
inline float acosh(float x) {
  if (!(x >= 1.0f)) return not_a_number();
  if (x == infinity()) return x;
  const wide a = x;
  return (float)log_wide(a + root((a - 1.0) * (a + 1.0)));
}
inline float atanh(float x) {
  const wide a = magnitude(x);
  if (!(a <= 1.0)) return not_a_number();
  if (a == 1.0) return with_sign(infinity(), x);
  if (x == 0.0f) return zero_of(x);
  if (a < 0x1.0p-8) return (float)fused((wide)x * a * a, fused(a * a, 1.0 / 5.0, 1.0 / 3.0), (wide)x);
  return with_sign((float)(0.5 * log_wide((1.0 + a) / (1.0 - a))), x);
}

inline float powr(float x, float y) {
  if (x != x || y != y || x < 0.0f) return not_a_number();
  if (y == 0.0f) return x == 0.0f || x == infinity() ? not_a_number() : 1.0f;
  if (x == 1.0f) return is_finite(y) ? 1.0f : not_a_number();
  if (x == 0.0f) return y > 0.0f ? 0.0f : infinity();
  if (x == infinity()) return y > 0.0f ? infinity() : 0.0f;
  return (float)exp2_wide((wide)y * (log_wide(x) * kLog2E));
}
inline float pow(float x, float y) {
  if (y == 0.0f || x == 1.0f) return 1.0f;
  if (x != x || y != y) return not_a_number();
  const wide half_y = (wide)y * 0.5;
  const bool whole = __builtin_trunc((wide)y) == (wide)y;
  const bool odd = whole && __builtin_trunc(half_y) != half_y;
  const float a = magnitude(x);
  if (x < 0.0f && is_finite(x) && !whole) return not_a_number();
  float value;
  if (!is_finite(y)) value = a == 1.0f ? 1.0f : (a > 1.0f) == (y > 0.0f) ? infinity() : 0.0f;
  else value = powr(a, y);
  return odd && (bits(x) >> 31) ? -value : value;
}

// ---- Algebraic functions.

inline float sqrt(float x) { return __builtin_sqrtf(x); }
inline float rsqrt(float x) { return (float)(1.0 / root((wide)x)); }
__MSL_INL float divide(float x, float y) { return x / y; }
__MSL_INL float fma(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
// In float the product is exact. What the sum loses makes its last bit odd, so that only the way to half rounds.
__MSL_INL half fma(half x, half y, half z) {
  const float product = (float)x * (float)y;
  const float sum = product + (float)z;
  const float part = sum - product;
  const float rest = (product - (sum - part)) + ((float)z - part);
  const uint word = bits(sum);
  if (rest == 0.0f || rest != rest || (word & 1u)) return (half)sum;
  return (half)from_bits((rest > 0.0f) == (sum > 0.0f) ? word + 1u : word - 1u);
}
__MSL_INL float fabs(float x) { return magnitude(x); }
__MSL_INL float copysign(float x, float y) { return with_sign(x, y); }
#ifdef __NVPTX__
__MSL_INL float fmin(float x, float y) { return __builtin_fminf(x, y); }
__MSL_INL float fmax(float x, float y) { return __builtin_fmaxf(x, y); }
#else
// Of two zeros always the second, and never a subnormal that counts as zero: what the compiler's own functions and the
// processor's give changes with the code around them.
__MSL_INL float fmin(float x, float y) { return as_seen(y != y ? x : x < y ? x : y); }
__MSL_INL float fmax(float x, float y) { return as_seen(y != y ? x : x > y ? x : y); }
#endif
__MSL_INL float floor(float x) { return __builtin_floorf(x); }
__MSL_INL float ceil(float x) { return __builtin_ceilf(x); }
__MSL_INL float trunc(float x) { return __builtin_truncf(x); }
__MSL_INL float rint(float x) { return __builtin_rintf(x); }
__MSL_INL float round(float x) {
  const float whole = __builtin_truncf(x);
  return magnitude(x - whole) >= 0.5f ? whole + with_sign(1.0f, x) : with_sign(whole, x);
}
// Rounding may lead up to one; NaN stays NaN.
__MSL_INL float fract_below(float x, float limit) {
  const float rest = x - floor(x);
  return rest > limit ? limit : rest;
}
__MSL_INL float fract(float x) { return fract_below(x, 0x1.fffffep-1f); }
__MSL_INL float fdim(float x, float y) { return x != x || y != y ? not_a_number() : x > y ? x - y : 0.0f; }
__MSL_INL float saturate(float x) { return fmin(fmax(x, 0.0f), 1.0f); }
__MSL_INL float sign(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x != x ? 0.0f : zero_of(x); }

// The exact remainder, digit by digit: both are integers times the smallest power of two.
inline float fmod(float x, float y) {
  if (x != x || y != y || !is_finite(x) || y == 0.0f) return not_a_number();
  float a = magnitude(x);
  const float b = magnitude(y);
  if (x == 0.0f) return zero_of(x);
  if (a < b) return x;
  int ea = (int)(bits(a) >> 23), eb = (int)(bits(b) >> 23);
  uint ma = (bits(a) & 0x7fffffu) | (ea != 0 ? 0x800000u : 0u);
  uint mb = (bits(b) & 0x7fffffu) | (eb != 0 ? 0x800000u : 0u);
  ea = ea == 0 ? 1 : ea;
  eb = eb == 0 ? 1 : eb;
  for (int i = ea - eb; i >= 0; i--) {
    if (ma >= mb) {
      // A denormal divisor may fit more than once.
      ma %= mb;
    }
    if (i > 0) ma <<= 1;
  }
  // ma * 2^(eb - 150), exactly.
  const wide value = (wide)ma * __builtin_bit_cast(wide, (ulong)(eb - 150 + 1023) << 52);
  return with_sign((float)value, x);
}

inline float ldexp(float x, int k) {
  k = k > 400 ? 400 : k < -400 ? -400 : k;
  return (float)((wide)x * __builtin_bit_cast(wide, (ulong)(k + 1023) << 52));
}
// The exponent that ilogb and frexp are made of; x is finite and not zero.
inline int exponent_of(float x) { return (int)((__builtin_bit_cast(ulong, (wide)magnitude(x)) >> 52) & 0x7ffu) - 1023; }
inline int ilogb(float x) { return x == 0.0f ? -2147483647 - 1 : is_finite(x) ? exponent_of(x) : 2147483647; }
inline float frexp(float x, __generic int* exponent) {
  if (x == 0.0f || !is_finite(x)) {
    *exponent = 0;
    return x == 0.0f ? zero_of(x) : x;
  }
  *exponent = exponent_of(x) + 1;
  return ldexp(x, -*exponent);
}
inline float nextafter(float x, float y) {
  if (x != x || y != y) return not_a_number();
  if (x == y) return y;
  if (x == 0.0f) return with_sign(0x1.0p-149f, y);
  return from_bits((x < y) == (x > 0.0f) ? bits(x) + 1u : bits(x) - 1u);
}
}  // namespace __msl_precise
