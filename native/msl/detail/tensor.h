// Tensors in memory: a pointer with extents and strides. The dimension that comes first is the one that is contiguous
// in memory, so that a matrix has its columns first, then its rows.
#pragma once

#include "matrix.h"
#include "runtime.h"

// What such a function does counts as done by the line that calls it.
#define __MSL_AT_CALLER __attribute__((nodebug))

namespace metal {

// The names that <metal_tensor> brings into metal: programs may have such names of their own.
namespace __msl_metal4 {

// Formats of elements: names only, since no tensor here holds them.
struct int4b_format;
struct uint4b_format;
struct metal_fp8_e4m3_format;
struct metal_fp8_e5m2_format;
struct metal_fp8_ue8m0_format;
struct metal_fp4_e2m1_format;

constexpr const __global size_t dynamic_extent = (size_t)-1;

template <class Index, size_t... Sizes>
struct extents {
  static_assert(sizeof...(Sizes) > 0, "not supported: tensors without dimensions");
  typedef Index index_type;
  typedef size_t size_type;
  typedef size_t rank_type;
  Index __msl_values[sizeof...(Sizes)];

  static constexpr size_t rank() { return sizeof...(Sizes); }
  static constexpr size_t rank_dynamic() { return (size_t(Sizes == dynamic_extent) + ...); }
  static constexpr size_t static_extent(size_t r) {
    const size_t sizes[] = {Sizes...};
    return sizes[r];
  }
  constexpr Index extent(size_t r) const { return __msl_values[r]; }

  constexpr extents() : __msl_values{(Sizes == dynamic_extent ? Index(0) : Index(Sizes))...} {}
  // All extents, or those that are not known to the compiler.
  template <class... I, class = enable_if_t<sizeof...(I) == sizeof...(Sizes) || sizeof...(I) == rank_dynamic()>>
  constexpr extents(I... sizes) : extents() {
    const Index given[] = {Index(sizes)..., Index(0)};
    __msl_assign<sizeof...(I)>(given);
  }
  template <class I, size_t N, class = enable_if_t<N == sizeof...(Sizes) || N == rank_dynamic()>>
  constexpr extents(const array<I, N>& sizes) : extents() {
    Index given[N + 1] = {};
    for (size_t i = 0; i < N; i++) given[i] = Index(sizes[i]);
    __msl_assign<N>(given);
  }
  template <size_t N>
  constexpr void __msl_assign(const Index* given) {
    for (size_t i = 0, next = 0; i < rank(); i++) {
      if (N == rank() || static_extent(i) == dynamic_extent) __msl_values[i] = given[next++];
    }
  }
};

template <class Index, size_t Rank, size_t... Sizes>
struct __msl_dextents : __msl_dextents<Index, Rank - 1, Sizes..., dynamic_extent> {};
template <class Index, size_t... Sizes>
struct __msl_dextents<Index, 0, Sizes...> {
  typedef extents<Index, Sizes...> type;
};
template <class Index, size_t Rank>
using dextents = typename __msl_dextents<Index, Rank>::type;

// The kinds of tensors: those that the program makes of a pointer, arguments of kernels, and parts of these.
struct tensor_inline {};
struct tensor_handle {};
struct tensor_offset {};

template <class T, class Extents, class Kind = tensor_handle, class... Tags>
struct tensor {
  static_assert(__is_same(Kind, tensor_inline) && sizeof...(Tags) == 0,
                "not supported: tensors that are arguments of kernels (tensor_handle, tensor_offset)");
};

template <class T, class Extents>
struct tensor<T, Extents, tensor_inline> {
  typedef T element_type;
  typedef __bare<T> value_type;
  typedef Extents extents_type;
  typedef typename Extents::index_type index_type;
  typedef size_t size_type;
  typedef size_t rank_type;
  enum : size_t { __msl_rank = Extents::rank() };

  T* __msl_data;
  Extents __msl_extents;
  index_type __msl_strides[__msl_rank];

