#include "matrix_math.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "../msl/detail/abi.h"
#include "float_formats.h"

#if defined(__x86_64__)
#include <immintrin.h>
// Kernels are compiled for the same processors (host.cc checks).
#define MOEGEN_MATRIX_TARGET __attribute__((target("avx2,fma,f16c")))
#elif defined(__aarch64__)
#include <arm_neon.h>
#define MOEGEN_MATRIX_TARGET
#endif

// Loops over rows of registers have to vanish.
#if defined(__clang__)
#define MOEGEN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define MOEGEN_UNROLL _Pragma("GCC unroll 8")
#endif

namespace moegen {
namespace {

// A row of eight floats.
#if defined(__x86_64__)

using Row = __m256;
MOEGEN_MATRIX_TARGET inline Row Join(__m128 low, __m128 high) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(low), high, 1);
}
MOEGEN_MATRIX_TARGET inline Row LoadFloats(const float* low, const float* high) {
  return Join(_mm_loadu_ps(low), _mm_loadu_ps(high));
}
MOEGEN_MATRIX_TARGET inline __m128 FourFromHalf(const uint16_t* values) {
  return _mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(values)));
}
MOEGEN_MATRIX_TARGET inline __m128 FourFromBfloat(const uint16_t* values) {
  const __m128i wide = _mm_cvtepu16_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(values)));
  return _mm_castsi128_ps(_mm_slli_epi32(wide, 16));
}
MOEGEN_MATRIX_TARGET inline Row LoadHalves(const uint16_t* low, const uint16_t* high) {
  return Join(FourFromHalf(low), FourFromHalf(high));
}
MOEGEN_MATRIX_TARGET inline Row LoadBfloats(const uint16_t* low, const uint16_t* high) {
  return Join(FourFromBfloat(low), FourFromBfloat(high));
}
MOEGEN_MATRIX_TARGET inline Row Zero() { return _mm256_setzero_ps(); }
MOEGEN_MATRIX_TARGET inline Row MultiplyAddRow(float a, Row b, Row c) {
  return _mm256_fmadd_ps(_mm256_set1_ps(a), b, c);
}
MOEGEN_MATRIX_TARGET inline void StoreFloats(Row row, float* low, float* high) {
  _mm_storeu_ps(low, _mm256_castps256_ps128(row));
  _mm_storeu_ps(high, _mm256_extractf128_ps(row, 1));
}

#else

struct Row {
  float32x4_t low;
  float32x4_t high;
};
inline Row LoadFloats(const float* low, const float* high) { return {vld1q_f32(low), vld1q_f32(high)}; }
inline float32x4_t FourFromHalf(const uint16_t* values) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(values)));
}
inline float32x4_t FourFromBfloat(const uint16_t* values) {
  return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(values), 16));
}
inline Row LoadHalves(const uint16_t* low, const uint16_t* high) {
  return {FourFromHalf(low), FourFromHalf(high)};
}
inline Row LoadBfloats(const uint16_t* low, const uint16_t* high) {
  return {FourFromBfloat(low), FourFromBfloat(high)};
}
inline Row Zero() { return {vdupq_n_f32(0), vdupq_n_f32(0)}; }
inline Row MultiplyAddRow(float a, Row b, Row c) {
  return {vfmaq_n_f32(c.low, b.low, a), vfmaq_n_f32(c.high, b.high, a)};
}
inline void StoreFloats(Row row, float* low, float* high) {
  vst1q_f32(low, row.low);
  vst1q_f32(high, row.high);
}

#endif

template <uint32_t kType>
MOEGEN_MATRIX_TARGET inline Row LoadRow(const void* matrix, uint32_t row) {
  if constexpr (kType == MSL_RT_FLOAT) {
    const auto* elements = static_cast<const float*>(matrix);
    return LoadFloats(elements + ElementOffset(row, 0), elements + ElementOffset(row, 4));
  } else {
    const auto* elements = static_cast<const uint16_t*>(matrix);
    const uint16_t* low = elements + ElementOffset(row, 0);
    const uint16_t* high = elements + ElementOffset(row, 4);
    return kType == MSL_RT_HALF ? LoadHalves(low, high) : LoadBfloats(low, high);
  }
}

