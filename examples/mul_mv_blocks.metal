// A matrix of 4-bit blocks times a vector, in the manner of ggml: arguments in one struct, tensors as bytes with strides, rows by
// simdgroups.
#include <metal_stdlib>
using namespace metal;

#define BLOCK_TERMS 32

struct block_4bit {
  half scale;
  uchar codes[BLOCK_TERMS / 2];
};

struct mul_mv_args {
  int32_t terms;
  int32_t rows;
  uint64_t row_bytes;
  uint64_t vector_bytes;
};

kernel void kernel_mul_mv_4bit_f32(
    constant mul_mv_args& args [[buffer(0)]],
    device const char* matrix [[buffer(1)]],
    device const char* vectors [[buffer(2)]],
    device char* result [[buffer(3)]],
    uint3 place [[threadgroup_position_in_grid]],
    ushort lane [[thread_index_in_simdgroup]],
    ushort simdgroup_index [[simdgroup_index_in_threadgroup]],
    ushort simdgroups [[simdgroups_per_threadgroup]]) {
  const int row = int(place.x * simdgroups + simdgroup_index);
  if (row >= args.rows) {
    return;
  }
  device const block_4bit* blocks = (device const block_4bit*)(matrix + row * args.row_bytes);
  device const float* vector = (device const float*)(vectors + place.y * args.vector_bytes);

  float sum = 0.0f;
  for (int block = lane; block < args.terms / BLOCK_TERMS; block += 32) {
    float part = 0.0f;
    for (int i = 0; i < BLOCK_TERMS / 2; ++i) {
      const uchar codes = blocks[block].codes[i];
      part += (float(codes & 0xf) - 8.0f) * vector[block * BLOCK_TERMS + i];
      part += (float(codes >> 4) - 8.0f) * vector[block * BLOCK_TERMS + i + BLOCK_TERMS / 2];
    }
    sum += part * float(blocks[block].scale);
  }
  sum = simd_sum(sum);
  if (lane == 0) {
    ((device float*)result)[place.y * args.rows + row] = sum;
  }
}
