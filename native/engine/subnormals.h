// How the processor treats subnormal floats while kernels run: Apple's GPUs take them for zeros, operands and results
// alike. Loads, stores and bit casts leave them as they are, and so does all that happens to half.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace moegen {

// Sets the mode of the calling thread of the operating system, and with it of all fibers that it switches to: switching
// does not touch it. What was set before comes back at the end.
class SubnormalMode {
 public:
  explicit SubnormalMode(bool flush) : before_(Read()) { Write(flush ? before_ | kFlush : before_ & ~kFlush); }
  ~SubnormalMode() { Write(before_); }
  SubnormalMode(const SubnormalMode&) = delete;
  SubnormalMode& operator=(const SubnormalMode&) = delete;

 private:
#if defined(__x86_64__)
  using Word = uint32_t;
  // Flush-to-zero for results, denormals-are-zero for operands. Conversions from and to half do not heed them.
  static constexpr Word kFlush = 0x8040;

  static Word Read() { return _mm_getcsr(); }
  static void Write(Word word) { _mm_setcsr(word); }
#else
  using Word = uint64_t;
  // FZ for operands and results. FZ16 stays clear: half keeps its subnormals.
  static constexpr Word kFlush = Word{1} << 24;

  static Word Read() {
    Word word;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void Write(Word word) { asm volatile("msr fpcr, %0" : : "r"(word) : "memory"); }
#endif

  const Word before_;
};

}  // namespace moegen