MOEGEN_MATRIX_TARGET inline Row LoadRow(const void* matrix, uint32_t type, uint32_t row) {
  if (type == MSL_RT_FLOAT) return LoadRow<MSL_RT_FLOAT>(matrix, row);
  if (type == MSL_RT_HALF) return LoadRow<MSL_RT_HALF>(matrix, row);
  return LoadRow<MSL_RT_BFLOAT>(matrix, row);
}

uint16_t Narrow(uint32_t type, float value) {
  return type == MSL_RT_HALF ? FloatToHalf(value) : FloatToBfloat(value);
}

// The elements of a matrix as floats, in the same order: the matrix itself where it holds floats.
template <uint32_t kType>
MOEGEN_MATRIX_TARGET inline const float* AsFloats(const void* matrix, float* buffer) {
  if constexpr (kType == MSL_RT_FLOAT) return static_cast<const float*>(matrix);
  MOEGEN_UNROLL
  for (uint32_t row = 0; row < kMatrixSize; ++row) {
    StoreFloats(LoadRow<kType>(matrix, row), buffer + ElementOffset(row, 0), buffer + ElementOffset(row, 4));
  }
  return buffer;
}

MOEGEN_MATRIX_TARGET void StoreNarrow(void* d, uint32_t type, uint32_t row, Row values) {
  float floats[kMatrixSize];
  StoreFloats(values, floats, floats + 4);
  for (uint32_t column = 0; column < kMatrixSize; ++column) {
    static_cast<uint16_t*>(d)[ElementOffset(row, column)] = Narrow(type, floats[column]);
  }
}

template <uint32_t kAType, uint32_t kBType>
MOEGEN_MATRIX_TARGET void Multiply(void* d, uint32_t d_type, const void* a, const void* b, const void* c,
                                   uint32_t c_type) {
  alignas(32) float buffer[kMatrixElements];
  const float* elements = AsFloats<kAType>(a, buffer);
  Row b_rows[kMatrixSize];
  MOEGEN_UNROLL
  for (uint32_t k = 0; k < kMatrixSize; ++k) b_rows[k] = LoadRow<kBType>(b, k);
  Row sums[kMatrixSize];
  // Half of the rows at a time: the sums and the rows of b fit the registers.
  MOEGEN_UNROLL
  for (uint32_t begin = 0; begin < kMatrixSize; begin += 4) {
    MOEGEN_UNROLL
    for (uint32_t i = begin; i < begin + 4; ++i) {
      sums[i] = c == nullptr             ? Zero()
                : c_type == MSL_RT_FLOAT ? LoadRow<MSL_RT_FLOAT>(c, i)
                                         : LoadRow(c, c_type, i);
    }
    MOEGEN_UNROLL
    for (uint32_t k = 0; k < kMatrixSize; ++k) {
      MOEGEN_UNROLL
      for (uint32_t i = begin; i < begin + 4; ++i) {
        sums[i] = MultiplyAddRow(elements[ElementOffset(i, k)], b_rows[k], sums[i]);
      }
    }
  }
  if (d_type != MSL_RT_FLOAT) {
    for (uint32_t i = 0; i < kMatrixSize; ++i) StoreNarrow(d, d_type, i, sums[i]);
    return;
  }
  auto* target = static_cast<float*>(d);
  MOEGEN_UNROLL
  for (uint32_t i = 0; i < kMatrixSize; ++i) {
    StoreFloats(sums[i], target + ElementOffset(i, 0), target + ElementOffset(i, 4));
  }
}

