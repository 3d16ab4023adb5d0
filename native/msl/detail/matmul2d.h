// Metal Performance Primitives: products of matrices. The factors are tensors in memory, of any size and for any number
// of simdgroups, or cooperative tensors. For these it matters which lane holds what, and what is known to be the same on
// every GPU that has matrix units is 16 x 16 by 16 x 32 elements in one simdgroup, the form that libraries use; other
// sizes are refused.
#pragma once

#include "cooperative_tensor.h"

namespace mpp {
namespace tensor_ops {

struct matmul2d_descriptor {
  enum class mode { multiply, multiply_accumulate };
  int m, n, k;
  bool transpose_left, transpose_right, relaxed_precision;
  mode matmul_mode;

#define __MSL_DESCRIPTOR(SPACE)                                                                    \
  constexpr matmul2d_descriptor(int rows, int columns, int depth = -1, bool transposed_left = false, \
                                bool transposed_right = false, bool relaxed = false,               \
                                mode what = mode::multiply) SPACE                                  \
      : m(rows),                                                                                   \
        n(columns),                                                                                \
        k(depth),                                                                                  \
        transpose_left(transposed_left),                                                           \
        transpose_right(transposed_right),                                                         \
        relaxed_precision(relaxed),                                                                \
        matmul_mode(what) {}
  __MSL_DESCRIPTOR(__generic)
#undef __MSL_DESCRIPTOR
  // Descriptors are template arguments, which are integers in this language.
  constexpr operator ulong() const { return __msl_encode(m, n, k, __msl_flags()); }

  constexpr uint __msl_flags() const { return __msl_flags(transpose_left, transpose_right, matmul_mode); }
  static constexpr uint __msl_flags(bool left, bool right, mode what) {
    return (left ? MSL_RT_TENSOR_LEFT : 0u) | (right ? MSL_RT_TENSOR_RIGHT : 0u) |
           (what == mode::multiply_accumulate ? MSL_RT_TENSOR_ACCUMULATE : 0u);
  }
  static constexpr ulong __msl_encode(int rows, int columns, int depth, uint flags) {
    return __msl_size(rows) << 44 | __msl_size(columns) << 24 | __msl_size(depth) << 4 | flags;
  }
  static constexpr ulong __msl_size(int size) { return size < 0 || size > 0xfffff ? 0xffffful : (ulong)size; }
};

// The combinations of element types that Metal has.
template <class L, class R, class D>
constexpr const __global bool __msl_has_type = __is_same(L, D) || __is_same(R, D);
template <class T>
constexpr const __global bool __msl_is_byte = __is_same(T, char) || __is_same(T, uchar);
template <class L, class R, class D>
constexpr bool __msl_can_multiply() {
  if (__msl_is_byte<L> && __msl_is_byte<R>) return __is_same(D, int);
  if (__is_same(L, uchar) || __is_same(R, uchar) || __is_same(D, int)) return false;
  if (__is_same(D, float)) return true;
  return __msl_has_type<L, R, D> && !__msl_has_type<L, R, float>;
}

}  // namespace tensor_ops
}  // namespace mpp

#ifdef __NVPTX__
#include "matmul2d_nvptx.h"
#else
#include "matmul2d_host.h"
#endif

namespace mpp {
namespace tensor_ops {

// For k: as many terms as the factors have.
template <class T>
constexpr const __global T dynamic_length_v = T(-1);

template <class Scope>
struct __msl_scope {
  enum : uint { simdgroups = 0 };
};
template <size_t Size>
struct __msl_scope<metal::__msl_metal4::execution_simdgroups<Size>> {
  enum : uint { simdgroups = Size };
};

template <class T>
struct __msl_is_memory {
  enum : bool { value = false };
};
template <class T, class Extents, class... Rest>
struct __msl_is_memory<metal::__msl_metal4::tensor<T, Extents, Rest...>> {
  enum : bool { value = true };
};

template <ulong Descriptor, class Scope, class... Rest>
class matmul2d {
  enum : uint { flags = Descriptor & 15 };
  enum : bool { left = (flags & MSL_RT_TENSOR_LEFT) != 0, right = (flags & MSL_RT_TENSOR_RIGHT) != 0 };
  enum : int { m = Descriptor >> 44, n = Descriptor >> 24 & 0xfffff };
  enum : int { depth = Descriptor >> 4 & 0xfffff, k = depth == 0xfffff ? -1 : depth };
  enum : uint { simdgroups = __msl_scope<Scope>::simdgroups };
  static_assert(simdgroups > 0 && simdgroups <= 32,
                "not supported: matmul2d in other scopes than execution_simdgroup and execution_simdgroups");
  static_assert(m > 0 && n > 0 && k != 0 && m <= 4096 && n <= 4096, "not supported: matmul2d of this size");

