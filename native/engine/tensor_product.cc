#include "tensor_product.h"

#include <algorithm>
#include <vector>

#include "tensor_elements.h"

namespace moegen {
namespace {

// Terms that are gathered at a time.
constexpr int64_t kBlock = 64;
// Columns that are computed at a time.
constexpr int64_t kStrip = 16;

// Grows, and is used again by the next product of the worker.
template <typename Sum>
struct Storage {
  std::vector<Sum> left;
  std::vector<Sum> right;
  std::vector<Sum> sums;
};

template <typename Sum>
Storage<Sum>& StorageOfThread() {
  thread_local Storage<Sum> storage;
  return storage;
}

int64_t PlaceOf(const __msl_tensor& tensor, int64_t row, int64_t column) {
  return row * tensor.row_stride + column * tensor.column_stride;
}

// A part of a matrix.
struct Window {
  int64_t row;
  int64_t rows;
  int64_t column;
  int64_t columns;
};

// The elements of a window, one row after the other; what does not exist is 0.
template <typename Bits, typename Sum, typename Convert>
void GatherAs(const __msl_tensor& from, const Window& window, Sum* to, Convert convert) {
  for (int64_t row = window.row; row < window.row + window.rows; ++row) {
    const int64_t present = row < from.rows ? std::clamp<int64_t>(from.columns - window.column, 0, window.columns) : 0;
    for (int64_t i = 0; i < present; ++i) {
      to[i] = convert(static_cast<const Bits*>(from.data)[PlaceOf(from, row, window.column + i)]);
    }
    std::fill(to + present, to + window.columns, Sum{});
    to += window.columns;
  }
}

template <typename Sum>
void Gather(const __msl_tensor& from, uint32_t type, const Window& window, Sum* to) {
  const auto plain = [](auto bits) { return static_cast<Sum>(bits); };
  switch (type) {
    case MSL_RT_FLOAT:
      return GatherAs<float>(from, window, to, plain);
    case MSL_RT_HALF:
      return GatherAs<uint16_t>(from, window, to, [](uint16_t bits) { return static_cast<Sum>(HalfToFloat(bits)); });
    case MSL_RT_BFLOAT:
      return GatherAs<uint16_t>(from, window, to, [](uint16_t bits) { return static_cast<Sum>(BfloatToFloat(bits)); });
    case MSL_RT_CHAR:
      return GatherAs<int8_t>(from, window, to, plain);
    case MSL_RT_UCHAR:
      return GatherAs<uint8_t>(from, window, to, plain);
    default:
      return GatherAs<uint32_t>(from, window, to, plain);
  }
}

// sums[rows][columns] += left[rows][terms] * right[terms][columns]; `columns` is a multiple of kStrip.
template <typename Sum>
MOEGEN_VECTOR_TARGET void MultiplyBlock(const Sum* left, const Sum* right, Sum* sums, int64_t rows, int64_t columns,
                                        int64_t terms) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t begin = 0; begin < columns; begin += kStrip) {
      Sum* to = sums + row * columns + begin;
      Sum strip[kStrip];
      for (int64_t i = 0; i < kStrip; ++i) strip[i] = to[i];
      for (int64_t k = 0; k < terms; ++k) {
        const Sum factor = left[row * terms + k];
        const Sum* from = right + k * columns + begin;
        for (int64_t i = 0; i < kStrip; ++i) strip[i] = MultiplyAdd(factor, from[i], strip[i]);
      }
      for (int64_t i = 0; i < kStrip; ++i) to[i] = strip[i];
    }
  }
}

template <typename Sum>
void MultiplyAs(const __msl_tensor_product& product, const TensorPart& part, void* const elements[kLanes]) {
  const int64_t columns = (product.n + kStrip - 1) / kStrip * kStrip;
  const int64_t row_begin = part.row_begin(static_cast<uint32_t>(product.n));
  const int64_t rows = part.row_end(static_cast<uint32_t>(product.n)) - row_begin;
  const uint32_t type = product.types >> 16 & 0xff;
  const __msl_tensor& destination = product.destination;
  Storage<Sum>& storage = StorageOfThread<Sum>();
  storage.left.resize(static_cast<size_t>(rows * kBlock));
  storage.right.resize(static_cast<size_t>(kBlock * columns));
  storage.sums.assign(static_cast<size_t>(rows * columns), Sum{});
  const auto sum_of = [&](int64_t row, int64_t column) -> Sum& {
    return storage.sums[static_cast<size_t>((row - row_begin) * columns + column)];
  };
  // Calls `visit(elements, place, sum)` for all elements that exist.
  const auto for_destination = [&](auto visit) {
    ForElements(product, part, [&](uint32_t lane, uint32_t index, int64_t row, int64_t column) {
      if (destination.data == nullptr) {
        if (elements[lane] != nullptr) visit(elements[lane], index, sum_of(row, column));
      } else if (row < destination.rows && column < destination.columns) {
        visit(const_cast<void*>(destination.data), PlaceOf(destination, row, column), sum_of(row, column));
      }
    });
  };
  if ((product.flags & MSL_RT_TENSOR_ACCUMULATE) != 0) {
    for_destination([&](void* from, int64_t place, Sum& sum) { sum = LoadElement<Sum>(type, from, place); });
  }
  const int64_t terms = TermsOf(product);
  for (int64_t k = 0; k < terms; k += kBlock) {
    const int64_t count = std::min(kBlock, terms - k);
    Gather(product.left, product.types & 0xff, {row_begin, rows, k, count}, storage.left.data());
    Gather(product.right, product.types >> 8 & 0xff, {k, count, 0, columns}, storage.right.data());
    MultiplyBlock(storage.left.data(), storage.right.data(), storage.sums.data(), rows, columns, count);
  }
  for_destination([&](void* to, int64_t place, Sum& sum) { StoreElement(type, to, place, sum); });
}

}  // namespace

TensorPart PartOf(const __msl_tensor_product& product, uint32_t simdgroup) {
  const uint32_t elements = static_cast<uint32_t>(product.m) * static_cast<uint32_t>(product.n);
  const uint32_t lanes = product.simdgroups * kLanes;
  const uint32_t share = (elements + lanes - 1) / lanes * kLanes;
  const uint32_t first = simdgroup % product.simdgroups * share;
  return {std::min(first, elements), std::min(first + share, elements)};
}

int64_t TermsOf(const __msl_tensor_product& product) {
  const int64_t given = std::max<int64_t>(0, std::min(product.left.columns, product.right.rows));
  return product.k < 0 ? given : std::min<int64_t>(product.k, given);
}

void MultiplyInMemory(const __msl_tensor_product& product, const TensorPart& part, void* const elements[kLanes]) {
  if ((product.types >> 16 & 0xff) == MSL_RT_INT) {
    MultiplyAs<uint32_t>(product, part, elements);
  } else {
    MultiplyAs<float>(product, part, elements);
  }
}

}  // namespace moegen
