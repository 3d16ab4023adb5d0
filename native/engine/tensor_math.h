// Products of cooperative tensors: 16 x 16 by 16 x 32 elements, which lie with the 32 lanes of a simdgroup as
// native/msl/detail/cooperative_tensor.h says.
#pragma once

#include <cstdint>

#include "self.h"

namespace moegen {

// Of a product of floats: a multiplication and an addition for each of 16 x 32 x 16 terms.
constexpr uint64_t kTensorProductOperations = 2 * 16 * 32 * 16;

struct TensorProduct {
  // The elements of each lane: 8, 16 and 16. Null for a lane that takes no part; its elements count as 0.
  const void* left[kLanes];
  const void* right[kLanes];
  void* destination[kLanes];
  // Element types.
  uint8_t left_type;
  uint8_t right_type;
  uint8_t destination_type;
  // MSL_RT_TENSOR_*.
  uint32_t flags;
};

// destination = left * right, plus destination where the flags say so. In float every element takes one fused
// multiply-add per step, k ascending, and is rounded once; bytes are multiplied and added in 32 bits, which wrap.
void MultiplyTensors(const TensorProduct& product);

}  // namespace moegen
