// Kernels in the style of array libraries: class templates with a loader, a multiplier and epilogues, integral constants,
// compile-time branches, function constants, instantiation macros.
#include <metal_simdgroup>
#include <metal_simdgroup_matrix>
#include <metal_stdlib>

#define STEEL_CONST static constant constexpr const
#define STEEL_PRAGMA_UNROLL _Pragma("clang loop unroll(full)")
#define TILE_UNROLL 4

using namespace metal;

typedef bfloat bfloat16_t;
typedef half float16_t;

#pragma METAL internals : enable
namespace lib {

template <typename T, T v>
struct integral_constant {
  typedef T value_type;
  typedef integral_constant type;
  static constant constexpr T value = v;
  METAL_FUNC constexpr operator value_type() const { return value; }
  METAL_FUNC constexpr value_type operator()() const { return value; }
};
template <bool B>
using bool_constant = integral_constant<bool, B>;
template <int val>
using Int = integral_constant<int, val>;
template <class T>
struct is_integral : bool_constant<metal::is_integral<T>::value> {};
template <class T, T v>
struct is_integral<integral_constant<T, v>> : bool_constant<metal::is_integral<T>::value> {};
template <typename T>
constexpr constant bool is_integral_v = is_integral<T>::value;

#define integral_const_binop(_op_, _operator_)                                         \
  template <typename T, T tv, typename U, U uv>                                        \
  METAL_FUNC constexpr auto _operator_(integral_constant<T, tv>, integral_constant<U, uv>) { \
    constexpr auto res = tv _op_ uv;                                                   \
    return integral_constant<decltype(res), res>{};                                    \
  }
integral_const_binop(+, operator+);
integral_const_binop(*, operator*);
integral_const_binop(<, operator<);
#undef integral_const_binop

template <typename T>
METAL_FUNC constexpr T sum(T x) { return x; }
template <typename T, typename... Us>
METAL_FUNC constexpr auto sum(T x, Us... us) { return x + sum(us...); }

template <int start, int stop, int step, typename F>
constexpr void const_for_loop(F f) {
  if constexpr (start < stop) {
    constexpr auto idx = Int<start>{};
    f(idx);
    const_for_loop<start + step, stop, step, F>(f);
  }
}

}  // namespace lib
#pragma METAL internals : disable

template <typename U>
struct Limits {
  static const constant U max;
  static const constant U min;
};
#define instantiate_float_limit(type)                                                  \
  template <>                                                                          \
  struct Limits<type> {                                                                \
    static constexpr constant type max = metal::numeric_limits<type>::infinity();      \
    static constexpr constant type min = -metal::numeric_limits<type>::infinity();     \
  };
instantiate_float_limit(half);
instantiate_float_limit(float);
instantiate_float_limit(bfloat16_t);

template <typename OutT, typename InT>
struct TransformNone {
  static METAL_FUNC OutT apply(InT x) { return static_cast<OutT>(x); }
  static METAL_FUNC OutT apply(InT x, OutT) { return static_cast<OutT>(x); }
};
template <typename OutT, typename InT>
struct TransformAxpby {
  const float alpha;
  const float beta;
  METAL_FUNC TransformAxpby(const float alpha_, const float beta_) : alpha(alpha_), beta(beta_) {}
  static METAL_FUNC OutT apply(InT x) { return static_cast<OutT>(x); }
  METAL_FUNC OutT apply(InT x, OutT c) const {
    return static_cast<OutT>(x * static_cast<InT>(alpha) + (static_cast<InT>(beta) * c));
  }
};

template <typename T, short BROWS, short BCOLS, short dst_ld, short reduction_dim, short tgp_size, short alignment = 1,
          short n_reads = (BCOLS * BROWS) / (tgp_size), short TCOLS = BCOLS / n_reads, short TROWS = tgp_size / TCOLS>
struct BlockLoader {
  STEEL_CONST short n_rows = (BROWS + TROWS - 1) / TROWS;
  STEEL_CONST short vec_size = n_reads;

