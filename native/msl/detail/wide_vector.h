// Vectors of 8 and 16 components. They have no names for their components and no comparisons.
#pragma once

#include "vector.h"

namespace metal {

template <class T, int N>
struct vec {
  static_assert(N == 8 || N == 16, "vectors have 2, 3, 4, 8 or 16 components");
  typedef T element_type;
  typedef typename __storage<T>::type __element;
  typedef __element __native __attribute__((ext_vector_type(N)));
  __native v;

  struct __raw {};
  constexpr vec(__raw, __native n) : v(n) {}
  vec() = default;
  constexpr vec(const vec&) = default;
  vec& operator=(const vec&) = default;
  constexpr vec(T s) : v((__native)__builtin_bit_cast(__element, s)) {}
  template <class U, class = enable_if_t<__number_v<U> && !is_convertible_v<U, T>>, class = void>
  constexpr explicit vec(U s) : vec(T(s)) {}
  template <class U, class = enable_if_t<!__is_same(U, T)>>
  explicit vec(vec<U, N> o) {
    for (int i = 0; i < N; i++) (*this)[i] = __msl_cast<T>(o[i]);
  }
  __MSL_INDEXING(T, v)
  __MSL_VEC_OPERATOR(+)
  __MSL_VEC_OPERATOR(-)
  __MSL_VEC_OPERATOR(*)
  __MSL_VEC_OPERATOR(/)
  __MSL_VEC_OPERATOR(%)
  __MSL_VEC_OPERATOR(&)
  __MSL_VEC_OPERATOR(|)
  __MSL_VEC_OPERATOR(^)
  __MSL_VEC_OPERATOR(<<)
  __MSL_VEC_OPERATOR(>>)
  friend __MSL_INL vec operator-(vec a) { return vec(__raw{}, -a.v); }
};

}  // namespace metal

template <class T>
constexpr const __global bool __msl_is_vector = false;
template <class T, int N>
constexpr const __global bool __msl_is_vector<metal::vec<T, N>> = true;
