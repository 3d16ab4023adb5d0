// EXPECTED: compiles. What a vector is shifted by may have another integer type: that of the left side is the result's.
#include <metal_stdlib>
using namespace metal;
kernel void k(device int4* v [[buffer(0)]], device uint2* u [[buffer(1)]], device short3* s [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  auto shifted = v[i] << uint4(3);
  static_assert(is_same_v<decltype(shifted), int4>, "the left side's");
  v[i] = shifted >> ushort4(1);
  u[i] = (u[i] << int2(1)) >> 2;
  u[i] <<= u[i] + 1u;
  u[i] >>= int2(1);
  s[i] = s[i] >> ulong3(2);
}