  const int src_ld;
  const int tile_stride;
  const short thread_idx;
  const short bi;
  const short bj;
  threadgroup T* dst;
  const device T* src;

  struct alignas(alignment * sizeof(T)) ReadVector {
    uint8_t v[sizeof(T) * vec_size];
  };

  METAL_FUNC BlockLoader(const device T* src_, const int src_ld_, threadgroup T* dst_,
                         ushort simd_group_id [[simdgroup_index_in_threadgroup]],
                         ushort simd_lane_id [[thread_index_in_simdgroup]])
      : src_ld(src_ld_),
        tile_stride(reduction_dim ? BCOLS : BROWS * src_ld),
        thread_idx(simd_group_id * 32 + simd_lane_id),
        bi(thread_idx / TCOLS),
        bj(vec_size * (thread_idx % TCOLS)),
        dst(dst_ + bi * dst_ld + bj),
        src(src_ + bi * src_ld + bj) {}

  template <typename UnaryOp>
  METAL_FUNC void apply_inplace_op(thread const UnaryOp& op) const {
    STEEL_PRAGMA_UNROLL
    for (short i = 0; i < BROWS; i += TROWS) {
      for (short j = 0; j < vec_size; j++) {
        dst[i * dst_ld + j] = op.apply(dst[i * dst_ld + j]);
      }
    }
  }

  METAL_FUNC void load_unsafe() const {
    STEEL_PRAGMA_UNROLL
    for (short i = 0; i < BROWS; i += TROWS) {
      *((threadgroup ReadVector*)(&dst[i * dst_ld])) = *((const device ReadVector*)(&src[i * src_ld]));
    }
  }

  METAL_FUNC void load_safe(short2 src_tile_dim) const {
    src_tile_dim = src_tile_dim - short2(bj, bi);
    if (src_tile_dim.x <= 0 || src_tile_dim.y <= 0) {
      for (short i = 0; i < BROWS; i += TROWS) {
        for (short j = 0; j < vec_size; j++) {
          dst[i * dst_ld + j] = T(0);
        }
      }
      return;
    }
    bool tmp_idx[vec_size];
    T tmp_val[vec_size];
    for (short i = 0; i < BROWS; i += TROWS) {
      STEEL_PRAGMA_UNROLL
      for (short j = 0; j < vec_size; j++) {
        tmp_idx[j] = (i < src_tile_dim.y) && (j < src_tile_dim.x);
      }
      for (short j = 0; j < vec_size; j++) {
        tmp_val[j] = src[(tmp_idx[j] ? i * src_ld + j : 0)];
      }
      for (short j = 0; j < vec_size; j++) {
        tmp_val[j] = tmp_idx[j] ? tmp_val[j] : T(0);
      }
      for (short j = 0; j < vec_size; j++) {
        dst[i * dst_ld + j] = tmp_val[j];
      }
    }
  }

  METAL_FUNC void next() { src += tile_stride; }
};

template <typename T, typename U, int BM, int BN, int BK, int WM, int WN, bool transpose_b, short lda_tgp, short ldb_tgp,
          typename AccumType = float, typename Epilogue = TransformNone<U, AccumType>>
struct BlockMMA {
  STEEL_CONST short TM_stride = 8 * WM;
  STEEL_CONST short TN_stride = 8 * WN;
  STEEL_CONST short TM = BM / TM_stride;
  STEEL_CONST short TN = BN / TN_stride;
  STEEL_CONST short simd_stride_b = {transpose_b ? TN_stride * ldb_tgp : TN_stride};
  STEEL_CONST short jump_b = {transpose_b ? ldb_tgp : 1};
  STEEL_CONST short tile_stride_b = {transpose_b ? 8 : 8 * ldb_tgp};

  simdgroup_matrix<AccumType, 8, 8> Asimd[TM];
  simdgroup_matrix<AccumType, 8, 8> Bsimd[TN];
  simdgroup_matrix<AccumType, 8, 8> results[TM * TN] = {simdgroup_matrix<AccumType, 8, 8>(0)};

