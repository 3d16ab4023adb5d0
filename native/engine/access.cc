// What instrumented kernels call: before every load and store, for copies of memory, and instead of atomic
// operations.
#include <algorithm>
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
                    {at, bytes, kind, reinterpret_cast<uint64_t>(site), true});
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

// How the compiler describes an index and its array.
struct TypeName {
  uint16_t kind;
  uint16_t info;
  char text[1];
};
struct ArrayIndex {
  struct {
    const char* file;
    uint32_t line;
    uint32_t column;
  } place;
  const TypeName* array;
  const TypeName* index;
};

// Reports an access that the compiler asked about; the format ends with the threadgroup and the thread.
template <typename... Arguments>
void TellStray(Check check, void* site, const char* format, Arguments... arguments) {
  const Self* self = Current();
  const Group& group = GroupOf(self);
  if (group.watch == nullptr) return;
  group.watch->monitor().Report(check, reinterpret_cast<uint64_t>(site), format, arguments...,
                                static_cast<unsigned long long>(group.threadgroup_index), self->titg);
}

void TellIndex(const ArrayIndex& index, uint64_t value, void* site) {
  // Signed where the low bit says so, of two to the power of the rest bits.
  const bool is_signed = (index.index->info & 1) != 0;
  const uint32_t unused = 64 - std::min(64, 1 << (index.index->info >> 1));
  const auto number = static_cast<long long>(is_signed ? static_cast<int64_t>(value << unused) >> unused : value);
  // In quotes, the type behind its aliases last, and with the compiler's word for its memory in front.
  const char* alias = std::strstr(index.array->text, "aka '");
  const char* name = alias == nullptr ? index.array->text + 1 : alias + 5;
  for (const char* space = name; std::strncmp(name, "__", 2) == 0 && space != nullptr;) {
    space = std::strchr(name, ' ');
    if (space != nullptr) name = space + 1;
  }
  const auto length = static_cast<int>(std::min<size_t>(60, std::strcspn(name, "'")));
  TellStray(Check::kBounds, site, "index %lld is outside of an array of type %.*s; threadgroup %llu, thread %u", number, length, name);
}

void TellMisaligned(uint64_t address, uint64_t alignment, void* site) {
  const Self* self = Current();
  const Group& group = GroupOf(self);
  if (group.watch == nullptr) return;
  char place[Watch::kPlaceBytes];
  group.watch->Describe(group.worker->threadgroup_memory(), address, place);
  TellStray(Check::kAlignment, site, "a value that has to lie at a multiple of %llu bytes is accessed at %s; "
            "threadgroup %llu, thread %u", static_cast<unsigned long long>(alignment), place);
}

void TellLocal(void* site) {
  TellStray(Check::kBounds, site, "an access leaves a variable of its thread; threadgroup %llu, thread %u");
}

// What fences of the threadgroup make of an atomic access: what it writes others may read as soon as it is there.
class AtomicScope {
 public:
  AtomicScope(const void* object, AccessKind kind) : object_(reinterpret_cast<uint64_t>(object)), kind_(kind) {
    const Self* self = Current();
    const Group& group = GroupOf(self);
    watch_ = group.watch;
    if (watch_ == nullptr || !Writes(kind)) return;
    watch_->fences().BeforeWrite(object_, Watch::NumberOf(group), self->titg);
  }
  ~AtomicScope() {
    if (watch_ != nullptr && Reads(kind_)) watch_->fences().AfterRead(object_);
  }
  AtomicScope(const AtomicScope&) = delete;
  AtomicScope& operator=(const AtomicScope&) = delete;

 private:
  uint64_t object_;
  AccessKind kind_;
  Watch* watch_;
};

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

// An index that its array does not have. What is said of the array is the compiler's (UndefinedBehaviorSanitizer).
void __ubsan_handle_out_of_bounds(const moegen::ArrayIndex* index, uint64_t value) {
  moegen::TellIndex(*index, value, __builtin_return_address(0));
}

// An access by way of a pointer that leaves the thread's variable.
void __ubsan_handle_local_out_of_bounds() { moegen::TellLocal(__builtin_return_address(0)); }

// A value lies where its type does not allow it. `mask`: the alignment that it has, less one.
void __msl_rt_misaligned(const void* address, uint64_t mask) {
  moegen::TellMisaligned(reinterpret_cast<uint64_t>(address), mask + 1, __builtin_return_address(0));
}

// A fence of device scope that orders device memory.
void __msl_rt_device_fence() {
  const moegen::Self* self = moegen::Current();
  moegen::Watch* watch = moegen::GroupOf(self).watch;
  if (watch != nullptr) watch->fences().Fence(self->titg);
}

uint64_t __msl_rt_atomic(void* object, uint32_t operation, uint32_t type, uint64_t operand,
                         uint64_t expected) {
  const uint64_t bytes = type == MSL_RT_ATOMIC_ULONG ? 8 : type == MSL_RT_ATOMIC_BOOL ? 1 : 4;
  const AccessKind kind = operation == MSL_RT_ATOMIC_LOAD    ? AccessKind::kAtomicRead
                          : operation == MSL_RT_ATOMIC_STORE ? AccessKind::kAtomicWrite
                                                             : AccessKind::kAtomicUpdate;
  moegen::Tell(object, bytes, kind, __builtin_return_address(0));
  const moegen::AtomicScope scope(object, kind);
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
