// Elements of tensors, and the step that all products take.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "../msl/detail/abi.h"
#include "float_formats.h"

#if defined(__x86_64__)
// Kernels are compiled for the same processors (host.cc checks).
#define MOEGEN_VECTOR_TARGET __attribute__((target("avx2,fma")))
#else
#define MOEGEN_VECTOR_TARGET
#endif

namespace moegen {

// Element `i`, counted from `elements`.
template <typename Sum>
Sum LoadElement(uint32_t type, const void* elements, int64_t i) {
  switch (type) {
    case MSL_RT_FLOAT:
      return static_cast<Sum>(static_cast<const float*>(elements)[i]);
    case MSL_RT_HALF:
      return static_cast<Sum>(HalfToFloat(static_cast<const uint16_t*>(elements)[i]));
    case MSL_RT_BFLOAT:
      return static_cast<Sum>(BfloatToFloat(static_cast<const uint16_t*>(elements)[i]));
    case MSL_RT_CHAR:
      return static_cast<Sum>(static_cast<const int8_t*>(elements)[i]);
    case MSL_RT_UCHAR:
      return static_cast<Sum>(static_cast<const uint8_t*>(elements)[i]);
    default:
      return static_cast<Sum>(static_cast<const uint32_t*>(elements)[i]);
  }
}

template <typename Sum>
void StoreElement(uint32_t type, void* elements, int64_t i, Sum value) {
  if constexpr (std::is_same_v<Sum, uint32_t>) {
    static_cast<uint32_t*>(elements)[i] = value;
  } else if (type == MSL_RT_FLOAT) {
    static_cast<float*>(elements)[i] = value;
  } else {
    static_cast<uint16_t*>(elements)[i] = type == MSL_RT_HALF ? FloatToHalf(value) : FloatToBfloat(value);
  }
}

inline float MultiplyAdd(float a, float b, float c) { return std::fma(a, b, c); }
inline uint32_t MultiplyAdd(uint32_t a, uint32_t b, uint32_t c) { return a * b + c; }

}  // namespace moegen
