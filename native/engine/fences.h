// Order between threadgroups of one dispatch, which fences of device scope make: a thread that has passed a fence releases
// with each atomic write what its threadgroup did before, and a threadgroup acquires what it read atomically with its next
// fence (Metal 3.2). All state here is empty in kernels without fences.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "self.h"

namespace moegen {

// A threadgroup's access to device memory: its number + 1, its time, and the thread. Barriers that order device memory and
// fences advance the threadgroup's time. 0: no access.
using GroupAccess = uint64_t;

constexpr uint32_t kThreadBits = 10;
constexpr uint32_t kTimeBits = 22;
constexpr uint32_t kLastTime = (1u << kTimeBits) - 1;

inline uint32_t GroupNumberOf(GroupAccess access) { return static_cast<uint32_t>(access >> (kTimeBits + kThreadBits)); }
inline uint32_t TimeOf(GroupAccess access) { return static_cast<uint32_t>(access >> kThreadBits) & kLastTime; }
inline uint32_t ThreadOf(GroupAccess access) { return static_cast<uint32_t>(access) & (kMaxThreads - 1); }

// Accesses of a threadgroup that come before: of all threads before the time `all`, of a thread up to the time of `threads`.
struct Released {
  uint32_t all = 0;
  std::unordered_map<uint32_t, uint32_t> threads;

  void Add(const Released& other);
};

// What is known to come before, by the number of the threadgroup.
class Order {
 public:
  void Add(uint32_t group, const Released& released) { released_[group].Add(released); }
  void Add(const Order& other);
  bool Covers(GroupAccess access) const;
  bool IsEmpty() const { return released_.empty(); }
  void Clear() { released_.clear(); }

 private:
  std::unordered_map<uint32_t, Released> released_;
};

// What atomic objects carry in the current dispatch. Shared by all workers.
class Releases {
 public:
  void Clear();
  // Whether any was released: without, nobody needs to look.
  bool Any() const { return any_.load(std::memory_order_relaxed); }
  void Publish(uint64_t object, uint32_t group, const Released& released);
  void Publish(uint64_t object, const Order& inherited);
  void AddTo(Order& order, uint64_t object);

 private:
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::unordered_map<uint64_t, Order> objects_;
};

// The fences of the threadgroup that a worker runs.
class GroupFences {
 public:
  explicit GroupFences(Releases& releases) : releases_(releases) {}

  void BeginGroup();
  void BarrierOpens(bool orders_device);
  void Fence(uint32_t thread);
  // Around an atomic access to device memory: before it writes, after it has read.
  void BeforeWrite(uint64_t object, uint32_t group, uint32_t thread);
  void AfterRead(uint64_t object);

  // The access that a thread makes now, by its threadgroup's number + 1.
  GroupAccess Now(uint32_t group, uint32_t thread) const {
    return static_cast<uint64_t>(group) << (kTimeBits + kThreadBits) | time_ << kThreadBits | thread;
  }
  // Whether another threadgroup's access comes before what this one does now.
  bool Covers(GroupAccess access) const { return !acquired_.IsEmpty() && acquired_.Covers(access); }

 private:
  uint32_t Advance() { return time_ < kLastTime ? ++time_ : time_; }

  Releases& releases_;
  uint32_t time_ = 1;
  // The time of the last barrier.
  uint32_t barrier_ = 1;
  Order acquired_;
  std::unordered_set<uint64_t> read_;
  // What the last fence of a thread releases, by thread; and all those together that a barrier followed.
  std::unordered_map<uint32_t, Released> fenced_;
  Released fenced_by_all_;
  // Objects that all this has been released with, by thread.
  std::unordered_set<uint64_t> published_;
};

}  // namespace moegen
