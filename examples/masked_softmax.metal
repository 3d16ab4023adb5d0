// A masked softmax over rows in two kernels, in the manner of PyTorch's kernels for Metal: functors in a namespace, strides as
// arguments, and a grid of as many threads as there are elements.
#include <metal_stdlib>
using namespace metal;

namespace ops {

struct largest {
  static inline float start() { return -INFINITY; }
  inline float operator()(float a, float b) const { return ::metal::max(a, b); }
};

struct sum_of_powers {
  float base;
  static inline float start() { return 0.0f; }
  inline float operator()(float a, float b) const { return a + ::metal::precise::exp(b - base); }
};

template <typename Op, typename T>
inline float reduce_row(Op op, device const T* row, device const bool* mask, uint2 strides, uint width) {
  float result = Op::start();
  for (uint i = 0; i < width; ++i) {
    if (mask[i * strides.y]) {
      result = op(result, float(row[i * strides.x]));
    }
  }
  return result;
}

}  // namespace ops

struct Statistics {
  float largest;
  float sum;
};

template <typename T>
kernel void row_statistics(
    device const T* input [[buffer(0)]],
    device const bool* mask [[buffer(1)]],
    device Statistics* statistics [[buffer(2)]],
    constant uint2& strides [[buffer(3)]],
    constant uint2& sizes [[buffer(4)]],
    uint row [[thread_position_in_grid]]) {
  device const T* own = input + row * sizes.x;
  device const bool* own_mask = mask + row * sizes.x;
  const float largest = ops::reduce_row(ops::largest(), own, own_mask, strides, sizes.x);
  const float sum = ops::reduce_row(ops::sum_of_powers{largest}, own, own_mask, strides, sizes.x);
  statistics[row] = {largest, sum};
}

template <typename T>
kernel void masked_softmax(
    device const T* input [[buffer(0)]],
    device const bool* mask [[buffer(1)]],
    device const Statistics* statistics [[buffer(2)]],
    device T* output [[buffer(5)]],
    uint2 place [[thread_position_in_grid]],
    uint2 size [[threads_per_grid]]) {
  const uint index = place.y * size.x + place.x;
  const Statistics own = statistics[place.y];
  output[index] = mask[index] ? T(::metal::precise::exp(float(input[index]) - own.largest) / own.sum) : T(0);
}

#define REGISTER_MASKED_SOFTMAX(T)                                                                  \
  template [[host_name("row_statistics_" #T)]] kernel void row_statistics<T>(                       \
      device const T*, device const bool*, device Statistics*, constant uint2&, constant uint2&, uint); \
  template [[host_name("masked_softmax_" #T)]] kernel void masked_softmax<T>(                       \
      device const T*, device const bool*, device const Statistics*, device T*, uint2, uint2);

REGISTER_MASKED_SOFTMAX(float);
REGISTER_MASKED_SOFTMAX(half);
