// EXPECTED: `good` is usable: nothing of `big` is left, nor the pragma within.
#include <metal_stdlib>
using namespace metal;
#define UNROLL _Pragma("clang loop unroll(full)")
kernel void big(device float* o [[buffer(0)]], uint i [[thread_index_in_threadgroup]]) {
  threadgroup float s[9000];
  UNROLL
  for (uint k = 0; k < 4; k++) s[i + k] = o[i + k];
  o[i] = s[i ^ 1];
}
#pragma clang diagnostic push
constant constexpr uint LANES = 32;
kernel void good(device float* o [[buffer(0)]], uint i [[thread_position_in_grid]]) { o[i] = LANES; }