  const short tm;
  const short tn;
  short sm;
  short sn;
  short As_offset;
  short Bs_offset;

  METAL_FUNC BlockMMA(ushort simd_group_id [[simdgroup_index_in_threadgroup]],
                      ushort simd_lane_id [[thread_index_in_simdgroup]])
      : tm(8 * (simd_group_id / WN)), tn(8 * (simd_group_id % WN)) {
    short qid = simd_lane_id / 4;
    sm = (qid & 4) + (simd_lane_id / 2) % 4;
    sn = (qid & 2) * 2 + (simd_lane_id % 2) * 2;
    As_offset = (sn) + (tm + sm) * lda_tgp;
    Bs_offset = transpose_b ? ((tn + sn) * ldb_tgp + (sm)) : ((sm)*ldb_tgp + (tn + sn));
  }

  METAL_FUNC void mma(const threadgroup T* As, const threadgroup T* Bs) {
    As += As_offset;
    Bs += Bs_offset;
    STEEL_PRAGMA_UNROLL
    for (short kk = 0; kk < BK; kk += 8) {
      simdgroup_barrier(mem_flags::mem_none);
      STEEL_PRAGMA_UNROLL
      for (short i = 0; i < TM; i++) {
        Asimd[i].thread_elements()[0] = static_cast<AccumType>(As[i * TM_stride * lda_tgp + 0]);
        Asimd[i].thread_elements()[1] = static_cast<AccumType>(As[i * TM_stride * lda_tgp + 1]);
      }
      simdgroup_barrier(mem_flags::mem_none);
      STEEL_PRAGMA_UNROLL
      for (short j = 0; j < TN; j++) {
        Bsimd[j].thread_elements()[0] = static_cast<AccumType>(Bs[j * simd_stride_b + 0]);
        Bsimd[j].thread_elements()[1] = static_cast<AccumType>(Bs[j * simd_stride_b + jump_b]);
      }
      simdgroup_barrier(mem_flags::mem_none);
      STEEL_PRAGMA_UNROLL
      for (short i = 0; i < TM; i++) {
        for (short j = 0; j < TN; j++) {
          short j_serp = (i % 2) ? (TN - 1 - j) : j;
          simdgroup_multiply_accumulate(results[i * TN + j_serp], Asimd[i], Bsimd[j_serp], results[i * TN + j_serp]);
        }
      }
      As += 8;
      Bs += tile_stride_b;
    }
  }

  METAL_FUNC void store_result(device U* D, const int ldd, const device U* C, const int ldc, const int fdc,
                               short2 dst_tile_dims, thread const Epilogue& epilogue_op) const {
    C += (sm + tm) * ldc + (tn + sn) * fdc;
    D += (sm + tm) * ldd + tn + sn;
    dst_tile_dims -= short2(tn + sn, sm + tm);
    STEEL_PRAGMA_UNROLL
    for (int i = 0; i < TM; i++) {
      if (i * TM_stride < dst_tile_dims.y) {
        for (int j = 0; j < TN; j++) {
          thread const auto& accum = results[i * TN + j].thread_elements();
          int offset_c = (i * TM_stride) * ldc + (j * TN_stride) * fdc;
          int offset_d = (i * TM_stride) * ldd + (j * TN_stride);
          if (j * TN_stride < dst_tile_dims.x) {
            D[offset_d] = epilogue_op.apply(accum[0], C[offset_c]);
          }
          U outs[2] = {Epilogue::apply(accum[0]), Epilogue::apply(accum[1])};
          D[offset_d + 1] = outs[1];
        }
      }
    }
  }
};

struct GEMMParams {
  const int M;
  const int N;
  const int K;
  const int lda;
  const int ldb;
  const int ldd;
  const int64_t batch_stride_a;
  const int swizzle_log;
};

