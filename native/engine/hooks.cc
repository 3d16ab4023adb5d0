#include "hooks.h"

#include "control.h"
#include "matrix.h"
#include "matrix_math.h"
#include "watch.h"
#include "worker.h"

namespace moegen {
namespace {

// A site is the address that a kernel returns to, with the kind of operation above it.
uint64_t AddressOf(uint64_t site) { return site & 0x0000ffffffffffff; }

// A barrier that some threads went around.
void ReportMissingThreads(const Group& group, uint64_t site) {
  uint32_t count = 0;
  uint32_t waiting = kMaxThreads;
  uint32_t missing = kMaxThreads;
  for (uint32_t i = group.simdgroup_count; i-- > 0;) {
    const Simdgroup& simdgroup = group.simdgroups[i];
    const uint32_t absent = simdgroup.members & ~simdgroup.waiting;
    count += static_cast<uint32_t>(std::popcount(simdgroup.waiting));
    if (simdgroup.waiting != 0) waiting = i * kLanes + LowestBit(simdgroup.waiting);
    if (absent != 0) missing = i * kLanes + LowestBit(absent);
  }
  if (missing == kMaxThreads) return;
  group.watch->monitor().Report(
      Check::kDivergence, AddressOf(site),
      "%u of the %u threads of threadgroup %llu wait at a threadgroup barrier, thread %u but not thread %u; the "
      "others do not come to it",
      count, group.threads, static_cast<unsigned long long>(group.threadgroup_index), waiting, missing);
}

}  // namespace

void RequireLockstep(Group& group) {
  if ((group.matrix_mode & MSL_RT_MATRIX_LOCKSTEP) == 0) AskForLockstep();
}

void PartialOperation(Simdgroup& simdgroup, uint32_t mask, uint32_t wanted, const char* name) {
  const Group& group = *simdgroup.group;
  if (group.watch == nullptr) return;
  const uint32_t first = LowestBit(wanted & ~mask);
  group.watch->monitor().Report(
      Check::kDivergence, AddressOf(simdgroup.executing_site),
      "%d of the %d lanes of a simdgroup come to a %s, thread %u but not thread %u; threadgroup %llu",
      std::popcount(mask), std::popcount(simdgroup.members), name, simdgroup.index * kLanes + LowestBit(mask),
      simdgroup.index * kLanes + first, static_cast<unsigned long long>(group.threadgroup_index));
}

void ReadFromInactiveLane(Simdgroup& simdgroup, uint32_t lane, uint32_t source) {
  const Group& group = *simdgroup.group;
  if (group.watch == nullptr) return;
  group.watch->monitor().Report(
      Check::kDivergence, AddressOf(simdgroup.executing_site),
      "a shuffle in thread %u asks for the value of lane %u, which takes no part; threadgroup %llu",
      simdgroup.index * kLanes + lane, source, static_cast<unsigned long long>(group.threadgroup_index));
}

void MatrixAccess(const Self* self, const MatrixOperation& operation) {
  const Group& group = GroupOf(self);
  const bool is_store = operation.kind == MatrixOperation::Kind::kStore;
  const size_t bytes = ElementBytes(operation.types[is_store ? 1 : 0]);
  const auto begin = reinterpret_cast<uint64_t>(operation.memory);
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    const uint32_t row = (lane >> 4 & 1) * 4 + (lane >> 1 & 3);
    const uint32_t first = (lane >> 3 & 1) * 4 + (lane & 1) * 2;
    for (uint32_t column = first; column < first + 2; ++column) {
      const int64_t element = row * operation.row_stride + column * operation.column_stride;
      const Touch touch{begin + static_cast<uint64_t>(element) * bytes, bytes,
                        is_store ? AccessKind::kWrite : AccessKind::kRead, operation.site};
      group.watch->Note(group, group.worker->threadgroup_memory(), self->sg * kLanes + lane, touch);
    }
  }
}

void BarrierOpens(Group& group) {
  if (group.watch == nullptr) return;
  // A thread, and one that waits at another barrier.
  uint32_t first = kMaxThreads;
  uint32_t other = kMaxThreads;
  uint64_t site = 0;
  uint64_t other_site = 0;
  for (uint32_t i = 0; i < group.simdgroup_count; ++i) {
    const Simdgroup& simdgroup = group.simdgroups[i];
    for (uint32_t rest = simdgroup.waiting; rest != 0; rest &= rest - 1) {
      const uint32_t lane = LowestBit(rest);
      const uint64_t here = simdgroup.mixed ? simdgroup.lane_site[lane] : simdgroup.site;
      if (site == 0) first = i * kLanes + lane;
      if (site != 0 && here != site) {
        other = i * kLanes + lane;
        other_site = here;
      }
      site = site == 0 ? here : site;
    }
  }
  ReportMissingThreads(group, site);
  if (other != kMaxThreads) {
    group.watch->monitor().Report(
        Check::kDivergence, {AddressOf(site), AddressOf(other_site)},
        "threads %u and %u of threadgroup %llu wait at different threadgroup barriers", first, other,
        static_cast<unsigned long long>(group.threadgroup_index));
  }
  group.watch->NextEpoch(group.barrier_flags);
  group.barrier_flags = ~0u;
}

void SimdgroupBarrierOpens(Simdgroup& simdgroup, uint32_t flags) {
  if (simdgroup.group->watch != nullptr) simdgroup.group->watch->NextEpoch(simdgroup.index, flags);
}

}  // namespace moegen