  // Where all extents are known to the compiler.
  template <class U = Extents, class = enable_if_t<U::rank_dynamic() == 0>>
  constexpr explicit tensor(T* data) : tensor(data, Extents()) {}
  constexpr tensor(T* data, const Extents& sizes) : __msl_data(data), __msl_extents(sizes), __msl_strides{} {
    index_type stride = 1;
    for (size_t i = 0; i < __msl_rank; i++) {
      __msl_strides[i] = stride;
      stride *= sizes.extent(i);
    }
  }
  template <class I>
  constexpr tensor(T* data, const Extents& sizes, const array<I, __msl_rank>& strides)
      : __msl_data(data), __msl_extents(sizes), __msl_strides{} {
    for (size_t i = 0; i < __msl_rank; i++) __msl_strides[i] = index_type(strides[i]);
  }

  static constexpr size_t get_rank() { return __msl_rank; }
  static constexpr size_t get_static_extent(size_t r) { return Extents::static_extent(r); }
  constexpr index_type get_extent(size_t r) const { return __msl_extents.extent(r); }
  constexpr index_type get_stride(size_t r) const { return __msl_strides[r]; }
  constexpr Extents extents() const { return __msl_extents; }
  constexpr Extents get_extents() const { return __msl_extents; }

  template <class I>
  __MSL_AT_CALLER __MSL_INL T& operator[](const array<I, __msl_rank>& position) const {
    long place = 0;
    for (size_t i = 0; i < __msl_rank; i++) place += (long)position[i] * (long)__msl_strides[i];
    return __msl_data[place];
  }
  // With several indices only the last one would get here.
  template <class I, class = enable_if_t<__is_integral(I)>>
  __MSL_AT_CALLER __MSL_INL T& operator[](I position) const {
    static_assert(__msl_rank == 1 || !__is_same(I, I),
                  "not supported: tensor[x, y] without an array; write tensor[array<int, 2>{x, y}]");
    return __msl_data[(long)position * (long)__msl_strides[0]];
  }

  // What begins at `position`: as far as this tensor goes, or, in dimensions that have a size, that far.
  template <size_t... Sizes, class... I>
  constexpr auto slice(I... position) const {
    static_assert(sizeof...(I) == __msl_rank, "slice takes one position for each dimension of the tensor");
    static_assert(sizeof...(Sizes) == 0 || sizeof...(Sizes) == __msl_rank,
                  "slice takes one size for each dimension of the tensor, or none");
    if constexpr (sizeof...(Sizes) == 0) {
      return __msl_slice<dextents<index_type, __msl_rank>>(position...);
    } else {
      return __msl_slice<__msl_metal4::extents<index_type, Sizes...>>(position...);
    }
  }
  template <size_t... Sizes, class... I>
  constexpr auto static_slice(I... position) const {
    return slice<Sizes...>(position...);
  }

  template <class Part, class... I>
  constexpr tensor<T, Part, tensor_inline> __msl_slice(I... position) const {
    const long begin[] = {(long)position...};
    array<index_type, __msl_rank> strides = {};
    Part sizes;
    long place = 0;
    for (size_t i = 0; i < __msl_rank; i++) {
      const long rest = (long)get_extent(i) - begin[i];
      if (Part::static_extent(i) == dynamic_extent) sizes.__msl_values[i] = index_type(rest > 0 ? rest : 0);
      strides[i] = __msl_strides[i];
      place += begin[i] * (long)__msl_strides[i];
    }
    return tensor<T, Part, tensor_inline>(__msl_data + place, sizes, strides);
  }
};

template <class T, class Extents>
tensor(T*, Extents) -> tensor<T, Extents, tensor_inline>;
template <class T, class Extents, class I, size_t N>
tensor(T*, Extents, array<I, N>) -> tensor<T, Extents, tensor_inline>;

}  // namespace __msl_metal4

template <class T, class Extents>
using __msl_memory = __msl_metal4::tensor<T, Extents, __msl_metal4::tensor_inline>;

}  // namespace metal
