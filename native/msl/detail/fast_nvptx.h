// metal::fast on NVIDIA GPUs: the hardware's approximations where there are any. Included inside of namespace fast.

namespace __approximate {
__MSL_INL float exp2(float x) { return __nvvm_ex2_approx_f(x); }
__MSL_INL float exp(float x) { return __nvvm_ex2_approx_f(x * M_LOG2E_F); }
__MSL_INL float exp10(float x) { return __nvvm_ex2_approx_f(x * 3.321928095f); }
__MSL_INL float log2(float x) { return __nvvm_lg2_approx_f(x); }
__MSL_INL float log(float x) { return __nvvm_lg2_approx_f(x) * M_LN2_F; }
__MSL_INL float log10(float x) { return __nvvm_lg2_approx_f(x) * 0.301029996f; }
__MSL_INL float sin(float x) { return __nvvm_sin_approx_f(x); }
__MSL_INL float cos(float x) { return __nvvm_cos_approx_f(x); }
__MSL_INL float tan(float x) { return sin(x) / cos(x); }
__MSL_INL float sqrt(float x) { return __nvvm_sqrt_approx_f(x); }
__MSL_INL float rsqrt(float x) { return __nvvm_rsqrt_approx_f(x); }
__MSL_INL float powr(float x, float y) { return exp2(y * log2(x)); }
__MSL_INL float divide(float x, float y) { return __nvvm_div_approx_f(x, y); }
}  // namespace __approximate

#define __MSL_FAST1(NAME) __MSL_DEFINE_UNARY(NAME, __approximate::NAME, __approximate::NAME)
#define __MSL_FAST2(NAME) __MSL_DEFINE_BINARY(NAME, __approximate::NAME, __approximate::NAME)
__MSL_FAST1(exp) __MSL_FAST1(exp2) __MSL_FAST1(exp10) __MSL_FAST1(log) __MSL_FAST1(log2) __MSL_FAST1(log10)
__MSL_FAST1(sin) __MSL_FAST1(cos) __MSL_FAST1(tan) __MSL_FAST1(sqrt) __MSL_FAST1(rsqrt)
__MSL_FAST2(powr) __MSL_FAST2(divide)
#undef __MSL_FAST1
#undef __MSL_FAST2

using metal::acos;
using metal::acosh;
using metal::asin;
using metal::asinh;
using metal::atan;
using metal::atan2;
using metal::atanh;
using metal::cosh;
using metal::cospi;
using metal::pow;
using metal::sinh;
using metal::sinpi;
using metal::tanh;
using metal::tanpi;
using metal::sincos;
