// The 64 elements of a matrix lie once per simdgroup, where the object's distance from the thread's state
// says: lanes take the same path to an operation, so they agree. An object on the stack holds only a mark
// that says whether a reference to its elements was handed out. From then on the lanes may change elements at
// any time, and operations on that matrix have to wait for all of them; all others are done by the
// simdgroup's leader, the first lane to run after a rendezvous, while the other lanes pass.
#include "matrix.h"

#include <cstring>

#include "hooks.h"
#include "matrix_math.h"
#include "scheduler.h"

namespace moegen {
namespace {

void* Elements(const Self* self, const void* object) {
  const uint64_t distance = reinterpret_cast<uint64_t>(self) - reinterpret_cast<uint64_t>(object);
  return reinterpret_cast<void*>(self->matrix_base + distance * kLanes);
}

bool IsExposed(const void* object) { return object != nullptr && *static_cast<const uint32_t*>(object) != 0; }

bool NeedsRendezvous(const Self* self, const MatrixOperation& operation) {
  if ((self->matrix_mode & (MSL_RT_MATRIX_HAZARD | MSL_RT_MATRIX_LOCKSTEP)) != 0) return true;
  if ((self->matrix_mode & MSL_RT_MATRIX_EXPOSED) == 0) return false;
  return IsExposed(operation.d) || IsExposed(operation.a) || IsExposed(operation.b) || IsExposed(operation.c);
}

void Perform(Self* self, const MatrixOperation& operation) {
  using Kind = MatrixOperation::Kind;
  const uint8_t* types = operation.types;
  if (GroupOf(self).watch != nullptr && operation.memory != nullptr) MatrixAccess(self, operation);
  switch (operation.kind) {
    case Kind::kFill:
      FillMatrix(Elements(self, operation.d), types[0], operation.value, operation.diagonal);
      break;
    case Kind::kCopy:
      std::memcpy(Elements(self, operation.d), Elements(self, operation.a),
                  kMatrixElements * ElementBytes(types[0]));
      break;
    case Kind::kLoad:
      LoadMatrix(Elements(self, operation.d), types[0], operation.memory, operation.row_stride,
                 operation.column_stride);
      break;
    case Kind::kStore:
      StoreMatrix(Elements(self, operation.a), types[1], const_cast<void*>(operation.memory),
                  operation.row_stride, operation.column_stride);
      break;
    case Kind::kMultiply:
      ++GroupOf(self).matrix_operations;
      GroupOf(self).operations += kMatrixProductOperations;
      MultiplyAccumulate(Elements(self, operation.d), types[0], Elements(self, operation.a), types[1],
                         Elements(self, operation.b), types[2],
                         operation.c == nullptr ? nullptr : Elements(self, operation.c), types[3]);
      break;
  }
}

void ExecuteMatrix(Simdgroup& simdgroup, uint32_t mask) {
  const uint32_t lane = LowestBit(mask);
  Self* self = simdgroup.lanes[lane];
  if (mask != simdgroup.members) PartialOperation(simdgroup, mask, simdgroup.members, "matrix operation");
  if (mask != simdgroup.live) RequireLockstep(*simdgroup.group);
  Perform(self, *simdgroup.operands.matrix[lane]);
}

void Run(MatrixOperation& operation, void* return_address) {
  Self* self = Current();
  operation.site = reinterpret_cast<uint64_t>(return_address);
  Simdgroup& simdgroup = SimdgroupOf(self);
  if (NeedsRendezvous(self, operation)) {
    self->matrix_mode &= ~MSL_RT_MATRIX_HAZARD;
    simdgroup.operands.matrix[self->lane] = &operation;
    const auto tag = 0x500 + static_cast<uint64_t>(operation.kind);
    Rendezvous(self, operation.site ^ (tag << 48), ExecuteMatrix);
    return;
  }
  if ((self->matrix_mode & MSL_RT_MATRIX_LEADER) == 0) return;
  if (simdgroup.ran_partial) RequireLockstep(GroupOf(self));
  simdgroup.ran_matrix = true;
  Perform(self, operation);
}

}  // namespace
}  // namespace moegen

using moegen::MatrixOperation;

extern "C" {

void __msl_rt_matrix_fill(void* d, uint32_t type, float value, uint32_t diagonal) {
  MatrixOperation operation{};
  operation.kind = MatrixOperation::Kind::kFill;
  operation.types[0] = static_cast<uint8_t>(type);
  operation.d = d;
  operation.value = value;
  operation.diagonal = diagonal != 0;
  moegen::Run(operation, __builtin_return_address(0));
}

void __msl_rt_matrix_copy(void* d, const void* a, uint32_t type) {
  MatrixOperation operation{};
  operation.kind = MatrixOperation::Kind::kCopy;
  operation.types[0] = operation.types[1] = static_cast<uint8_t>(type);
  operation.d = d;
  operation.a = a;
  moegen::Run(operation, __builtin_return_address(0));
}

void __msl_rt_matrix_load(void* d, uint32_t type, const void* source, int64_t row_stride,
                          int64_t column_stride) {
  MatrixOperation operation{};
  operation.kind = MatrixOperation::Kind::kLoad;
  operation.types[0] = static_cast<uint8_t>(type);
  operation.d = d;
  operation.memory = source;
  operation.row_stride = row_stride;
  operation.column_stride = column_stride;
  moegen::Run(operation, __builtin_return_address(0));
}

void __msl_rt_matrix_store(const void* a, uint32_t type, void* target, int64_t row_stride,
                           int64_t column_stride) {
  MatrixOperation operation{};
  operation.kind = MatrixOperation::Kind::kStore;
  operation.types[1] = static_cast<uint8_t>(type);
  operation.a = a;
  operation.memory = target;
  operation.row_stride = row_stride;
  operation.column_stride = column_stride;
  moegen::Run(operation, __builtin_return_address(0));
}

void __msl_rt_matrix_multiply(void* d, const void* a, const void* b, const void* c, uint32_t types) {
  MatrixOperation operation{};
  operation.kind = MatrixOperation::Kind::kMultiply;
  for (int i = 0; i < 4; ++i) operation.types[i] = static_cast<uint8_t>(types >> (8 * i));
  operation.d = d;
  operation.a = a;
  operation.b = b;
  operation.c = c;
  moegen::Run(operation, __builtin_return_address(0));
}
}
