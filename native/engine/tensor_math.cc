#include "tensor_math.h"

#include <cmath>
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
namespace {

constexpr uint32_t kSize = 16;
constexpr uint32_t kColumns = 32;
constexpr uint32_t kFragmentElements = kSize * kSize / kLanes;

struct Place {
  uint32_t row;
  uint32_t column;
};

// Where element `i` of a lane lies in its fragment.
constexpr Place PlaceOf(uint32_t lane, uint32_t i) {
  return {(lane >> 2 & 4) + (lane >> 1 & 3) + i / 4 * 8, (lane >> 3 & 1) * 8 + (lane & 1) * 4 + i % 4};
}

template <typename Sum>
Sum Load(uint32_t type, const void* elements, uint32_t i) {
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
void Store(uint32_t type, void* elements, uint32_t i, Sum value) {
  if constexpr (std::is_same_v<Sum, uint32_t>) {
    static_cast<uint32_t*>(elements)[i] = value;
  } else if (type == MSL_RT_FLOAT) {
    static_cast<float*>(elements)[i] = value;
  } else {
    static_cast<uint16_t*>(elements)[i] = type == MSL_RT_HALF ? FloatToHalf(value) : FloatToBfloat(value);
  }
}

template <typename Sum>
struct Matrices {
  Sum left[kSize][kSize];
  Sum right[kSize][kColumns];
  Sum sums[kSize][kColumns];
};

template <typename Sum>
void Gather(const TensorProduct& product, Matrices<Sum>& to) {
  const bool left_transposed = (product.flags & MSL_RT_TENSOR_LEFT) != 0;
  const bool right_transposed = (product.flags & MSL_RT_TENSOR_RIGHT) != 0;
  const bool accumulates = (product.flags & MSL_RT_TENSOR_ACCUMULATE) != 0;
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    const bool present = product.left[lane] != nullptr;
    for (uint32_t i = 0; i < 2 * kFragmentElements; ++i) {
      const uint32_t first = i / kFragmentElements * kSize;
      const Place place = PlaceOf(lane, i % kFragmentElements);
      if (first == 0) {
        const Sum value = present ? Load<Sum>(product.left_type, product.left[lane], i) : Sum{};
        (left_transposed ? to.left[place.column][place.row] : to.left[place.row][place.column]) = value;
      }
      const Sum value = present ? Load<Sum>(product.right_type, product.right[lane], i) : Sum{};
      (right_transposed ? to.right[place.column][first + place.row]
                        : to.right[place.row][first + place.column]) = value;
      to.sums[place.row][first + place.column] =
          present && accumulates ? Load<Sum>(product.destination_type, product.destination[lane], i) : Sum{};
    }
  }
}

inline float MultiplyAdd(float a, float b, float c) { return std::fma(a, b, c); }
inline uint32_t MultiplyAdd(uint32_t a, uint32_t b, uint32_t c) { return a * b + c; }

template <typename Sum>
MOEGEN_VECTOR_TARGET void Multiply(Matrices<Sum>& matrices) {
  for (uint32_t row = 0; row < kSize; ++row) {
    for (uint32_t k = 0; k < kSize; ++k) {
      const Sum factor = matrices.left[row][k];
      for (uint32_t column = 0; column < kColumns; ++column) {
        matrices.sums[row][column] = MultiplyAdd(factor, matrices.right[k][column], matrices.sums[row][column]);
      }
    }
  }
}

template <typename Sum>
void Scatter(const TensorProduct& product, const Matrices<Sum>& from) {
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    if (product.left[lane] == nullptr) continue;
    for (uint32_t i = 0; i < 2 * kFragmentElements; ++i) {
      const Place place = PlaceOf(lane, i % kFragmentElements);
      const Sum sum = from.sums[place.row][i / kFragmentElements * kSize + place.column];
      Store(product.destination_type, product.destination[lane], i, sum);
    }
  }
}

template <typename Sum>
void MultiplyAs(const TensorProduct& product) {
  Matrices<Sum> matrices;
  Gather(product, matrices);
  Multiply(matrices);
  Scatter(product, matrices);
}

}  // namespace

void MultiplyTensors(const TensorProduct& product) {
  if (product.destination_type == MSL_RT_INT) {
    MultiplyAs<uint32_t>(product);
  } else {
    MultiplyAs<float>(product);
  }
}

}  // namespace moegen
