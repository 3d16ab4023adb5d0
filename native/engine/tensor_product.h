// Products of matrices in memory, as native/msl/detail/abi.h describes them: each simdgroup of a scope computes its
// part.
#pragma once

#include <cstdint>

#include "self.h"

namespace moegen {

constexpr size_t TensorElementBytes(uint32_t type) {
  return type == MSL_RT_FLOAT || type == MSL_RT_INT ? 4 : type == MSL_RT_HALF || type == MSL_RT_BFLOAT ? 2 : 1;
}

// The part of a product that one simdgroup computes: elements of the destination, counted row after row.
struct TensorPart {
  uint32_t first;
  uint32_t last;

  uint32_t row_begin(uint32_t columns) const { return first / columns; }
  uint32_t row_end(uint32_t columns) const { return (last + columns - 1) / columns; }
};

TensorPart PartOf(const __msl_tensor_product& product, uint32_t simdgroup);

// Calls `visit(lane, index, row, column)` for the elements of a part: each is number `index` of those that `lane` holds.
template <typename Visit>
void ForElements(const __msl_tensor_product& product, const TensorPart& part, Visit visit) {
  const auto columns = static_cast<uint32_t>(product.n);
  for (uint32_t number = part.first; number < part.last; ++number) {
    const uint32_t lane = (number - part.first) % kLanes;
    const uint32_t index = (number - part.first) / kLanes;
    if ((product.flags & MSL_RT_TENSOR_FRAGMENTS) == 0) {
      visit(lane, index, number / columns, number % columns);
    } else {
      const uint32_t row = (lane >> 2 & 4) + (lane >> 1 & 3) + (index >> 2 & 1) * 8;
      const uint32_t column = (lane >> 3 & 1) * 8 + (lane & 1) * 4 + (index & 3);
      const uint32_t first = index / 8 * 16;
      visit(lane, index, row + (columns == 16 ? first : 0), column + (columns == 16 ? 0 : first));
    }
  }
}

// How many terms each element of the product has.
int64_t TermsOf(const __msl_tensor_product& product);

// Computes a part. `elements` are those of the lanes, null for a lane that takes no part; not used where the destination
// is in memory. In float every element takes one fused multiply-add per step, k ascending, and is rounded once; bytes are
// multiplied and added in 32 bits, which wrap.
void MultiplyInMemory(const __msl_tensor_product& product, const TensorPart& part, void* const elements[kLanes]);

}  // namespace moegen
