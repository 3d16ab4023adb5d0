// metal::fast on the host: what the precise functions give, off by as much as Metal allows, up or down by the bits of the argument. So
// programs that need the precise functions show it. Whole numbers and powers of two stay, as on GPUs.
#pragma once

namespace __msl_precise {
namespace fast {
inline float off_by(float value, float units, float x) {
  const uint word = bits(value) & 0x7fffffffu;
  const bool is_normal = word >= 0x00800000u && word < 0x7f800000u;
  const bool is_whole = word < 0x4b000000u && value == __builtin_rintf(value);
  if (!is_normal || (word & 0x7fffffu) == 0u || is_whole) return value;
  const uint count = (uint)(units < 4096.0f ? units : 4096.0f);
  const bool is_up = ((bits(x) * 0x9e3779b1u) >> 31) != 0u;
  const uint room = is_up ? 0x7f7fffffu - word : word - 0x00800000u;
  const uint step = count < room ? count : room;
  return with_sign(from_bits(is_up ? word + step : word - step), value);
}

// Units in the last place that make up an absolute error of 2^exponent.
inline float units_of(float value, int exponent) {
  const int own = (int)(bits(value) >> 23 & 0xffu) - 127;
  const int shift = exponent - own + 23;
  return shift < 0 ? 0.0f : shift > 12 ? 4096.0f : (float)(1 << shift);
}

inline float of_exponential(float value, float power, float x) {
  const float doubled = 2.0f * magnitude(power);
  return off_by(value, 3.0f + (doubled < 4096.0f ? __builtin_floorf(doubled) : 4096.0f), x);
}
inline float of_logarithm(float value, float x) {
  return off_by(value, x >= 0.5f && x <= 2.0f ? units_of(value, -21) : 3.0f, x);
}
// At most 2^-13 between -1 and 1; here, of the value.
inline float of_angle(float value, float x) { return off_by(value, 1024.0f, x); }

inline float exp(float x) { return of_exponential(__msl_precise::exp(x), x, x); }
inline float exp2(float x) { return of_exponential(__msl_precise::exp2(x), x, x); }
inline float exp10(float x) { return of_exponential(__msl_precise::exp10(x), 3.321928f * x, x); }
inline float log(float x) { return of_logarithm(__msl_precise::log(x), x); }
inline float log2(float x) { return of_logarithm(__msl_precise::log2(x), x); }
inline float log10(float x) { return of_logarithm(__msl_precise::log10(x), x); }
inline float sin(float x) { return of_angle(__msl_precise::sin(x), x); }
inline float cos(float x) { return of_angle(__msl_precise::cos(x), x); }
inline float tan(float x) { return of_angle(__msl_precise::tan(x), x); }
inline float sinpi(float x) { return of_angle(__msl_precise::sinpi(x), x); }
inline float cospi(float x) { return of_angle(__msl_precise::cospi(x), x); }
inline float tanpi(float x) { return of_angle(__msl_precise::tanpi(x), x); }
inline float sinh(float x) { return of_exponential(__msl_precise::sinh(x), x, x); }
inline float cosh(float x) { return of_exponential(__msl_precise::cosh(x), x, x); }
inline float tanh(float x) { return of_exponential(__msl_precise::tanh(x), 2.0f, x); }
inline float asin(float x) { return off_by(__msl_precise::asin(x), 5.0f, x); }
inline float acos(float x) { return off_by(__msl_precise::acos(x), 5.0f, x); }
inline float atan(float x) { return off_by(__msl_precise::atan(x), 5.0f, x); }
inline float asinh(float x) { return off_by(__msl_precise::asinh(x), 5.0f, x); }
inline float acosh(float x) { return off_by(__msl_precise::acosh(x), 5.0f, x); }
inline float atanh(float x) { return off_by(__msl_precise::atanh(x), 5.0f, x); }
inline float sqrt(float x) { return off_by(__msl_precise::sqrt(x), 2.0f, x); }
inline float rsqrt(float x) { return off_by(__msl_precise::rsqrt(x), 2.0f, x); }
inline float atan2(float y, float x) { return off_by(__msl_precise::atan2(y, x), 6.0f, x); }
inline float divide(float x, float y) { return off_by(__msl_precise::divide(x, y), 2.0f, x); }
// 2^(y * log2(x))
inline float powr(float x, float y) {
  const float value = __msl_precise::powr(x, y);
  return value == value ? of_exponential(value, y * __msl_precise::log2(x), x) : value;
}
inline float pow(float x, float y) {
  const float value = __msl_precise::pow(x, y);
  return x != 0.0f && value == value ? of_exponential(value, y * __msl_precise::log2(magnitude(x)), x) : value;
}
}  // namespace fast
}  // namespace __msl_precise
