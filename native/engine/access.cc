// What instrumented kernels call: before every load and store, for copies of memory, and instead of atomic
// operations.
#include <bit>
#include <cstdio>
#include <cstring>

#include "watch.h"
#include "worker.h"

namespace moegen {
namespace {

inline void Tell(const void* address, uint64_t bytes, AccessKind kind, void* site) {
  const Self* self = Current();
  const Group& group = GroupOf(self);
  if (group.watch == nullptr || bytes == 0) return;
  const auto at = reinterpret_cast<uint64_t>(address);
  // The thread's own variables, and the state that it reads.
  if (at - reinterpret_cast<uint64_t>(&group) < kStacksAlignment) return;
  group.watch->Note(group, group.worker->threadgroup_memory(), self->titg,
                    {at, bytes, kind, reinterpret_cast<uint64_t>(site)});
}

template <typename Value>
Value Combine(uint32_t operation, Value old, Value operand) {
  switch (operation) {
    case MSL_RT_ATOMIC_ADD:
      return old + operand;
    case MSL_RT_ATOMIC_SUB:
      return old - operand;
    case MSL_RT_ATOMIC_MAX:
      return old > operand ? old : operand;
    case MSL_RT_ATOMIC_MIN:
      return old < operand ? old : operand;
    default:
      return operand;
  }
}

template <typename Bits>
Bits CombineBits(uint32_t operation, uint32_t type, Bits old, Bits operand) {
  switch (operation) {
    case MSL_RT_ATOMIC_AND:
      return old & operand;
    case MSL_RT_ATOMIC_OR:
      return old | operand;
    case MSL_RT_ATOMIC_XOR:
      return old ^ operand;
    default:
      break;
  }
  if constexpr (sizeof(Bits) == 4) {
    if (type == MSL_RT_ATOMIC_FLOAT) {
      return std::bit_cast<Bits>(
          Combine(operation, std::bit_cast<float>(old), std::bit_cast<float>(operand)));
    }
    if (type == MSL_RT_ATOMIC_INT && (operation == MSL_RT_ATOMIC_MAX || operation == MSL_RT_ATOMIC_MIN)) {
      return std::bit_cast<Bits>(
          Combine(operation, std::bit_cast<int32_t>(old), std::bit_cast<int32_t>(operand)));
    }
  }
  return Combine(operation, old, operand);
}

template <typename Bits>
uint64_t Update(void* object, uint32_t operation, uint32_t type, uint64_t operand, uint64_t expected) {
  auto* place = static_cast<Bits*>(object);
  if (operation == MSL_RT_ATOMIC_LOAD) return __atomic_load_n(place, __ATOMIC_RELAXED);
  if (operation == MSL_RT_ATOMIC_COMPARE_EXCHANGE) {
    auto old = static_cast<Bits>(expected);
    __atomic_compare_exchange_n(place, &old, static_cast<Bits>(operand), false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    return old;
  }
  Bits old = __atomic_load_n(place, __ATOMIC_RELAXED);
  for (;;) {
    const Bits next = CombineBits(operation, type, old, static_cast<Bits>(operand));
    if (__atomic_compare_exchange_n(place, &old, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return old;
  }
}

}  // namespace
}  // namespace moegen

using moegen::AccessKind;

#define MOEGEN_CALLBACKS(bytes)                                                    \
  void __hwasan_load##bytes##_noabort(const void* address) {                       \
    moegen::Tell(address, bytes, AccessKind::kRead, __builtin_return_address(0));  \
  }                                                                                \
  void __hwasan_store##bytes##_noabort(const void* address) {                      \
    moegen::Tell(address, bytes, AccessKind::kWrite, __builtin_return_address(0)); \
  }

extern "C" {

MOEGEN_CALLBACKS(1)
MOEGEN_CALLBACKS(2)
MOEGEN_CALLBACKS(4)
MOEGEN_CALLBACKS(8)
MOEGEN_CALLBACKS(16)

void __hwasan_loadN_noabort(const void* address, uint64_t bytes) {
  moegen::Tell(address, bytes, AccessKind::kRead, __builtin_return_address(0));
}
void __hwasan_storeN_noabort(const void* address, uint64_t bytes) {
  moegen::Tell(address, bytes, AccessKind::kWrite, __builtin_return_address(0));
}
void* __hwasan_memcpy(void* target, const void* source, uint64_t bytes) {
  moegen::Tell(source, bytes, AccessKind::kRead, __builtin_return_address(0));
  moegen::Tell(target, bytes, AccessKind::kWrite, __builtin_return_address(0));
  return std::memcpy(target, source, bytes);
}
void* __hwasan_memmove(void* target, const void* source, uint64_t bytes) {
  moegen::Tell(source, bytes, AccessKind::kRead, __builtin_return_address(0));
  moegen::Tell(target, bytes, AccessKind::kWrite, __builtin_return_address(0));
  return std::memmove(target, source, bytes);
}
void* __hwasan_memset(void* target, int value, uint64_t bytes) {
  moegen::Tell(target, bytes, AccessKind::kWrite, __builtin_return_address(0));
  return std::memset(target, value, bytes);
}

// The storage of a function constant, and its index. Whether it has a value stands behind the 16 bytes of that.
void __msl_rt_require_constant(const uint8_t* storage, uint64_t index) {
  if (storage[16] != 0) [[likely]] return;
  char message[120];
  std::snprintf(message, sizeof message, "the kernel uses function constant %llu, which has no value",
                static_cast<unsigned long long>(index));
  moegen::Fail("missing-constant", message);
}

uint64_t __msl_rt_atomic(void* object, uint32_t operation, uint32_t type, uint64_t operand,
                         uint64_t expected) {
  const uint64_t bytes = type == MSL_RT_ATOMIC_ULONG ? 8 : type == MSL_RT_ATOMIC_BOOL ? 1 : 4;
  const AccessKind kind = operation == MSL_RT_ATOMIC_LOAD    ? AccessKind::kAtomicRead
                          : operation == MSL_RT_ATOMIC_STORE ? AccessKind::kAtomicWrite
                                                             : AccessKind::kAtomicUpdate;
  moegen::Tell(object, bytes, kind, __builtin_return_address(0));
  const bool adds = operation == MSL_RT_ATOMIC_ADD || operation == MSL_RT_ATOMIC_SUB;
  if (adds && type == MSL_RT_ATOMIC_FLOAT) ++moegen::GroupOf(moegen::Current()).operations;
  switch (bytes) {
    case 8:
      return moegen::Update<uint64_t>(object, operation, type, operand, expected);
    case 4:
      return moegen::Update<uint32_t>(object, operation, type, operand, expected);
    default:
      return moegen::Update<uint8_t>(object, operation, type, operand, expected);
  }
}
}
