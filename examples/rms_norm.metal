// Divides each row by its root mean square, in the manner of MLX: a template for all types, instantiated under the names that a
// host looks up, and a function constant for what may be missing.
#include <metal_stdlib>
using namespace metal;

constant bool has_weight [[function_constant(20)]];

template <typename T, int at_once = 4>
[[kernel]] void rms_norm(
    const device T* x [[buffer(0)]],
    const device T* weight [[buffer(1), function_constant(has_weight)]],
    device T* out [[buffer(2)]],
    constant float& epsilon [[buffer(3)]],
    constant uint& width [[buffer(4)]],
    uint row [[threadgroup_position_in_grid]],
    uint thread_index [[thread_position_in_threadgroup]],
    uint threads [[threads_per_threadgroup]],
    uint lane [[thread_index_in_simdgroup]],
    uint simdgroup_index [[simdgroup_index_in_threadgroup]],
    uint simdgroups [[simdgroups_per_threadgroup]]) {
  threadgroup float sums[32];
  x += size_t(row) * width;
  out += size_t(row) * width;

  float sum = 0.0f;
  for (uint first = thread_index * at_once; first < width; first += threads * at_once) {
    for (uint i = first; i < min(first + at_once, width); ++i) {
      const float value = float(x[i]);
      sum += value * value;
    }
  }
  sum = simd_sum(sum);
  if (lane == 0) {
    sums[simdgroup_index] = sum;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sum = simd_sum(lane < simdgroups ? sums[lane] : 0.0f);
  const float factor = metal::precise::rsqrt(sum / float(width) + epsilon);

  for (uint i = thread_index; i < width; i += threads) {
    const float scaled = float(x[i]) * factor;
    out[i] = T(has_weight ? scaled * float(weight[i]) : scaled);
  }
}

#define INSTANTIATE_RMS_NORM(name, type) \
  template [[host_name("rms_norm_" #name)]] [[kernel]] decltype(rms_norm<type>) rms_norm<type>;

INSTANTIATE_RMS_NORM(float32, float)
INSTANTIATE_RMS_NORM(float16, half)
INSTANTIATE_RMS_NORM(bfloat16, bfloat)
