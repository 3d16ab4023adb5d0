// Metal Performance Primitives: products of cooperative tensors. What is known to be the same on every GPU that has
// matrix units is 16 x 16 by 16 x 32 elements in one simdgroup, the form that libraries use; for other sizes the lanes
// would hold other elements on each GPU, so that they are refused.
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
  __MSL_DESCRIPTOR(__constant)
#undef __MSL_DESCRIPTOR
  // Descriptors are template arguments, which are integers in this language.
  constexpr operator ulong() const { return __msl_encode(m, n, k, __msl_flags()); }
  constexpr operator ulong() const __constant { return __msl_encode(m, n, k, __msl_flags()); }

  constexpr uint __msl_flags() const { return __msl_flags(transpose_left, transpose_right, matmul_mode); }
  constexpr uint __msl_flags() const __constant { return __msl_flags(transpose_left, transpose_right, matmul_mode); }
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
constexpr __constant bool __msl_has_type = __is_same(L, D) || __is_same(R, D);
template <class T>
constexpr __constant bool __msl_is_byte = __is_same(T, char) || __is_same(T, uchar);
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

template <ulong Descriptor, class Scope, class... Rest>
class matmul2d {
  static_assert(__is_same(Scope, metal::__msl_metal4::execution_simdgroup),
                "not supported: matmul2d in other scopes than execution_simdgroup");
  static_assert(Descriptor >> 4 == matmul2d_descriptor::__msl_encode(16, 32, 16, 0) >> 4,
                "not supported: matmul2d of other sizes than m, n, k = 16, 32, 16");
  enum : uint { flags = Descriptor & 15 };
  enum : bool { left = (flags & MSL_RT_TENSOR_LEFT) != 0, right = (flags & MSL_RT_TENSOR_RIGHT) != 0 };

  template <class T>
  using bare = metal::__bare<T>;
  template <class L, class R, class D>
  static constexpr void check() {
    static_assert(__msl_can_multiply<L, R, D>(), "matmul2d does not have this combination of element types");
  }

 public:
  template <class L, class R, class D>
  using cooperative_tensor_left_input_t = metal::cooperative_tensor<bare<L>, 16, 16>;
  template <class L, class R, class D>
  using cooperative_tensor_right_input_t = metal::cooperative_tensor<bare<R>, right ? 32 : 16, right ? 16 : 32>;
  template <class L, class R, class D>
  using cooperative_tensor_destination_t = metal::cooperative_tensor<bare<D>, 16, 32>;

  template <class L, class R, class D>
  __MSL_INL cooperative_tensor_left_input_t<L, R, D> get_left_input_cooperative_tensor() const {
    check<bare<L>, bare<R>, bare<D>>();
    return {};
  }
  template <class L, class R, class D>
  __MSL_INL cooperative_tensor_right_input_t<L, R, D> get_right_input_cooperative_tensor() const {
    check<bare<L>, bare<R>, bare<D>>();
    return {};
  }
  template <class L, class R, class D>
  __MSL_INL cooperative_tensor_destination_t<L, R, D> get_destination_cooperative_tensor() const {
    check<typename bare<L>::element_type, typename bare<R>::element_type, bare<D>>();
    return {};
  }

  // `relaxed_precision` allows, and does not demand, that digits are lost: sums are taken in float here.
  template <class L, class R, class D>
  __MSL_CONV void run(const __private metal::cooperative_tensor<L, 16, 16>& a,
                      const __private metal::cooperative_tensor<R, right ? 32 : 16, right ? 16 : 32>& b,
                      __private metal::cooperative_tensor<D, 16, 32>& d) const {
    check<L, R, D>();
    __msl_multiply<flags>(a, b, d);
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
