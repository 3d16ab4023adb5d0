// Functions of packed vectors: those of the vectors that they convert to.
#pragma once

namespace metal {
template <class T>
constexpr const __global bool __is_packed = false;
template <class T, int N>
constexpr const __global bool __is_packed<packed_vec<T, N>> = true;

template <class T>
__MSL_INL T __unpacked(T x) {
  return x;
}
template <class T, int N>
__MSL_INL vec<T, N> __unpacked(packed_vec<T, N> x) {
  return vec<T, N>(x);
}

#define __MSL_OF_PACKED(NAME)                                                                \
  template <class... A, class = enable_if_t<(__is_packed<A> || ...)>>                        \
  __MSL_INL auto NAME(A... a) {                                                              \
    return NAME(__unpacked(a)...);                                                           \
  }
__MSL_UNARY(__MSL_OF_PACKED)
__MSL_BINARY(__MSL_OF_PACKED)
#define __MSL_FUNCTIONS(X)                                                                    \
  X(abs) X(min) X(max) X(clamp) X(mix) X(step) X(smoothstep) X(fma) X(fract) X(select) X(dot) \
  X(length) X(length_squared) X(distance) X(distance_squared) X(normalize) X(cross)           \
  X(reflect) X(refract) X(faceforward) X(isnan) X(isinf) X(isfinite) X(popcount) X(clz) X(ctz)
__MSL_FUNCTIONS(__MSL_OF_PACKED)
#undef __MSL_FUNCTIONS
#undef __MSL_OF_PACKED
}  // namespace metal
