// Cooperative tensors: matrices whose elements lie in the registers of the lanes of a simdgroup. Programs copy elements
// one by one into them, so that which lane holds what is part of the interface. A 16 x 16 fragment has 8 elements per
// lane: element i of lane l is (row, column) with row = 4 * bit4 + (bit2, bit1) + 8 * (i / 4) and column =
// 8 * bit3 + 4 * bit0 + i % 4, bits of l. Wider tensors hold fragment after fragment.
#pragma once

#include "matrix.h"
#include "runtime.h"

namespace metal {

// The names that <metal_cooperative_tensor> brings into metal: programs may have such names of their own.
namespace __msl_metal4 {

template <size_t Size>
struct execution_simdgroups {
  static constexpr uint size() { return Size; }
};
typedef execution_simdgroups<1> execution_simdgroup;
template <size_t Size>
struct execution_threads {
  static constexpr uint size() { return Size; }
};
typedef execution_threads<1> execution_thread;

constexpr __constant size_t dynamic_extent = (size_t)-1;

template <class... T>
struct tensor {
  static_assert(sizeof...(T) == 0, "not supported: tensors in memory (metal::tensor)");
};

template <class Index, size_t... Sizes>
struct extents {
  static_assert(sizeof(Index) == 0, "not supported: tensors in memory (metal::extents)");
};

}  // namespace __msl_metal4

template <class T>
struct __msl_tensor_type {
  static_assert(!__is_same(T, T),
                "not supported: cooperative tensors of other types than half, bfloat, float, char, uchar and int");
};
#define __MSL_TENSOR_TYPE(T, VALUE)    \
  template <>                          \
  struct __msl_tensor_type<T> {        \
    enum : uint { value = VALUE };     \
  };
__MSL_TENSOR_TYPE(float, MSL_RT_FLOAT)
__MSL_TENSOR_TYPE(half, MSL_RT_HALF)
__MSL_TENSOR_TYPE(bfloat, MSL_RT_BFLOAT)
__MSL_TENSOR_TYPE(char, MSL_RT_CHAR)
__MSL_TENSOR_TYPE(uchar, MSL_RT_UCHAR)
__MSL_TENSOR_TYPE(int, MSL_RT_INT)
#undef __MSL_TENSOR_TYPE

#define __MSL_UNSUPPORTED_MEMBER(NAME)                                            \
  template <class... A>                                                           \
  constexpr int NAME(const A&...) const {                                         \
    static_assert(sizeof...(A) > 99, "not supported: cooperative_tensor::" #NAME); \
    return 0;                                                                     \
  }

// Rows x Columns elements of type T: one or two fragments side by side or one below the other.
template <class T, int Rows, int Columns>
struct cooperative_tensor {
  typedef T element_type;
  typedef T value_type;
  enum : uint { __msl_type = __msl_tensor_type<T>::value, __msl_capacity = Rows * Columns / 32 };
  T __msl_elements[__msl_capacity];

  // An element that was never set is not a number, so that it shows.
  __MSL_INL cooperative_tensor() {
    for (T& element : __msl_elements) __builtin_memset((void*)&element, 0xff, sizeof(T));
  }
  static constexpr ushort get_capacity() { return __msl_capacity; }
  static constexpr bool is_valid_element(ushort i) { return i < __msl_capacity; }
  // Column, then row: the dimension that is contiguous in memory comes first.
  __MSL_INL array<int, 2> get_multidimensional_index(ushort i) const {
    const int lane = (int)__msl_lane(), fragment = i >> 3;
    const int row = (lane >> 2 & 4) + (lane >> 1 & 3) + (i >> 2 & 1) * 8 + (Rows == 32 ? 16 * fragment : 0);
    const int column = (lane >> 3 & 1) * 8 + (lane & 1) * 4 + (i & 3) + (Columns == 32 ? 16 * fragment : 0);
    return {{column, row}};
  }
  template <class I>
  __MSL_INL __private T& operator[](I i) __private {
    __msl_check((uint)i);
    return __msl_elements[i];
  }
  template <class I>
  __MSL_INL const __private T& operator[](I i) const __private {
    __msl_check((uint)i);
    return __msl_elements[i];
  }
  static __MSL_INL void __msl_check(uint i) {
    if (__builtin_expect(i >= __msl_capacity, 0)) __msl_rt_trap(MSL_RT_TRAP_TENSOR_ELEMENT);
  }

  __MSL_UNSUPPORTED_MEMBER(load)
  __MSL_UNSUPPORTED_MEMBER(store)
  __MSL_UNSUPPORTED_MEMBER(begin)
  __MSL_UNSUPPORTED_MEMBER(end)
  __MSL_UNSUPPORTED_MEMBER(map_iterator)
};
#undef __MSL_UNSUPPORTED_MEMBER

}  // namespace metal
