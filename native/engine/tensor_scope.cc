#include "tensor_scope.h"

#include <cstring>

#include "control.h"
#include "watch.h"

namespace moegen {
namespace {

// What a worker's threadgroup has done since its last barrier.
struct Interval {
  // Barriers before it.
  uint64_t barriers;
  // Of the product that was met last.
  uint64_t site;
  // Of each simdgroup: products, and a hash over them.
  uint32_t counts[kMaxSimdgroups];
  uint64_t hashes[kMaxSimdgroups];
};

thread_local Interval t_interval;

// All of it but `elements`, which is each lane's own.
uint64_t Hash(uint64_t hash, const __msl_tensor_product& product) {
  uint8_t bytes[offsetof(__msl_tensor_product, elements)];
  std::memcpy(bytes, &product, sizeof bytes);
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  return hash;
}

void Complain(const Group& group, const char* code, const char* what) {
  if (group.watch == nullptr) Fail(code, what);
  group.watch->monitor().Report(Check::kDivergence, t_interval.site & 0x0000ffffffffffff, "%s; threadgroup %llu", what,
                                static_cast<unsigned long long>(group.threadgroup_index));
}

void Close(const Group& group) {
  bool differ_in_number = false;
  bool differ = false;
  for (uint32_t i = 1; i < group.simdgroup_count; ++i) {
    differ_in_number |= t_interval.counts[i] != t_interval.counts[0];
    differ |= t_interval.hashes[i] != t_interval.hashes[0];
  }
  if (differ_in_number) {
    Complain(group, "tensor-lanes", "a product of tensors needs all simdgroups of its scope, and not all come to it");
  } else if (differ) {
    Complain(group, "tensor-operands", "the simdgroups of a scope come to products of different tensors");
  }
  t_interval = {};
}

}  // namespace

void NoteTensorScope(Simdgroup& simdgroup, const __msl_tensor_product& product) {
  const Group& group = *simdgroup.group;
  if (t_interval.site != 0 && t_interval.barriers != group.barriers) Close(group);
  t_interval.barriers = group.barriers;
  t_interval.site = simdgroup.executing_site;
  ++t_interval.counts[simdgroup.index];
  t_interval.hashes[simdgroup.index] = Hash(t_interval.hashes[simdgroup.index], product);
}

void EndTensorScopes(Group& group) {
  if (t_interval.site != 0) Close(group);
}

}  // namespace moegen
