// Products of tensors in memory that several simdgroups compute together.
#pragma once

#include "group.h"

namespace moegen {

constexpr uint32_t kAllLanes = ~0u;

// One simdgroup comes to a product in the scope of its whole threadgroup. All simdgroups have to come to the same
// products in the same order between two threadgroup barriers; where they do not, a report says so, or the job ends.
void NoteTensorScope(Simdgroup& simdgroup, const __msl_tensor_product& product);

// The threadgroup has come to its end: looks at the products since its last barrier.
void EndTensorScopes(Group& group);

}  // namespace moegen
