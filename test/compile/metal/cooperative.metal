// Matrix products, grouped, split and quantized ones, and attention over tiles of cooperative tensors.
#include "fragments.h"

using namespace tiles;

constant bool align_m [[function_constant(200)]];
constant bool align_n [[function_constant(201)]];
constant bool align_k [[function_constant(202)]];

struct Sizes {
  int m, n, k;
  int lda, ldb, ldd;
};

template <typename T, short SM, short SN, short SK, short BK, bool transpose_a, bool transpose_b, bool aligned_m,
          bool aligned_n, bool aligned_k, typename Sum = float>
METAL_FUNC auto product_loop(const device T* A, const device T* B, int lda, int ldb, int K, int iterations,
                             const short rows, const short columns) {
  constexpr short TM = SM / 16, TN = SN / 16, TK = SK / 16;
  Tile<Sum, TM, TN> d;
  d.clear();
  for (int i = 0; i < iterations + (aligned_k ? 0 : 1); i++) {
    threadgroup_barrier(mem_flags::mem_none);
    const int depth = i < iterations ? BK : K - iterations * BK;
#pragma clang loop unroll(disable)
    for (int k = 0; k < depth; k += SK) {
      Tile<T, transpose_a ? TK : TM, transpose_a ? TM : TK> a;
      Tile<T, transpose_b ? TN : TK, transpose_b ? TK : TN> b;
      volatile int compiler_barrier;
      const int offset_a = transpose_a ? k * lda : k;
      const int offset_b = transpose_b ? k : k * ldb;
      const short rest = short(min(depth - k, int(SK)));
      if constexpr (aligned_m && aligned_k) {
        a.load(A + offset_a, lda);
      } else {
        a.load_within(A + offset_a, lda, short2(transpose_a ? rows : rest, transpose_a ? rest : rows));
      }
      if constexpr (aligned_n && aligned_k) {
        b.load(B + offset_b, ldb);
      } else {
        b.load_within(B + offset_b, ldb, short2(transpose_b ? rest : columns, transpose_b ? columns : rest));
      }
      multiply_tiles(d, a, metal::bool_constant<transpose_a>{}, b, metal::bool_constant<transpose_b>{});
      (void)compiler_barrier;
    }
    A += transpose_a ? (BK * lda) : BK;
    B += transpose_b ? BK : (BK * ldb);
  }
  return d;
}

template <typename T, int BM, int BN, int BK, int WM, int WN, bool transpose_a, bool transpose_b, typename Sum = float>
[[kernel, max_total_threads_per_threadgroup(WM* WN * 32)]] void product(
    const device T* A [[buffer(0)]], const device T* B [[buffer(1)]], device T* D [[buffer(2)]],
    const constant Sizes* sizes [[buffer(3)]], uint simdgroup [[simdgroup_index_in_threadgroup]],
    uint3 group [[threadgroup_position_in_grid]]) {
  constexpr short SM = BM / WM, SN = BN / WN, SK = 32;
  const short tm = SM * (simdgroup / WN);
  const short tn = SN * (simdgroup % WN);
  const int row = group.y * BM + tm;
  const int column = group.x * BN + tn;
  const short rows = align_m ? SM : short(clamp(sizes->m - row, 0, int(SM)));
  const short columns = align_n ? SN : short(clamp(sizes->n - column, 0, int(SN)));
  const bool whole_m = rows == SM, whole_n = columns == SN;
  A += transpose_a ? row : row * sizes->lda;
  B += transpose_b ? column * sizes->ldb : column;
  D += row * sizes->ldd + column;

  Tile<Sum, SM / 16, SN / 16> d;
  with_bool(align_k, [&](auto aligned_k) {
    with_bool(align_m || whole_m, [&](auto aligned_m) {
      with_bool(align_n || whole_n, [&](auto aligned_n) {
        auto loop = product_loop<T, SM, SN, SK, BK, transpose_a, transpose_b, aligned_m.value, aligned_n.value,
                                 aligned_k.value, Sum>;
        d = loop(A, B, sizes->lda, sizes->ldb, sizes->k, sizes->k / BK, rows, columns);
        if constexpr (aligned_m && aligned_n) {
          d.store(D, int(sizes->ldd));
        } else {
          d.store_slice(D, int(sizes->ldd), short2(0, 0), short2(columns, rows));
        }
      });
    });
  });
}

#define PRODUCT(NAME, T, LAYOUT, TA, TB) \
  template [[host_name("product_" NAME "_" LAYOUT)]] [[kernel]] decltype(product<T, 64, 64, 32, 2, 2, TA, TB>) \
      product<T, 64, 64, 32, 2, 2, TA, TB>;