template <typename T, int BM, int BN, int BK, int WM, int WN, bool transpose_b, typename Epilogue>
struct GEMMKernel {
  STEEL_CONST short tgp_padding = 16 / sizeof(T);
  STEEL_CONST short tgp_mem_size_a = BM * (BK + tgp_padding);
  STEEL_CONST short tgp_mem_size_b = BN * (BK + tgp_padding);
  STEEL_CONST short tgp_size = WM * WN * 32;
  using loader_a_t = BlockLoader<T, BM, BK, BK + tgp_padding, 1, tgp_size>;
  using loader_b_t = BlockLoader<T, BN, BK, BK + tgp_padding, 1, tgp_size>;
  using mma_t = BlockMMA<T, T, BM, BN, BK, WM, WN, true, BK + tgp_padding, BK + tgp_padding, float, Epilogue>;

  template <bool M_aligned, bool N_aligned>
  static METAL_FUNC void loop(threadgroup T* As, threadgroup T* Bs, const int iterations, thread loader_a_t& loader_a,
                              thread loader_b_t& loader_b, thread mma_t& mma_op, thread const short& tgp_bm,
                              thread const short& tgp_bn) {
    short2 tile_dims_A = short2(BK, tgp_bm);
    for (int k = 0; k < iterations; k++) {
      threadgroup_barrier(mem_flags::mem_threadgroup);
      if (M_aligned) {
        loader_a.load_unsafe();
      } else {
        loader_a.load_safe(tile_dims_A);
      }
      loader_b.load_safe(short2(BK, tgp_bn));
      threadgroup_barrier(mem_flags::mem_threadgroup);
      mma_op.mma(As, Bs);
      loader_a.next();
      loader_b.next();
    }
  }
};

constant bool has_batch [[function_constant(10)]];
constant bool use_out_source [[function_constant(100)]];
constant bool do_axpby [[function_constant(110)]];
constant bool align_M [[function_constant(200)]];
constant bool align_N [[function_constant(201)]];
constant bool aligned = align_M && align_N;

template <typename T, int BM, int BN, int BK, int WM, int WN, bool transpose_b, typename AccumType = float>
[[kernel, max_total_threads_per_threadgroup(WM* WN * 32)]] void gemm(
    const device T* A [[buffer(0)]],
    const device T* B [[buffer(1)]],
    const device T* C [[buffer(2), function_constant(use_out_source)]],
    device T* D [[buffer(3)]],
    const constant GEMMParams* params [[buffer(4)]],
    const constant int* batch_shape [[buffer(6), function_constant(has_batch)]],
    const device uint32_t* lhs_indices [[buffer(7)]],
    uint simd_lane_id [[thread_index_in_simdgroup]],
    uint simd_group_id [[simdgroup_index_in_threadgroup]],
    uint3 tid [[threadgroup_position_in_grid]],
    uint3 lid [[thread_position_in_threadgroup]]) {
  (void)lid;
  using epilogue_t = TransformAxpby<T, AccumType>;
  using gemm_kernel = GEMMKernel<T, BM, BN, BK, WM, WN, transpose_b, epilogue_t>;
  using loader_a_t = typename gemm_kernel::loader_a_t;
  using loader_b_t = typename gemm_kernel::loader_b_t;
  using mma_t = typename gemm_kernel::mma_t;

  const int tid_y = ((tid.y) << params->swizzle_log) + ((tid.x) & ((1 << params->swizzle_log) - 1));
  if (params->M <= tid_y) {
    return;
  }
  uint32_t indx_A;
  if (has_batch) {
    indx_A = lhs_indices[tid.z % batch_shape[0]];
  } else {
    indx_A = lhs_indices[tid.z];
  }
  A += params->batch_stride_a * indx_A;

  threadgroup T As[gemm_kernel::tgp_mem_size_a];
  threadgroup T Bs[gemm_kernel::tgp_mem_size_b];
  threadgroup_barrier(mem_flags::mem_none);

  const size_t c_row_long = size_t(tid_y * BM);
  thread mma_t mma_op(simd_group_id, simd_lane_id);
  thread loader_a_t loader_a(A + c_row_long * params->lda, params->lda, As, simd_group_id, simd_lane_id);
  thread loader_b_t loader_b(B, params->ldb, Bs, simd_group_id, simd_lane_id);
  const short tgp_bm = align_M ? BM : short(min(BM, params->M - int(c_row_long)));
  const short tgp_bn = align_N ? BN : short(min(BN, params->N));
  int iterations = params->K / BK;
  if (aligned) {
    gemm_kernel::template loop<true, true>(As, Bs, iterations, loader_a, loader_b, mma_op, tgp_bm, tgp_bn);
  } else {
    gemm_kernel::template loop<false, false>(As, Bs, iterations, loader_a, loader_b, mma_op, tgp_bm, tgp_bn);
  }
  const epilogue_t epilogue_op(0.5f, do_axpby ? 2.0f : 0.0f);
  if (use_out_source) {
    mma_op.store_result(D, params->ldd, C, params->ldd, 1, short2(tgp_bn, tgp_bm), epilogue_op);
  } else {
    mma_op.store_result(D, params->ldd, D, params->ldd, 1, short2(tgp_bn, tgp_bm), epilogue_op);
  }
  int total = 0;
  lib::const_for_loop<0, 4, 1>([&](auto i) {
    total += i;
    D[i.value] = T(total);
  });
  auto three = lib::Int<1>{} + lib::Int<2>{};
  total += three;
  D[0] = total > 7 ? Limits<T>::max : D[0];
}

