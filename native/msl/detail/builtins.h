// The functions below Metal's library that programs with their own overloads call directly, such as MLX for bfloat. Their
// last argument chooses between fast and precise; here that is the same.
#pragma once

#define __MSL_BUILTIN1(NAME) \
  __MSL_INL float __metal_##NAME(float x, int) { return __msl_precise::NAME(x); }
#define __MSL_BUILTIN2(NAME) \
  __MSL_INL float __metal_##NAME(float x, float y, int) { return __msl_precise::NAME(x, y); }
__MSL_UNARY(__MSL_BUILTIN1)
__MSL_BUILTIN1(fract)
__MSL_BINARY(__MSL_BUILTIN2)
#undef __MSL_BUILTIN1
#undef __MSL_BUILTIN2

__MSL_INL float __metal_fabs(float x) { return __msl_precise::fabs(x); }
__MSL_INL float __metal_copysign(float x, float y) { return __msl_precise::copysign(x, y); }
__MSL_INL float __metal_nextafter(float x, float y) { return __msl_precise::nextafter(x, y); }
__MSL_INL float __metal_fma(float x, float y, float z) { return __msl_precise::fma(x, y, z); }
__MSL_INL float __metal_ldexp(float x, int k, int) { return __msl_precise::ldexp(x, k); }
__MSL_INL float __metal_frexp(float x, __generic int* k) { return __msl_precise::frexp(x, k); }
__MSL_INL float __metal_fmax3(float a, float b, float c, int) { return metal::fmax3(a, b, c); }
__MSL_INL float __metal_fmin3(float a, float b, float c, int) { return metal::fmin3(a, b, c); }
__MSL_INL float __metal_fmedian3(float a, float b, float c, int) { return metal::fmedian3(a, b, c); }
__MSL_INL bool __metal_isnan(float x, int) { return metal::isnan(x); }
__MSL_INL bool __metal_isinf(float x, int) { return metal::isinf(x); }
__MSL_INL bool __metal_isfinite(float x, int) { return metal::isfinite(x); }
