// EXPECTED: compiles. Methods of an object that is computed from function constants are those of some memory.
#include <metal_stdlib>
using namespace metal;
template <typename T, size_t N> struct held {
  T elements[N];
  thread T& operator[](size_t at) thread { return elements[at]; }
  constexpr const thread T& operator[](size_t at) const thread { return elements[at]; }
  device T& operator[](size_t at) device { return elements[at]; }
  constexpr const device T& operator[](size_t at) const device { return elements[at]; }
  constexpr const constant T& operator[](size_t at) const constant { return elements[at]; }
  threadgroup T& operator[](size_t at) threadgroup { return elements[at]; }
  constexpr const threadgroup T& operator[](size_t at) const threadgroup { return elements[at]; }
};
struct both { held<held<int, 2>, 2> rows; int2 last; };
constant int a [[function_constant(0)]];
constant int b = is_function_constant_defined(a) ? a : 3;
constant held<int, 2> line = held<int, 2>({b, 7});
constant both all = both{held<held<int, 2>, 2>({held<int, 2>({b, 1}), held<int, 2>({2, b})}), int2(b, 4)};
constant int first = all.rows[0][0];
constant int other = line[1];
constant int3 triple = int3(b, 1, 2);
kernel void k(device int* o [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  o[i] = first + other + all.rows[1][i & 1] + line[i & 1] + all.last.y + triple.y + triple[1];
}