  template <class T>
  using bare = metal::__bare<T>;
  template <class L, class R, class D>
  static constexpr void check() {
    static_assert(__msl_can_multiply<L, R, D>(), "matmul2d does not have this combination of element types");
  }
  // Metal's own words for what it does not multiply.
  template <class L, class R, class Left, class Right>
  static constexpr void check_result() {
    static_assert(__is_same(L, Left) && __is_same(R, Right),
                  "Input types must match cooperative tensor types: the result was made for factors of other types");
  }
  template <class L>
  static constexpr void check_size() {
    static_assert(m % 16 == 0 || n % 16 == 0 || !__is_same(L, L), "At least one of M or N must be a multiple of 16");
  }
  template <class L>
  static constexpr void check_inputs() {
    static_assert(simdgroups == 1 || !__is_same(L, L),
                  "not supported: cooperative tensors as factors in other scopes than execution_simdgroup");
    static_assert((m == 16 && n == 32 && k == 16) || !__is_same(L, L),
                  "not supported: cooperative tensors as factors of other sizes than m, n, k = 16, 32, 16");
  }
  template <class T>
  using element = bare<typename bare<T>::element_type>;
  template <class T, class Extents>
  using memory = metal::__msl_memory<T, Extents>;

  // A tensor's columns come first, then its rows, unless it is given transposed.
  template <class T, class Extents>
  static __MSL_INL __msl_tensor matrix(const memory<T, Extents>& tensor, bool transposed) {
    static_assert(Extents::rank() == 2, "not supported: matmul2d of tensors that have not two dimensions");
    const int row = transposed ? 0 : 1, column = transposed ? 1 : 0;
    return {(const void*)tensor.__msl_data, (long)tensor.get_stride(row), (long)tensor.get_stride(column),
            (long)tensor.get_extent(row), (long)tensor.get_extent(column)};
  }
  template <class L, class LE, class R, class RE>
  static __MSL_INL __msl_tensor_product factors(const memory<L, LE>& a, const memory<R, RE>& b) {
    __msl_tensor_product product = {};
    product.left = matrix(a, left);
    product.right = matrix(b, right);
    product.m = m;
    product.n = n;
    product.k = k;
    product.simdgroups = simdgroups;
    product.types = metal::__msl_tensor_type<bare<L>>::value | metal::__msl_tensor_type<bare<R>>::value << 8;
    product.flags = flags & MSL_RT_TENSOR_ACCUMULATE;
    return product;
  }
  template <class T>
  static constexpr void refuse_mixture() {
    static_assert(!__is_same(T, T), "not supported: matmul2d of a tensor in memory and a cooperative tensor");
  }

 public:
  template <class L, class R, class D>
  using cooperative_tensor_left_input_t = metal::cooperative_tensor<bare<L>, 16, 16>;
  template <class L, class R, class D>
  using cooperative_tensor_right_input_t = metal::cooperative_tensor<bare<R>, right ? 32 : 16, right ? 16 : 32>;
  template <class L, class R, class D, class... More>
  using cooperative_tensor_destination_t =
      metal::cooperative_tensor<bare<D>, m, n, simdgroups, element<L>, element<R>>;

