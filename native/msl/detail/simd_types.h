// <simd/simd.h>: the names under which C programs know Metal's vectors and matrices.
#pragma once

#define __MSL_SIMD_VECTOR(T, N)      \
  typedef metal::vec<T, N> simd_##T##N; \
  typedef metal::vec<T, N> vector_##T##N; \
  namespace simd {                   \
  using ::T##N;                      \
  }
#define __MSL_SIMD_VECTORS(T) __MSL_SIMD_VECTOR(T, 2) __MSL_SIMD_VECTOR(T, 3) __MSL_SIMD_VECTOR(T, 4)
__MSL_INTEGERS(__MSL_SIMD_VECTORS)
__MSL_SIMD_VECTORS(half)
__MSL_SIMD_VECTORS(float)
#undef __MSL_SIMD_VECTORS
#undef __MSL_SIMD_VECTOR

#define __MSL_SIMD_MATRIX(C, R)                        \
  typedef metal::matrix<float, C, R> simd_float##C##x##R; \
  typedef metal::matrix<float, C, R> matrix_float##C##x##R; \
  namespace simd {                                     \
  using ::float##C##x##R;                              \
  }
#define __MSL_SIMD_MATRICES(C) __MSL_SIMD_MATRIX(C, 2) __MSL_SIMD_MATRIX(C, 3) __MSL_SIMD_MATRIX(C, 4)
__MSL_SIMD_MATRICES(2)
__MSL_SIMD_MATRICES(3)
__MSL_SIMD_MATRICES(4)
#undef __MSL_SIMD_MATRICES
#undef __MSL_SIMD_MATRIX
