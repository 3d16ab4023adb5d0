#include "tensor_math.h"

#include "tensor_elements.h"

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
        const Sum value = present ? LoadElement<Sum>(product.left_type, product.left[lane], i) : Sum{};
        (left_transposed ? to.left[place.column][place.row] : to.left[place.row][place.column]) = value;
      }
      const Sum value = present ? LoadElement<Sum>(product.right_type, product.right[lane], i) : Sum{};
      (right_transposed ? to.right[place.column][first + place.row]
                        : to.right[place.row][first + place.column]) = value;
      to.sums[place.row][first + place.column] =
          present && accumulates ? LoadElement<Sum>(product.destination_type, product.destination[lane], i) : Sum{};
    }
  }
}

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
      StoreElement(product.destination_type, product.destination[lane], i, sum);
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
