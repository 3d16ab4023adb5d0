// Products of matrices on the host: the lanes of a simdgroup meet, and one of them multiplies for all.
#pragma once

extern "C" {
// A product of tensors in memory: all lanes give the same one, apart from their own elements.
void __msl_rt_tensor_run(const __msl_tensor_product* product) __attribute__((convergent));
}

namespace mpp {
namespace tensor_ops {

template <uint Flags, class L, class R, class D, int Rows, int Columns, class Left, class Right>
__MSL_CONV void __msl_multiply(const metal::cooperative_tensor<L, 16, 16>& a,
                               const metal::cooperative_tensor<R, Rows, Columns>& b,
                               metal::cooperative_tensor<D, 16, 32, 1, Left, Right>& d) {
  const uint types = a.__msl_type | b.__msl_type << 8 | d.__msl_type << 16;
  __msl_rt_tensor_multiply((void*)d.__msl_elements, (const void*)a.__msl_elements,
                           (const void*)b.__msl_elements, types, Flags);
}

template <class L, class R, class D>
__MSL_AT_CALLER __MSL_CONV void __msl_multiply_tensors(const __msl_tensor_product& product) {
  __msl_rt_tensor_run((const __msl_tensor_product*)&product);
}

}  // namespace tensor_ops
}  // namespace mpp
