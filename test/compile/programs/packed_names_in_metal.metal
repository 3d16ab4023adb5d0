// EXPECTED: compiles. Packed vectors are names of Metal's namespace too.
#include <metal_stdlib>
struct row {
  metal::packed_float3 position;
  metal::packed_uint3 links;
  packed_half2 weight;
};
kernel void k(device row* rows [[buffer(0)]], device metal::packed_float3* o [[buffer(1)]], metal::uint i [[thread_position_in_grid]]) {
  using metal::packed_float3;
  const packed_float3 moved = packed_float3(metal::float3(rows[i].position) * 2.0f);
  o[i] = moved;
  rows[i].links = metal::packed_uint3(1, 2, 3);
}
