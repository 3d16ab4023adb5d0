// EXPECTED: only the kernels of 512 floats are refused: several variables of one template lie beyond the limit.
#include <metal_stdlib>
using namespace metal;
template <typename T, int N>
kernel void sums(const device T* x [[buffer(0)]], device T* o [[buffer(1)]], uint i [[thread_index_in_threadgroup]]) {
  threadgroup T a[N * 17];
  threadgroup T b[N * 17];
  a[i] = x[i];
  b[i] = x[i + 1];
  o[i] = a[i] + b[i];
}
template [[host_name("sums_half")]] kernel void sums<half, 256>(const device half*, device half*, uint);
template [[host_name("sums_float")]] kernel void sums<float, 512>(const device float*, device float*, uint);
template [[host_name("sums_short")]] kernel void sums<short, 256>(const device short*, device short*, uint);
