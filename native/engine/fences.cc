#include "fences.h"

#include <algorithm>

namespace moegen {

void Released::Add(const Released& other) {
  all = std::max(all, other.all);
  for (const auto& [thread, time] : other.threads) {
    uint32_t& known = threads[thread];
    known = std::max(known, time);
  }
}

void Order::Add(const Order& other) {
  for (const auto& [group, released] : other.released_) Add(group, released);
}

bool Order::Covers(GroupAccess access) const {
  const auto known = released_.find(GroupNumberOf(access));
  const uint32_t time = TimeOf(access);
  // Time that has run out tells nothing.
  if (known == released_.end() || time == kLastTime) return false;
  const auto thread = known->second.threads.find(ThreadOf(access));
  return time < known->second.all || (thread != known->second.threads.end() && time <= thread->second);
}

void Releases::Clear() {
  const std::lock_guard lock(mutex_);
  objects_.clear();
  any_ = false;
}

void Releases::Publish(uint64_t object, uint32_t group, const Released& released) {
  const std::lock_guard lock(mutex_);
  objects_[object].Add(group, released);
  any_ = true;
}

void Releases::Publish(uint64_t object, const Order& inherited) {
  const std::lock_guard lock(mutex_);
  objects_[object].Add(inherited);
}

void Releases::AddTo(Order& order, uint64_t object) {
  const std::lock_guard lock(mutex_);
  const auto known = objects_.find(object);
  if (known != objects_.end()) order.Add(known->second);
}

void GroupFences::BeginGroup() {
  time_ = barrier_ = 1;
  acquired_.Clear();
  read_.clear();
  fenced_.clear();
  fenced_by_all_ = {};
  published_.clear();
}

void GroupFences::BarrierOpens(bool orders_device) {
  if (orders_device) barrier_ = Advance();
  if (fenced_.empty()) return;
  // What a thread has fenced goes out with atomic writes of all threads from here on.
  for (const auto& [thread, released] : fenced_) fenced_by_all_.Add(released);
  fenced_.clear();
  published_.clear();
}

void GroupFences::Fence(uint32_t thread) {
  fenced_[thread] = {barrier_, {{thread, time_}}};
  Advance();
  for (const uint64_t object : read_) releases_.AddTo(acquired_, object);
  read_.clear();
  published_.clear();
}

void GroupFences::BeforeWrite(uint64_t object, uint32_t group, uint32_t thread) {
  const auto fence = fenced_.find(thread);
  const bool is_fenced = fence != fenced_.end();
  if (!is_fenced && fenced_by_all_.threads.empty()) return;
  // Addresses leave room for the thread.
  if (!published_.insert(object << kThreadBits | thread).second) return;
  if (is_fenced) releases_.Publish(object, group, fence->second);
  releases_.Publish(object, group, fenced_by_all_);
  releases_.Publish(object, acquired_);
}

void GroupFences::AfterRead(uint64_t object) {
  if (releases_.Any()) read_.insert(object);
}

}  // namespace moegen
