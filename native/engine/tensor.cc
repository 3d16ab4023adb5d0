// Products of cooperative tensors: every lane leaves where its elements lie and waits; the last one that comes
// multiplies for all.
#include "control.h"
#include "hooks.h"
#include "scheduler.h"
#include "tensor_math.h"
#include "tensor_scope.h"

namespace moegen {
namespace {

constexpr uint64_t kProductTag = 0x600;

// What one lane leaves.
struct Operand {
  const void* left;
  const void* right;
  void* destination;
  uint32_t types;
  uint32_t flags;
};

const Operand& OperandOf(const Simdgroup& simdgroup, uint32_t lane) {
  return *reinterpret_cast<const Operand*>(simdgroup.operands.input[lane]);
}

void ExecuteProduct(Simdgroup& simdgroup, uint32_t mask) {
  Group& group = *simdgroup.group;
  if (mask != simdgroup.members) PartialOperation(simdgroup, mask, simdgroup.members, "product of cooperative tensors");
  // With checks, a report says so.
  if (mask != kAllLanes && (group.watch == nullptr || mask == simdgroup.members)) {
    Fail("tensor-lanes", "a product of cooperative tensors needs all 32 lanes of a simdgroup");
  }
  TensorProduct product{};
  const Operand& any = OperandOf(simdgroup, LowestBit(mask));
  product.left_type = static_cast<uint8_t>(any.types);
  product.right_type = static_cast<uint8_t>(any.types >> 8);
  product.destination_type = static_cast<uint8_t>(any.types >> 16);
  product.flags = any.flags;
  for (uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const uint32_t lane = LowestBit(rest);
    const Operand& operand = OperandOf(simdgroup, lane);
    product.left[lane] = operand.left;
    product.right[lane] = operand.right;
    product.destination[lane] = operand.destination;
  }
  MultiplyTensors(product);
  ++group.matrix_operations;
  if (product.destination_type != MSL_RT_INT) group.operations += kTensorProductOperations;
}

}  // namespace
}  // namespace moegen

extern "C" {

void __msl_rt_tensor_multiply(void* d, const void* a, const void* b, uint32_t types, uint32_t flags) {
  moegen::Self* self = moegen::Current();
  const moegen::Operand operand{a, b, d, types, flags};
  moegen::SimdgroupOf(self).operands.input[self->lane] = reinterpret_cast<uint64_t>(&operand);
  const auto site = reinterpret_cast<uint64_t>(__builtin_return_address(0));
  moegen::Rendezvous(self, site ^ (moegen::kProductTag << 48), moegen::ExecuteProduct);
}
}
