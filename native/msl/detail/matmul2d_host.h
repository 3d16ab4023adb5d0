// Products of cooperative tensors on the host: the lanes meet, and one of them multiplies for all.
#pragma once

namespace mpp {
namespace tensor_ops {

template <uint Flags, class L, class R, class D, int Rows, int Columns>
__MSL_CONV void __msl_multiply(const __private metal::cooperative_tensor<L, 16, 16>& a,
                               const __private metal::cooperative_tensor<R, Rows, Columns>& b,
                               __private metal::cooperative_tensor<D, 16, 32>& d) {
  const uint types = a.__msl_type | b.__msl_type << 8 | d.__msl_type << 16;
  __msl_rt_tensor_multiply((void*)d.__msl_elements, (const void*)a.__msl_elements,
                           (const void*)b.__msl_elements, types, Flags);
}

}  // namespace tensor_ops
}  // namespace mpp