  template <class L, class R, class D>
  __MSL_INL cooperative_tensor_left_input_t<L, R, D> get_left_input_cooperative_tensor() const {
    check_inputs<L>();
    check<bare<L>, bare<R>, bare<D>>();
    return {};
  }
  template <class L, class R, class D>
  __MSL_INL cooperative_tensor_right_input_t<L, R, D> get_right_input_cooperative_tensor() const {
    check_inputs<L>();
    check<bare<L>, bare<R>, bare<D>>();
    return {};
  }
  // What products of tensors in memory are added to begins with zeros: programs rely on it.
  template <class L, class R, class D, class... More>
  __MSL_INL cooperative_tensor_destination_t<L, R, D> get_destination_cooperative_tensor() const {
    check<element<L>, element<R>, bare<D>>();
    cooperative_tensor_destination_t<L, R, D> result;
    if constexpr (__msl_is_memory<bare<L>>::value) result.__msl_fill(0);
    return result;
  }

  // `relaxed_precision` allows, and does not demand, that digits are lost: sums are taken in float here.
  template <class L, class R, class D, class Left, class Right>
  __MSL_CONV void run(const metal::cooperative_tensor<L, 16, 16>& a,
                      const metal::cooperative_tensor<R, right ? 32 : 16, right ? 16 : 32>& b,
                      metal::cooperative_tensor<D, 16, 32, 1, Left, Right>& d) const {
    check_inputs<L>();
    check<L, R, D>();
    check_result<L, R, Left, Right>();
    __msl_multiply<flags>(a, b, d);
  }
  template <class L, class LE, class R, class RE, class D, class Left, class Right>
  __MSL_AT_CALLER __MSL_CONV void run(const memory<L, LE>& a, const memory<R, RE>& b,
                      metal::cooperative_tensor<D, m, n, simdgroups, Left, Right>& d) const {
    check<bare<L>, bare<R>, D>();
    check_result<bare<L>, bare<R>, Left, Right>();
    check_size<L>();
    __msl_tensor_product product = factors(a, b);
    product.types |= d.__msl_type << 16;
    product.flags |= metal::__msl_tensor_layout<m, n, simdgroups>::fragments ? MSL_RT_TENSOR_FRAGMENTS : 0u;
    product.elements = (void*)d.__msl_elements;
    __msl_multiply_tensors<bare<L>, bare<R>, D>(product);
  }
  template <class L, class LE, class R, class RE, class D, class DE>
  __MSL_AT_CALLER __MSL_CONV void run(const memory<L, LE>& a, const memory<R, RE>& b,
                      const memory<D, DE>& d) const {
    check<bare<L>, bare<R>, bare<D>>();
    check_size<L>();
    __msl_tensor_product product = factors(a, b);
    product.types |= metal::__msl_tensor_type<bare<D>>::value << 16;
    product.destination = matrix(d, false);
    __msl_multiply_tensors<bare<L>, bare<R>, bare<D>>(product);
  }
  template <class L, class LE, class R, int Rows, int Columns, int Size, class A, class B, class D>
  void run(const memory<L, LE>&, const metal::cooperative_tensor<R, Rows, Columns, Size, A, B>&,
           const D&) const {
    refuse_mixture<D>();
  }
  template <class L, int Rows, int Columns, int Size, class A, class B, class R, class RE, class D>
  void run(const metal::cooperative_tensor<L, Rows, Columns, Size, A, B>&, const memory<R, RE>&,
           const D&) const {
    refuse_mixture<D>();
  }
};

#define __MSL_UNSUPPORTED_OPERATION(NAME)                                        \
  template <class... A>                                                          \
  constexpr int NAME(const A&...) {                                              \
    static_assert(sizeof...(A) > 99, "not supported: mpp::tensor_ops::" #NAME);  \
    return 0;                                                                    \
  }
__MSL_UNSUPPORTED_OPERATION(reduce_rows)
__MSL_UNSUPPORTED_OPERATION(reduce_columns)
__MSL_UNSUPPORTED_OPERATION(convolution2d_descriptor)
#undef __MSL_UNSUPPORTED_OPERATION

}  // namespace tensor_ops
}  // namespace mpp
