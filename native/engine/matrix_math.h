// Arithmetic of 8 x 8 matrices in the layout of simdgroup_matrix: lane l holds the elements (row, column) and
// (row, column + 1) with row = 4 * bit4 + (bit2, bit1), column = 4 * bit3 + 2 * bit0 of l. In lane order a
// matrix is thus four 4 x 4 quadrants, row by row.
#pragma once

#include <cstddef>
#include <cstdint>

namespace moegen {

constexpr uint32_t kMatrixSize = 8;
constexpr uint32_t kMatrixElements = 64;
// Of a product: a multiplication and an addition for each of 8 x 8 x 8 terms.
constexpr uint32_t kMatrixProductOperations = 2 * 8 * 8 * 8;

// Position of an element in lane order.
constexpr uint32_t ElementOffset(uint32_t row, uint32_t column) {
  return ((row >> 2) * 2 + (column >> 2)) * 16 + (row & 3) * 4 + (column & 3);
}

constexpr size_t ElementBytes(uint32_t type) { return type == 0 ? 4 : 2; }

// d = a * b + c, in float: every element starts with c and takes one fused multiply-add per k, k ascending;
// it is rounded once where d is not float. The matrices may be the same one. A null `c` stands for zero.
void MultiplyAccumulate(void* d, uint32_t d_type, const void* a, uint32_t a_type, const void* b,
                        uint32_t b_type, const void* c, uint32_t c_type);

// Element (i, j) lies at source[i * row_stride + j * column_stride].
void LoadMatrix(void* d, uint32_t type, const void* source, int64_t row_stride, int64_t column_stride);
void StoreMatrix(const void* a, uint32_t type, void* target, int64_t row_stride, int64_t column_stride);
void FillMatrix(void* d, uint32_t type, float value, bool diagonal);

}  // namespace moegen