PRODUCT("f16", half, "nn", false, false)
PRODUCT("f16", half, "nt", false, true)
PRODUCT("f16", half, "tn", true, false)
PRODUCT("f16", half, "tt", true, true)
PRODUCT("bf16", bfloat, "nt", false, true)
PRODUCT("bf16", bfloat, "tn", true, false)
PRODUCT("f32", float, "nn", false, false)
PRODUCT("f32", float, "tt", true, true)

// Rows are sorted by the matrix that they are multiplied with.
template <typename T, int BM, int BN, int BK>
[[kernel]] void grouped(const device T* A [[buffer(0)]], const device T* B [[buffer(1)]],
                        const device uint32_t* indices [[buffer(2)]], device T* D [[buffer(3)]],
                        const constant Sizes* sizes [[buffer(4)]], uint3 group [[threadgroup_position_in_grid]]) {
  const int row = group.y * BM, column = group.x * BN;
  A += row * sizes->lda;
  B += column * sizes->ldb;
  D += row * sizes->ldd + column;
  indices += row;
  const short rows = min(BM, sizes->m - row), columns = min(BN, sizes->n - column);
  uint32_t index;
  uint32_t next_index = indices[0];
  short offset, next = 0;
  int n = 0;
  while (n < rows) {
    n++;
    offset = next;
    index = next_index;
    next = rows;
    for (; n < rows; n++) {
      if (indices[n] != index) {
        next = n;
        next_index = indices[n];
        break;
      }
    }
    threadgroup_barrier(mem_flags::mem_none);
    auto d = product_loop<T, BM, BN, 32, BK, false, true, false, false, false>(
        A, B + index * sizes->n * sizes->ldb, sizes->lda, sizes->ldb, sizes->k, sizes->k / BK, rows, columns);
    d.store_slice(D, sizes->ldd, short2(0, offset), short2(columns, next));
  }
}
template [[host_name("grouped_bf16")]] [[kernel]] decltype(grouped<bfloat, 32, 32, 32>) grouped<bfloat, 32, 32, 32>;

// Each threadgroup along z sums a part of K.
template <typename T, int BM, int BN, int BK, int WN, typename Sum = float>
[[kernel]] void split(const device T* A [[buffer(0)]], const device T* B [[buffer(1)]], device Sum* C [[buffer(2)]],
                      const constant Sizes* sizes [[buffer(3)]], constant int& part [[buffer(4)]],
                      uint simdgroup [[simdgroup_index_in_threadgroup]], uint3 group [[threadgroup_position_in_grid]]) {
  constexpr short SN = BN / WN;
  const int row = group.y * BM, column = group.x * BN + SN * simdgroup, first = part * group.z;
  const int depth = min(part, sizes->k - first);
  Tile<Sum, BM / 16, SN / 16> d;
  with_bool(depth % BK == 0, [&](auto aligned_k) {
    d = product_loop<T, BM, SN, 32, BK, false, false, true, true, aligned_k.value, Sum>(
        A + row * sizes->lda + first, B + first * sizes->ldb + column, sizes->lda, sizes->ldb, depth, depth / BK, BM,
        SN);
  });
  d.store(C + size_t(group.z) * sizes->m * sizes->ldd + row * sizes->ldd + column, sizes->ldd);
}
template [[host_name("split_f16")]] [[kernel]] decltype(split<half, 32, 64, 32, 2>) split<half, 32, 64, 32, 2>;

// Weights of 4 bits with a scale and a bias for 32 of them, written as T to threadgroup memory.
template <typename T, const int BK = 64, const int BN = 64>
[[kernel]] void quantized(const device uint32_t* w [[buffer(0)]], const device T* scales [[buffer(1)]],
                          const device T* biases [[buffer(2)]], const device T* x [[buffer(3)]],
                          device T* y [[buffer(4)]], const constant Sizes& sizes [[buffer(5)]],
                          uint3 group [[threadgroup_position_in_grid]],
                          uint thread_index [[thread_index_in_threadgroup]],
                          uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  constexpr int padded = (BK + 16 / sizeof(T));
  threadgroup T weights[BN * padded];
  const int row = group.y * 32 + 16 * (simdgroup / 2), column = group.x * BN, tn = 32 * (simdgroup % 2);
  const short rows = short(clamp(sizes.m - row, 0, 16));
  Tile<float, 1, 2> d;
  d.clear();
  for (int k = 0; k < sizes.k; k += BK) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (int i = thread_index; i < BN * BK; i += 128) {
      const int n = i / BK, at = (column + n) * sizes.k + k + i % BK;
      const T code = T(w[at / 8] >> (at % 8 * 4) & 15);
      weights[n * padded + i % BK] = T(float(scales[at / 32]) * float(code) + float(biases[at / 32]));
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (int inner = 0; inner < BK; inner += 32) {
      Tile<T, 1, 2> a;
      Tile<T, 2, 2> b;
      a.load_within(x + row * sizes.k + k + inner, sizes.k, short2(32, rows));
      b.template load<T, padded, 1>(weights + tn * padded + inner);
      multiply_tiles(d, a, metal::false_type{}, b, metal::true_type{});
    }
  }
  d.store_slice(y + row * sizes.n + column + tn, sizes.n, short2(0, 0), short2(32, rows));
}
template [[host_name("quantized_bf16")]] [[kernel]] decltype(quantized<bfloat>) quantized<bfloat>;

