// Products of cooperative tensors on NVIDIA GPUs: lanes exchange elements by shuffles.
#pragma once

namespace mpp {
namespace tensor_ops {

__MSL_CONV float __msl_fetch(float value, uint lane) { return __msl_shuffle_float(value, lane); }
__MSL_CONV int __msl_fetch(int value, uint lane) { return (int)__msl_shuffle_word((uint)value, lane); }
__MSL_INL float __msl_multiply_add(float x, float y, float sum) { return __nvvm_fma_rn_f(x, y, sum); }
__MSL_INL int __msl_multiply_add(int x, int y, int sum) { return (int)((uint)x * (uint)y + (uint)sum); }

// The lane with row `row` % 8 and column `column` of a fragment.
__MSL_INL uint __msl_fragment_lane(uint row, uint column) {
  return (row & 4u) << 2 | (column & 8u) | (row & 3u) << 1 | (column >> 2 & 1u);
}

// Element (m, k) of the left operand, m = the lane's row + 8 * half.
template <uint Flags, class Sum, class T>
__MSL_CONV Sum __msl_left(const metal::cooperative_tensor<T, 16, 16>& a, uint m, uint k) {
  const uint high = m >> 3;
  if constexpr ((Flags & MSL_RT_TENSOR_LEFT) == 0)
    return __msl_fetch(Sum(a.__msl_elements[high * 4 + (k & 3)]), __msl_fragment_lane(m, k));
  const uint lane = __msl_fragment_lane(k, m);
  Sum found = 0;
#pragma unroll
  for (uint i = 0; i < 4; i++) {
    const Sum other = __msl_fetch(Sum(a.__msl_elements[(k >> 3) * 4 + i]), lane);
    found = (m & 3) == i ? other : found;
  }
  return found;
}

// Element (k, n) of the right operand; n = the lane's column `n` of fragment `fragment`.
template <uint Flags, class Sum, class T, int Rows, int Columns>
__MSL_CONV Sum __msl_right(const metal::cooperative_tensor<T, Rows, Columns>& b, uint k, uint n,
                           uint j, uint fragment) {
  if constexpr ((Flags & MSL_RT_TENSOR_RIGHT) == 0)
    return __msl_fetch(Sum(b.__msl_elements[fragment * 8 + (k >> 3) * 4 + j]), __msl_fragment_lane(k, n));
  const uint lane = __msl_fragment_lane(n, k);
  const Sum low = __msl_fetch(Sum(b.__msl_elements[fragment * 8 + (k & 3)]), lane);
  const Sum high = __msl_fetch(Sum(b.__msl_elements[fragment * 8 + 4 + (k & 3)]), lane);
  return n < 8 ? low : high;
}

template <uint Flags, class L, class R, class D, int Rows, int Columns, class Left, class Right>
__MSL_CONV void __msl_multiply(const metal::cooperative_tensor<L, 16, 16>& a,
                               const metal::cooperative_tensor<R, Rows, Columns>& b,
                               metal::cooperative_tensor<D, 16, 32, 1, Left, Right>& d) {
  typedef metal::conditional_t<__is_same(D, int), int, float> Sum;
  const uint row = (__msl_lane() >> 2 & 4u) + (__msl_lane() >> 1 & 3u);
  const uint column = (__msl_lane() & 8u) + (__msl_lane() & 1u) * 4;
  Sum sums[16];
#pragma unroll
  for (uint i = 0; i < 16; i++) sums[i] = (Flags & MSL_RT_TENSOR_ACCUMULATE) != 0 ? Sum(d.__msl_elements[i]) : Sum(0);
#pragma unroll
  for (uint k = 0; k < 16; k++) {
    const Sum upper = __msl_left<Flags, Sum>(a, row, k), lower = __msl_left<Flags, Sum>(a, row + 8, k);
#pragma unroll
    for (uint i = 0; i < 8; i++) {
      const Sum other = __msl_right<Flags, Sum>(b, k, column + (i & 3), i & 3, i >> 2);
      const uint place = (i >> 2) * 8 + (i & 3);
      sums[place] = __msl_multiply_add(upper, other, sums[place]);
      sums[place + 4] = __msl_multiply_add(lower, other, sums[place + 4]);
    }
  }
#pragma unroll
  for (uint i = 0; i < 16; i++) d.__msl_elements[i] = D(sums[i]);
}

template <class L, class R, class D>
__MSL_CONV void __msl_multiply_tensors(const __msl_tensor_product&) {
  static_assert(!__is_same(D, D), "not supported: matmul2d of tensors in memory on NVIDIA GPUs");
}

}  // namespace tensor_ops
}  // namespace mpp
