// Quantised blocks as inference engines lay them out, for block_kernels.metal.
#pragma once

#define QK 32
#define COMMON_UNION
#define N_SIMD 32

typedef half block_half;
typedef half2 block_half2;

typedef struct {
  half d;
  uint8_t qs[QK / 2];
} block_q4;
static_assert(sizeof(block_q4) == sizeof(half) + QK / 2, "wrong q4 block size");

typedef struct {
  union {
    struct {
      block_half d;
      block_half m;
    } COMMON_UNION;
    block_half2 dm;
  } COMMON_UNION;
  uint8_t qs[QK / 2];
} block_q4m;
static_assert(sizeof(block_q4m) == 2 * sizeof(block_half) + QK / 2, "wrong q4m block size");

typedef struct {
  half d;
  int8_t qs[QK];
} block_q8;

typedef struct {
  int32_t ne00, ne01, ne02, ne0, ne1;
  uint64_t nb01, nb02, nb11;
  int16_t r2, r3;
} args_mul_mv;

typedef struct {
  int32_t nei0;
  int32_t nei1;
  uint64_t nbi1;
  args_mul_mv mv;
} args_mul_mv_id;