#define instantiate_kernel(name, func, ...) \
  template [[host_name(name)]] [[kernel]] decltype(func<__VA_ARGS__>) func<__VA_ARGS__>;
#define instantiate_gemm(tname, type, bm, bn, bk, wm, wn)                                                   \
  instantiate_kernel("gemm_nt_" #tname "_bm" #bm "_bn" #bn "_bk" #bk, gemm, type, bm, bn, bk, wm, wn, true) \
  instantiate_kernel("gemm_nn_" #tname "_bm" #bm "_bn" #bn "_bk" #bk, gemm, type, bm, bn, bk, wm, wn, false)
// clang-format off
instantiate_gemm(float16, half, 64, 64, 16, 2, 2)
instantiate_gemm(bfloat16, bfloat16_t, 32, 32, 16, 2, 2)
instantiate_gemm(float32, float, 64, 32, 16, 2, 2)
// clang-format on

template <typename T, int group_size, int bits>
inline void dequantize(const device uint8_t* w, T scale, T bias, thread T* w_local) {
  static_assert(bits == 4 || bits == 8, "Template undefined for bits not in {4, 8}");
  if (bits == 4) {
    T s[2] = {scale, scale / static_cast<T>(16.0f)};
    for (int i = 0; i < (group_size / 2); i++) {
      w_local[2 * i] = s[0] * (w[i] & 0x0f) + bias;
      w_local[2 * i + 1] = s[1] * (w[i] & 0xf0) + bias;
    }
  } else if (bits == 8) {
    for (int i = 0; i < group_size; i++) {
      w_local[i] = scale * w[i] + bias;
    }
  }
}

template <typename T, typename U, int values_per_thread, int bits>
inline U load_vector(const device T* x, thread U* x_thread) {
  U sum = 0;
  for (int i = 0; i < values_per_thread; i += 4) {
    sum += x[i] + x[i + 1] + x[i + 2] + x[i + 3];
    x_thread[i] = x[i];
    x_thread[i + 1] = x[i + 1] / 16.0f;
    x_thread[i + 2] = x[i + 2] / 256.0f;
    x_thread[i + 3] = x[i + 3] / 4096.0f;
  }
  return sum;
}

template <typename T, const int group_size, const int bits, bool batched>
[[kernel]] void qmv(const device uint32_t* w [[buffer(0)]], const device T* scales [[buffer(1)]],
                    const device T* biases [[buffer(2)]], const device T* x [[buffer(3)]], device T* y [[buffer(4)]],
                    const constant int& in_vec_size [[buffer(5)]], const constant int64_t* strides [[buffer(6)]],
                    uint3 tid [[threadgroup_position_in_grid]], uint simd_gid [[simdgroup_index_in_threadgroup]],
                    uint simd_lid [[thread_index_in_simdgroup]]) {
  constexpr int pack_factor = 32 / bits;
  constexpr int bytes_per_pack = 32 / 8;
  constexpr int values_per_thread = pack_factor * 2;
  const device uint8_t* ws = (const device uint8_t*)w;
  typedef float U;
  thread U x_thread[values_per_thread];
  thread U result[4] = {0};
  if (batched) {
    ws += tid.z * strides[0];
  }
  U sum = load_vector<T, U, values_per_thread, bits>(x + simd_lid * values_per_thread, x_thread);
  for (int row = 0; row < 4; row++) {
    auto wl = (const device uint8_t*)(ws + row * in_vec_size / pack_factor * bytes_per_pack);
    const device T* sl = scales + row;
    U s = sl[0];
    U b = biases[row];
    result[row] += s * wl[simd_gid] * x_thread[row] + sum * b;
  }
#pragma clang loop unroll_count(TILE_UNROLL)
  for (int row = 0; row < 4; row++) {
    result[row] = simd_sum(result[row]);
    if (simd_lid == 0) {
      y[row] = static_cast<T>(result[row]);
    }
  }
  thread T local[group_size];
  dequantize<T, group_size, bits>(ws, scales[0], biases[0], local);
  y[4] = local[1];
}
#define instantiate_qmv(type, gs, b) \
  instantiate_kernel("qmv_" #type "_gs_" #gs "_b_" #b, qmv, type, gs, b, false) \
  instantiate_kernel("qmv_" #type "_gs_" #gs "_b_" #b "_batch", qmv, type, gs, b, true)
instantiate_qmv(float, 32, 4)
instantiate_qmv(float16_t, 64, 8)
instantiate_qmv(bfloat16_t, 32, 4)

struct complex64_t;
template <typename T>
static constexpr constant bool can_convert_to_complex64 = !is_same_v<T, complex64_t> && is_convertible_v<T, float>;
template <typename T>
static constexpr constant bool can_convert_from_complex64 =
    !is_same_v<T, complex64_t> && (is_convertible_v<float, T> || is_convertible_v<bfloat16_t, T>);

struct complex64_t {
  float real;
  float imag;
  constexpr complex64_t(float real, float imag) : real(real), imag(imag){};
  constexpr complex64_t() : real(0), imag(0){};
  template <typename T, typename = typename enable_if<can_convert_to_complex64<T>>::type>
  constexpr complex64_t(T x) thread : real(x), imag(0) {}
  template <typename T, typename = typename enable_if<can_convert_to_complex64<T>>::type>
  constexpr complex64_t(T x) threadgroup : real(x), imag(0) {}
  template <typename T, typename = typename enable_if<can_convert_to_complex64<T>>::type>
  constexpr complex64_t(T x) device : real(x), imag(0) {}
  template <typename T, typename = typename enable_if<can_convert_to_complex64<T>>::type>
  constexpr complex64_t(T x) constant : real(x), imag(0) {}
  template <typename T, typename = typename enable_if<can_convert_from_complex64<T>>::type>
  constexpr operator T() const thread { return static_cast<T>(real); }
  template <typename T, typename = typename enable_if<can_convert_from_complex64<T>>::type>
  constexpr operator T() const threadgroup { return static_cast<T>(real); }
  template <typename T, typename = typename enable_if<can_convert_from_complex64<T>>::type>
  constexpr operator T() const device { return static_cast<T>(real); }
  template <typename T, typename = typename enable_if<can_convert_from_complex64<T>>::type>
  constexpr operator T() const constant { return static_cast<T>(real); }
};
constexpr complex64_t operator-(complex64_t x) { return {-x.real, -x.imag}; }
constexpr bool operator>=(complex64_t a, complex64_t b) {
  return (a.real > b.real) || (a.real == b.real && a.imag >= b.imag);
}
constexpr complex64_t operator+(complex64_t a, complex64_t b) { return {a.real + b.real, a.imag + b.imag}; }
constexpr complex64_t operator*(complex64_t a, complex64_t b) {
  return {a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real};
}

#define instantiate_metal_math_funcs(itype, otype, ctype, mfast)                                                METAL_FUNC otype abs(itype x) { return static_cast<otype>(__metal_fabs(static_cast<ctype>(x), mfast)); }      METAL_FUNC otype exp(itype x) { return static_cast<otype>(__metal_exp(static_cast<ctype>(x), mfast)); }       METAL_FUNC otype max(itype x, itype y) {                                                                        return static_cast<otype>(__metal_fmax(static_cast<ctype>(x), static_cast<ctype>(y), mfast));               }
namespace metal {
instantiate_metal_math_funcs(bfloat16_t, bfloat16_t, float, __METAL_MAYBE_FAST_MATH__);
}  // namespace metal

template <typename T, typename Op, int N_READS>
[[kernel]] void row_reduce(const device T* in [[buffer(0)]], device T* out [[buffer(1)]],
                           const constant size_t& row_size [[buffer(2)]], uint3 gid [[thread_position_in_grid]],
                           uint3 lsize [[threads_per_threadgroup]], uint lane [[thread_index_in_simdgroup]]) {
  Op op;
  T total = Op::init;
  for (uint r = 0; r < row_size; r += lsize.x * N_READS) {
    T vals[N_READS];
    for (int i = 0; i < N_READS; i++) {
      vals[i] = (lane + i < row_size) ? in[r + i] : T(Op::init);
    }
    for (int i = 0; i < N_READS; i++) {
      total = op(total, vals[i]);
    }
  }
  {
    threadgroup T shared_vals[32];
    shared_vals[lane] = total;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    total = shared_vals[lane];
  }
  out[gid.x] = total;
}

struct Sum {
  template <typename T>
  T operator()(T a, T b) { return a + b; }
  static constexpr constant float init = 0;
};
template <typename U>
struct Max {
  static constexpr constant U init = Limits<U>::min;
  U operator()(U a, U b) { return a > b ? a : b; }
};
instantiate_kernel("row_reduce_sum_float", row_reduce, float, Sum, 4)
instantiate_kernel("row_reduce_sum_complex", row_reduce, complex64_t, Sum, 4)
instantiate_kernel("row_reduce_max_bfloat", row_reduce, bfloat16_t, Max<bfloat16_t>, 4)
instantiate_kernel("row_reduce_max_half", row_reduce, half, Max<half>, 2)

template <int NDIM>
inline uint2 elem_to_loc_2_nd(uint3 elem, constant const int shape[NDIM], constant const size_t a_strides[NDIM]) {
  uint2 loc = {static_cast<uint>(elem.x * a_strides[NDIM - 1] + elem.y), static_cast<uint>(elem.x)};
  for (int d = NDIM - 3; d >= 0; --d) {
    uint l = elem.z % shape[d];
    loc.x += l * a_strides[d];
    elem.z /= shape[d];
  }
  return loc;
}

inline bfloat16_t log1p(bfloat16_t x) {
  float xp1 = 1.0f + static_cast<float>(x);
  bfloat16_t ret = (xp1 == 1.0f) ? x : bfloat16_t(x * (metal::log(xp1) / (xp1 - 1.0f)));
  return ret;
}
inline uint64_t simd_shuffle_down(uint64_t data, uint16_t delta) {
  return as_type<uint64_t>(metal::simd_shuffle_down(as_type<uint2>(data), delta));
}

[[kernel]] void gather3(const device bfloat16_t* x [[buffer(0)]], device bfloat16_t* y [[buffer(1)]],
                        const constant int* shape [[buffer(2)]], const constant size_t* strides [[buffer(3)]],
                        uint3 index [[thread_position_in_grid]], uint3 grid_dim [[threads_per_grid]]) {
  auto idx = elem_to_loc_2_nd<3>(index, shape, strides);
  y[idx.x] = log1p(x[idx.y]) + metal::max(x[0], metal::exp(x[1]));
  y[1] = bfloat16_t(simd_shuffle_down(uint64_t(grid_dim.x), 1));
}
