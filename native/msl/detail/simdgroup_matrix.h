// simdgroup_matrix: 8 x 8 elements that the lanes of a simdgroup hold together. Lane l holds the elements
// (row, column) and (row, column + 1), row = 4 * bit4 + (bit2, bit1), column = 4 * bit3 + 2 * bit0 of l, as code that
// uses thread_elements() relies on.
#pragma once

#include "simdgroup.h"

namespace metal {

template <class T>
struct __msl_matrix_type {
  static_assert(!__is_same(T, T), "simdgroup_matrix has elements of type half, bfloat or float");
};
template <>
struct __msl_matrix_type<float> {
  enum : uint { value = MSL_RT_FLOAT };
};
template <>
struct __msl_matrix_type<half> {
  enum : uint { value = MSL_RT_HALF };
};
template <>
struct __msl_matrix_type<bfloat> {
  enum : uint { value = MSL_RT_BFLOAT };
};

}  // namespace metal

#ifdef __NVPTX__
#include "simdgroup_matrix_nvptx.h"
#else
#include "simdgroup_matrix_host.h"
#endif

namespace metal {

typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
typedef simdgroup_matrix<bfloat, 8, 8> simdgroup_bfloat8x8;

}  // namespace metal
