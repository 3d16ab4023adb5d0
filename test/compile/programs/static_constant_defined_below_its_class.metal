// EXPECTED: compiles. A static constant is declared in its class and gets its value behind it.
#include <metal_stdlib>
using namespace metal;
struct Entry {
  float value;
  uint32_t index;
  static const constant Entry LOWEST;
  static constant const Entry HIGHEST;
  template <typename T> static inline Entry load(const device T* x, uint32_t i) { return {.value = float(x[i]), .index = i}; }
  inline bool operator>(Entry rhs) const { return value > rhs.value; }
};
constexpr constant Entry Entry::LOWEST{.value = -numeric_limits<float>::infinity(), .index = numeric_limits<uint32_t>::max()};
constant const Entry Entry::HIGHEST = {INFINITY, 0};
struct Reduce {
  static constant constexpr Entry identity = Entry::LOWEST;
};
kernel void k(const device float* x [[buffer(0)]], device float* o [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  Entry e = Entry::load(x, i);
  Entry l = Entry::LOWEST;
  Entry m = Reduce::identity;
  o[i] = e > l ? e.value : m.value + Entry::HIGHEST.value + float(Entry::LOWEST.index);
}