template <uint32_t kAType>
void MultiplyBy(void* d, uint32_t d_type, const void* a, const void* b, uint32_t b_type, const void* c,
                uint32_t c_type) {
  switch (b_type) {
    case MSL_RT_FLOAT:
      return Multiply<kAType, MSL_RT_FLOAT>(d, d_type, a, b, c, c_type);
    case MSL_RT_HALF:
      return Multiply<kAType, MSL_RT_HALF>(d, d_type, a, b, c, c_type);
    default:
      return Multiply<kAType, MSL_RT_BFLOAT>(d, d_type, a, b, c, c_type);
  }
}

// Copies between lane order and strided memory, four elements at a time where columns are neighbours.
template <typename Element>
void LoadElements(Element* target, const Element* source, int64_t row_stride, int64_t column_stride) {
  for (uint32_t row = 0; row < kMatrixSize; ++row) {
    const Element* line = source + row * row_stride;
    if (column_stride == 1) {
      std::memcpy(target + ElementOffset(row, 0), line, 4 * sizeof(Element));
      std::memcpy(target + ElementOffset(row, 4), line + 4, 4 * sizeof(Element));
    } else {
      for (uint32_t column = 0; column < kMatrixSize; ++column) {
        target[ElementOffset(row, column)] = line[column * column_stride];
      }
    }
  }
}

template <typename Element>
void StoreElements(const Element* source, Element* target, int64_t row_stride, int64_t column_stride) {
  for (uint32_t row = 0; row < kMatrixSize; ++row) {
    Element* line = target + row * row_stride;
    if (column_stride == 1) {
      std::memcpy(line, source + ElementOffset(row, 0), 4 * sizeof(Element));
      std::memcpy(line + 4, source + ElementOffset(row, 4), 4 * sizeof(Element));
    } else {
      for (uint32_t column = 0; column < kMatrixSize; ++column) {
        line[column * column_stride] = source[ElementOffset(row, column)];
      }
    }
  }
}

template <typename Element>
void FillElements(Element* target, Element value, bool diagonal) {
  for (uint32_t i = 0; i < kMatrixElements; ++i) target[i] = diagonal ? Element{0} : value;
  if (!diagonal) return;
  for (uint32_t i = 0; i < kMatrixSize; ++i) target[ElementOffset(i, i)] = value;
}

}  // namespace

void MultiplyAccumulate(void* d, uint32_t d_type, const void* a, uint32_t a_type, const void* b,
                        uint32_t b_type, const void* c, uint32_t c_type) {
  switch (a_type) {
    case MSL_RT_FLOAT:
      return MultiplyBy<MSL_RT_FLOAT>(d, d_type, a, b, b_type, c, c_type);
    case MSL_RT_HALF:
      return MultiplyBy<MSL_RT_HALF>(d, d_type, a, b, b_type, c, c_type);
    default:
      return MultiplyBy<MSL_RT_BFLOAT>(d, d_type, a, b, b_type, c, c_type);
  }
}

void LoadMatrix(void* d, uint32_t type, const void* source, int64_t row_stride, int64_t column_stride) {
  if (type == MSL_RT_FLOAT) {
    LoadElements(static_cast<uint32_t*>(d), static_cast<const uint32_t*>(source), row_stride, column_stride);
  } else {
    LoadElements(static_cast<uint16_t*>(d), static_cast<const uint16_t*>(source), row_stride, column_stride);
  }
}

void StoreMatrix(const void* a, uint32_t type, void* target, int64_t row_stride, int64_t column_stride) {
  if (type == MSL_RT_FLOAT) {
    StoreElements(static_cast<const uint32_t*>(a), static_cast<uint32_t*>(target), row_stride, column_stride);
  } else {
    StoreElements(static_cast<const uint16_t*>(a), static_cast<uint16_t*>(target), row_stride, column_stride);
  }
}

void FillMatrix(void* d, uint32_t type, float value, bool diagonal) {
  if (type == MSL_RT_FLOAT) {
    FillElements(static_cast<uint32_t*>(d), std::bit_cast<uint32_t>(value), diagonal);
  } else {
    FillElements(static_cast<uint16_t*>(d), Narrow(type, value), diagonal);
  }
}

}  // namespace moegen
