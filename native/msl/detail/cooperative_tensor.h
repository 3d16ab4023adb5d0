// Cooperative tensors: matrices whose elements lie in the registers of the lanes of simdgroups. Programs copy elements
// one by one into them, so that for 16 x 16 and 16 x 32 elements in one simdgroup it is part of the interface which lane
// holds what: a 16 x 16 fragment has 8 elements per lane, element i of lane l is (row, column) with row = 4 * bit4 +
// (bit2, bit1) + 8 * (i / 4) and column = 8 * bit3 + 4 * bit0 + i % 4, bits of l. Wider tensors hold fragment after
// fragment. For other sizes that differs from GPU to GPU, and programs ask. Here the elements are counted row after row,
// each simdgroup holds as many as the others, and element i of lane l is number 32 * i + l of them; the last ones may not
// exist.
#pragma once

#include "matrix.h"
#include "runtime.h"
#include "tensor.h"

namespace metal {

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

// Simdgroup within its threadgroup.
__MSL_INL uint __msl_simdgroup() {
#ifdef __NVPTX__
  __msl_self self;
  __msl_fill_self(self);
  return self.sg;
#else
  return __msl_rt_self()->sg;
#endif
}

// Where the lanes hold Rows x Columns elements: as fragments, or row after row.
template <int Rows, int Columns, int Simdgroups>
struct __msl_tensor_layout {
  enum : bool { fragments = Simdgroups == 1 && ((Rows == 16 && (Columns == 16 || Columns == 32)) ||
                                                (Rows == 32 && Columns == 16)) };
  enum : uint { capacity = (uint(Rows) * uint(Columns) + 32 * Simdgroups - 1) / (32 * Simdgroups) };

  // The number of an element, counted row after row.
  static __MSL_INL uint number(uint i) { return (__msl_simdgroup() % Simdgroups * capacity + i) * 32 + __msl_lane(); }
  static __MSL_INL bool is_valid(uint i) {
    if constexpr (uint(Rows) * uint(Columns) == 32u * Simdgroups * capacity) return i < capacity;
    return i < capacity && number(i) < uint(Rows) * uint(Columns);
  }
  static __MSL_INL int row(uint i) {
    if constexpr (!fragments) return int(number(i) / uint(Columns));
    const int lane = (int)__msl_lane();
    return (lane >> 2 & 4) + (lane >> 1 & 3) + int(i >> 2 & 1) * 8 + (Rows == 32 ? 16 * int(i >> 3) : 0);
  }
  static __MSL_INL int column(uint i) {
    if constexpr (!fragments) return int(number(i) % uint(Columns));
    const int lane = (int)__msl_lane();
    return (lane >> 3 & 1) * 8 + (lane & 1) * 4 + int(i & 3) + (Columns == 32 ? 16 * int(i >> 3) : 0);
  }
};

// Goes through the elements of one lane.
template <class T, class Layout>
struct __msl_tensor_iterator {
  __generic T* __msl_elements;
  uint __msl_at;

  __MSL_INL T& operator*() const { return __msl_elements[__msl_at]; }
  __MSL_INL __msl_tensor_iterator& operator++() {
    do __msl_at++;
    while (__msl_at < Layout::capacity && !Layout::is_valid(__msl_at));
    return *this;
  }
  __MSL_INL __msl_tensor_iterator operator++(int) {
    const __msl_tensor_iterator before = *this;
    ++*this;
    return before;
  }
  __MSL_INL bool operator==(const __msl_tensor_iterator& other) const { return __msl_at == other.__msl_at; }
  __MSL_INL bool operator!=(const __msl_tensor_iterator& other) const { return __msl_at != other.__msl_at; }
  __MSL_INL array<int, 2> get_multidimensional_index() const {
    return {{Layout::column(__msl_at), Layout::row(__msl_at)}};
  }
};

// Rows x Columns elements of type T in the lanes of so many simdgroups. A product's result is made for factors of the types
// Left and Right.
template <class T, int Rows, int Columns, int Simdgroups = 1, class Left = void, class Right = void>
struct cooperative_tensor {
  typedef T element_type;
  typedef T value_type;
  typedef __msl_tensor_layout<Rows, Columns, Simdgroups> __msl_layout;
  enum : uint { __msl_type = __msl_tensor_type<T>::value, __msl_capacity = __msl_layout::capacity };
  T __msl_elements[__msl_capacity];

  // An element that was never set is not a number, so that it shows.
  __MSL_INL cooperative_tensor() { __msl_fill(0xff); }
  __MSL_INL void __msl_fill(uchar byte) {
    for (T& element : __msl_elements) __builtin_memset((void*)&element, byte, sizeof(T));
  }
  static constexpr ushort get_capacity() { return __msl_capacity; }
  static __MSL_INL bool is_valid_element(ushort i) { return __msl_layout::is_valid(i); }
  static __MSL_INL bool get_mask(ushort i) { return __msl_layout::is_valid(i); }
  // Column, then row: the dimension that is contiguous in memory comes first.
  __MSL_INL array<int, 2> get_multidimensional_index(ushort i) const {
    return {{__msl_layout::column(i), __msl_layout::row(i)}};
  }
  template <class I>
  __MSL_INL T& operator[](I i) {
    __msl_check((uint)i);
    return __msl_elements[i];
  }
  template <class I>
  __MSL_INL const T& operator[](I i) const {
    __msl_check((uint)i);
    return __msl_elements[i];
  }
  static __MSL_INL void __msl_check(uint i) {
    if (__builtin_expect(i >= __msl_capacity, 0)) __msl_rt_trap(MSL_RT_TRAP_TENSOR_ELEMENT);
  }

  typedef __msl_tensor_iterator<T, __msl_layout> iterator;
  __MSL_INL iterator begin() {
    iterator first{__msl_elements, (uint)-1};
    return ++first;
  }
  __MSL_INL iterator end() { return {__msl_elements, __msl_capacity}; }

  // What the tensor in memory does not have is 0.
  template <class S, class Extents>
  __MSL_AT_CALLER __MSL_INL void load(const __msl_memory<S, Extents> source) {
    __msl_check_memory<S, Extents>();
    for (uint i = 0; i < __msl_capacity; i++) {
      if (!__msl_layout::is_valid(i)) continue;
      const array<int, 2> place = get_multidimensional_index(i);
      __msl_elements[i] = __msl_has(source, place) ? T(source[place]) : T(0);
    }
  }
  // Elements that the tensor in memory does not have are left out.
  template <class S, class Extents>
  __MSL_AT_CALLER __MSL_INL void store(const __msl_memory<S, Extents> target) const {
    __msl_check_memory<S, Extents>();
    for (uint i = 0; i < __msl_capacity; i++) {
      if (!__msl_layout::is_valid(i)) continue;
      const array<int, 2> place = get_multidimensional_index(i);
      if (__msl_has(target, place)) target[place] = __msl_elements[i];
    }
  }
  template <class Tensor>
  static __MSL_INL bool __msl_has(const Tensor& tensor, const array<int, 2>& place) {
    return place[0] < (long)tensor.get_extent(0) && place[1] < (long)tensor.get_extent(1);
  }
  template <class S, class Extents>
  static constexpr void __msl_check_memory() {
    static_assert(Extents::rank() == 2, "not supported: cooperative tensors with other than two dimensions");
    static_assert(__is_same(__bare<S>, T), "a cooperative tensor and its tensor in memory have one element type");
  }

  __MSL_UNSUPPORTED_MEMBER(map_iterator)
};
#undef __MSL_UNSUPPORTED_MEMBER

}  // namespace metal
