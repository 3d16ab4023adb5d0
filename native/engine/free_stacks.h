// The stacks that no thread of a threadgroup uses.
#pragma once

#include <algorithm>
#include <cstdint>

#include "self.h"

namespace moegen {

// The stack freed last is taken first, so that threads which never wait share one. A threadgroup begins with
// all of them in order: the next lane then mostly has the next stack, which is what switches guess.
class FreeStacks {
 public:
  // `begin` is where the first stack begins. All are free.
  explicit FreeStacks(uint64_t begin) : begin_(begin) { Reset(); }

  // Every stack is free again: puts back in order what was taken since the last time.
  void Reset() {
    for (uint32_t i = fewest_; i < kMaxThreads; ++i) {
      stacks_[i] = SelfOfStack(begin_ + (kMaxThreads - 1 - i) * kStackBytes);
    }
    size_ = fewest_ = kMaxThreads;
  }
  Self* Take() {
    fewest_ = std::min(fewest_, --size_);
    return stacks_[size_];
  }
  void Give(Self* self) { stacks_[size_++] = self; }

 private:
  uint64_t begin_;
  Self* stacks_[kMaxThreads];
  uint32_t size_ = 0;
  uint32_t fewest_ = 0;
};

}  // namespace moegen
