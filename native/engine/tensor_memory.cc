// Products of tensors in memory: the lanes of a simdgroup meet, and the last one that comes computes the part of the
// product that is the simdgroup's. Simdgroups of one scope do not wait for each other.
#include <algorithm>
#include <cstring>

#include "control.h"
#include "hooks.h"
#include "scheduler.h"
#include "tensor_product.h"
#include "tensor_scope.h"
#include "watch.h"
#include "worker.h"

namespace moegen {
namespace {

constexpr uint64_t kRunTag = 0x700;

const __msl_tensor_product& ProductOf(const Simdgroup& simdgroup, uint32_t lane) {
  return *reinterpret_cast<const __msl_tensor_product*>(simdgroup.operands.input[lane]);
}

// Tells the checks of a simdgroup's accesses to memory.
class Accesses {
 public:
  explicit Accesses(const Simdgroup& simdgroup)
      : simdgroup_(simdgroup), group_(*simdgroup.group), site_(simdgroup.executing_site & 0x0000ffffffffffff) {}

  void Note(const __msl_tensor& tensor, uint32_t type, int64_t row, int64_t column, AccessKind kind, uint32_t lane) {
    if (row >= tensor.rows || column >= tensor.columns) return;
    const uint64_t bytes = TensorElementBytes(type & 0xff);
    const auto place = static_cast<uint64_t>(row * tensor.row_stride + column * tensor.column_stride);
    const Touch touch{reinterpret_cast<uint64_t>(tensor.data) + place * bytes, bytes, kind, site_};
    group_.watch->Note(group_, group_.worker->threadgroup_memory(), simdgroup_.index * kLanes + lane, touch);
  }
  // Each element once, in the name of one of the lanes that need it: seldom the one that wrote it.
  void Read(const __msl_tensor& tensor, uint32_t type, int64_t row_begin, int64_t row_end, int64_t columns) {
    for (int64_t row = row_begin; row < row_end; ++row) {
      for (int64_t column = 0; column < columns; ++column) {
        const auto lane = static_cast<uint32_t>(11 * row + 5 * column + 7) % kLanes;
        Note(tensor, type, row, column, AccessKind::kRead, lane);
      }
    }
  }

 private:
  const Simdgroup& simdgroup_;
  const Group& group_;
  // Where the kernel continues.
  const uint64_t site_;
};

// A number of terms that is part of the operation is read whole, also where the factors end before (Metal 4, 2.22.2).
void RequireTerms(const Simdgroup& simdgroup, const __msl_tensor_product& product) {
  const long long given = std::min(product.left.columns, product.right.rows);
  if (product.k <= given) return;
  const Group& group = *simdgroup.group;
  group.watch->monitor().Report(
      Check::kBounds, simdgroup.executing_site & 0x0000ffffffffffff,
      "a product of %d terms reads beyond its factors, which have %lld; threadgroup %llu, simdgroup %u", product.k, given,
      static_cast<unsigned long long>(group.threadgroup_index), simdgroup.index);
}

void NoteAccesses(const Simdgroup& simdgroup, const __msl_tensor_product& product, const TensorPart& part) {
  Accesses accesses(simdgroup);
  const int64_t terms = TermsOf(product);
  const auto columns = static_cast<uint32_t>(product.n);
  accesses.Read(product.left, product.types, part.row_begin(columns), part.row_end(columns), terms);
  accesses.Read(product.right, product.types >> 8, 0, terms, columns);
  if (product.destination.data == nullptr) return;
  ForElements(product, part, [&](uint32_t lane, uint32_t, int64_t row, int64_t column) {
    if ((product.flags & MSL_RT_TENSOR_ACCUMULATE) != 0) {
      accesses.Note(product.destination, product.types >> 16, row, column, AccessKind::kRead, lane);
    }
    accesses.Note(product.destination, product.types >> 16, row, column, AccessKind::kWrite, lane);
  });
}

// All lanes give one product; what differs would be ignored.
void RequireUniform(const Simdgroup& simdgroup, uint32_t mask) {
  const __msl_tensor_product& first = ProductOf(simdgroup, LowestBit(mask));
  for (uint32_t rest = mask & (mask - 1); rest != 0; rest &= rest - 1) {
    const __msl_tensor_product& other = ProductOf(simdgroup, LowestBit(rest));
    if (std::memcmp(&first, &other, offsetof(__msl_tensor_product, elements)) != 0) {
      Fail("tensor-operands", "the lanes of a simdgroup come to products of different tensors");
    }
  }
}

void ExecuteTensorRun(Simdgroup& simdgroup, uint32_t mask) {
  Group& group = *simdgroup.group;
  if (mask != simdgroup.members) PartialOperation(simdgroup, mask, simdgroup.members, "product of tensors");
  // With checks, a report says so.
  if (mask != kAllLanes && (group.watch == nullptr || mask == simdgroup.members)) {
    Fail("tensor-lanes", "a product of tensors needs all 32 lanes of a simdgroup");
  }
  RequireUniform(simdgroup, mask);
  const __msl_tensor_product& product = ProductOf(simdgroup, LowestBit(mask));
  if (product.simdgroups > 1) {
    if (product.simdgroups != group.simdgroup_count) {
      Fail("tensor-simdgroups", "a product of tensors needs a threadgroup of as many simdgroups as its scope has");
    }
    NoteTensorScope(simdgroup, product);
  }
  void* elements[kLanes] = {};
  for (uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    elements[LowestBit(rest)] = ProductOf(simdgroup, LowestBit(rest)).elements;
  }
  const TensorPart part = PartOf(product, simdgroup.index);
  if (group.watch != nullptr) {
    RequireTerms(simdgroup, product);
    NoteAccesses(simdgroup, product, part);
  }
  MultiplyInMemory(product, part, elements);
  ++group.matrix_operations;
  if ((product.types >> 16 & 0xff) != MSL_RT_INT) {
    group.operations += 2 * static_cast<uint64_t>(TermsOf(product)) * (part.last - part.first);
  }
}

}  // namespace
}  // namespace moegen

extern "C" {

void __msl_rt_tensor_run(const __msl_tensor_product* product) {
  moegen::Self* self = moegen::Current();
  moegen::SimdgroupOf(self).operands.input[self->lane] = reinterpret_cast<uint64_t>(product);
  const auto site = reinterpret_cast<uint64_t>(__builtin_return_address(0));
  moegen::Rendezvous(self, site ^ (moegen::kRunTag << 48), moegen::ExecuteTensorRun);
}
}