struct Largest {
  template <typename T>
  METAL_FUNC static constexpr T apply(T x, T y) {
    return metal::max(x, y);
  }
};
struct Sum {
  template <typename T>
  METAL_FUNC static constexpr T apply(T x, T y) {
    return x + y;
  }
};
struct Product {
  template <typename T>
  METAL_FUNC static constexpr T apply(T x, T y) {
    return x * y;
  }
};
struct PowerOfDifference {
  template <typename T>
  METAL_FUNC static constexpr T apply(T x, T y) {
    return fast::exp2(x - y);
  }
};

// Softmax(q k^T / 8) v of one head of 64 elements; 16 queries per simdgroup, 32 keys at a time.
template <typename T>
[[kernel]] void attention(const device T* Q [[buffer(0)]], const device T* K [[buffer(1)]],
                          const device T* V [[buffer(2)]], device T* O [[buffer(3)]], constant int& keys [[buffer(4)]],
                          uint simdgroup [[simdgroup_index_in_threadgroup]],
                          uint3 group [[threadgroup_position_in_grid]]) {
  constexpr short D = 64;
  const int first = (group.x * 2 + simdgroup) * 16;
  const metal::uniform<float> scale = make_uniform(0.125f) * make_uniform(1.44269504089f);
  Tile<float, 1, D / 16> o;
  o.clear();
  constexpr short rows = decltype(o)::rows_per_lane;
  metal::vec<float, rows> largest;
  metal::vec<float, rows> sum{0};
  TILE_UNROLL
  for (short i = 0; i < rows; ++i) largest[i] = -3.0e38f;
  for (int block = 0; block < keys; block += 32) {
    Tile<T, 1, D / 16> q;
    Tile<T, 2, D / 16> k;
    Tile<T, 2, D / 16> v;
    Tile<float, 1, 2> s;
    s.clear();
    q.load(Q + first * D, D);
    k.load(K + block * D, D);
    v.load(V + block * D, D);
    multiply_tiles(s, q, metal::false_type{}, k, metal::true_type{});
    TILE_UNROLL
    for (short i = 0; i < decltype(s)::elements; i++) s.data()[i] *= float(scale);
    metal::vec<float, rows> new_largest;
    metal::vec<float, rows> factor;
    for (short i = 0; i < rows; ++i) new_largest[i] = largest[i];
    s.template reduce_rows<Largest>(new_largest);
    s.template combine_rows<PowerOfDifference>(new_largest);
    for (short i = 0; i < rows; ++i) {
      factor[i] = fast::exp2(largest[i] - new_largest[i]);
      largest[i] = new_largest[i];
      sum[i] = sum[i] * factor[i];
    }
    s.template reduce_rows<Sum>(sum);
    o.template combine_rows<Product>(factor);
    simdgroup_barrier(mem_flags::mem_none);
    multiply_tiles(o, s, metal::false_type{}, v, metal::false_type{});
  }
  metal::vec<float, rows> inverse;
  for (short i = 0; i < rows; ++i) inverse[i] = 1.f / sum[i];
  o.template combine_rows<Product>(inverse);
  o.store(O + first * D, int(D));
}
template [[host_name("attention_f16")]] [[kernel]] decltype(attention<half>) attention<half>;

// Bytes are summed in integers.
kernel void bytes(device const int8_t* A [[buffer(0)]], device const int8_t* B [[buffer(1)]],
                  device int32_t* D [[buffer(2)]]) {
  constexpr auto descriptor = mpp::tensor_ops::matmul2d_descriptor(16, 32, 16);
  mpp::tensor_ops::matmul2d<descriptor, metal::execution_simdgroup> op;
  auto a = op.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto b = op.get_right_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto d = op.get_destination_cooperative_tensor<decltype(a), decltype(b), int32_t>();
  for (ushort i = 0; i < a.get_capacity(); i++) {
    const auto at = a.get_multidimensional_index(i);
    a[i] = A[at[1] * 16 + at[0]];
  }
  for (ushort i = 0; i < b.get_capacity(); i++) {
    const auto at = b.get_multidimensional_index(i);
    b[i] = B[at[1] * 32 + at[0]];
  }
  op.run(a, b, d);
  for (ushort i = 0; i < d.get_capacity(); i++) {
    if (!d.is_valid_element(i)) continue;
    const auto at = d.get_multidimensional_index(i);
    D[at[1] * 32 + at[0]] = d[i];
  }
}
