// Kernels in the style of large inference engines: function templates as template arguments, automatic buffer indices,
// raw byte addressing, threadgroup memory cut into pieces, function constants with an offset.
#include "blocks.h"

#include <metal_stdlib>

using namespace metal;

#define MAX(x, y) ((x) > (y) ? (x) : (y))
#define MIN(x, y) ((x) < (y) ? (x) : (y))
#define SWAP(x, y) { auto tmp = (x); (x) = (y); (y) = tmp; }
#define FOR_UNROLL(x) _Pragma("clang loop unroll(full)") for (x)
#define FC_MUL_MV 600

#if defined(HAS_BF16) && __METAL_VERSION__ >= 310
typedef matrix<bfloat, 4, 4> bfloat4x4;
#endif

constant short FC_nsg [[function_constant(FC_MUL_MV + 0)]];
constant bool FC_bias [[function_constant(FC_MUL_MV + 1)]];

constexpr constant static float kvalues[16] = {-127.f, -104.f, -83.f, -65.f, -49.f, -35.f, -22.f, -10.f,
                                               1.f,    13.f,   25.f,  38.f,  53.f,  69.f,  89.f,  113.f};

enum sort_order { SORT_ASC, SORT_DESC };

static inline int best_index(int n, constant float * val, float x) {
  if (x <= val[0]) return 0;
  int ml = 0, mu = n - 1;
  while (mu - ml > 1) {
    int mav = (ml + mu) / 2;
    if (x < val[mav]) mu = mav; else ml = mav;
  }
  return x - val[mu - 1] < val[mu] - x ? mu - 1 : mu;
}

static inline float e8m0(uint8_t x) {
  uint32_t bits;
  if (x == 0) {
    bits = 0x00400000;
  } else {
    bits = (uint32_t) x << 23;
  }
  return as_type<float>(bits);
}

static inline float dot(float x, float y) { return x * y; }
static inline float sum(float x) { return x; }
static inline float sum(float4 x) { return x[0] + x[1] + x[2] + x[3]; }

template <typename type4x4>
void dequantize_f32(device const float4x4 * src, short il, thread type4x4 & reg) {
  reg = (type4x4)(*src);
}

template <typename type4x4>
void dequantize_f16(device const half4x4 * src, short il, thread type4x4 & reg) {
  reg = (type4x4)(*src);
}

#if defined(HAS_BF16) && __METAL_VERSION__ >= 310
template <typename type4x4>
void dequantize_bf16(device const bfloat4x4 * src, short il, thread type4x4 & reg) {
  reg = (type4x4)(*src);
}
#endif

template <typename type4x4>
void dequantize_q4(device const block_q4 * xb, short il, thread type4x4 & reg) {
  device const uint16_t * qs = ((device const uint16_t *)xb + 1);
  const float d1 = il ? (xb->d / 16.h) : xb->d;
  const float d2 = d1 / 256.f;
  const float md = -8.h * xb->d;
  const ushort mask0 = il ? 0x00F0 : 0x000F;
  const ushort mask1 = mask0 << 8;

  float4x4 reg_f;

  for (int i = 0; i < 8; i++) {
    reg_f[i/2][2*(i%2) + 0] = d1 * (qs[i] & mask0) + md;
    reg_f[i/2][2*(i%2) + 1] = d2 * (qs[i] & mask1) + md;
  }

  reg = (type4x4) reg_f;
}

template <typename type4>
void dequantize_q4_t4(device const block_q4 * xb, short il, thread type4 & reg) {
  device const uint16_t * qs = ((device const uint16_t *)xb + 1);
  const float d1 = (il/4) ? (xb->d / 16.h) : xb->d;
  for (int i = 0; i < 2; i++) {
    reg[2*i + 0] = d1 * (qs[2*(il%4) + i] & 0xF);
    reg[2*i + 1] = d1 * (qs[2*(il%4) + i] & 0xF0);
  }
}

void quantize_q4(device const float * src, device block_q4 & dst) {
#pragma METAL fp math_mode(safe)
  float amax = 0.0f;
  float max  = 0.0f;
  for (int j = 0; j < QK; j++) {
    const float v = src[j];
    if (amax < fabs(v)) {
      amax = fabs(v);
      max  = v;
    }
  }
  const float d = max / -8;
  const float id = d ? 1.0f/d : 0.0f;
  dst.d = d;
  uint32_t qh = 0;
  for (int j = 0; j < QK/2; ++j) {
    const float x0 = src[0 + j]*id;
    const uint8_t xi0 = MIN(15, (int8_t)(x0 + 8.5f));
    dst.qs[j]  = xi0;
    dst.qs[j] |= best_index(16, kvalues, x0) << 4;
    qh |= ((xi0 & 0x10u) >> 4) << (j + QK/2);
  }
  thread const uint8_t * qh8 = (thread const uint8_t *)&qh;
  dst.qs[0] = qh8[1];
}

template <typename T0, typename T1, typename args_t>
void mul_mv_t_t_impl(args_t args, device const char * src0, device const char * src1, device char * dst,
                     threadgroup char * shmem, uint3 tgpig, ushort tiisg, ushort sgitg) {
  const short NSG = FC_nsg;
  constexpr short NW = N_SIMD;
  constexpr short NB = 32;
  const int r0 = tgpig.x*NSG + sgitg;
  const uint64_t offset0 = r0*args.nb01 + (tgpig.z/args.r2)*args.nb02;
  device const T0 * x = (device const T0 *) (src0 + offset0);
  device const T1 * y = (device const T1 *) (src1);
  float sumf[2] = { 0.f };
  for (int i = tiisg; i < args.ne00; i += NW) {
    sumf[0] += (float) x[i] * (float) y[i];
  }
  threadgroup float * shmem_f32 = (threadgroup float *) shmem + N_SIMD;
  if (sgitg == 0) {
    shmem_f32[tiisg] = 0.0f;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const float tot = simd_sum(sumf[0]);
  if (tiisg == 0) {
    device float * dst_f32 = (device float *) dst + (uint64_t) tgpig.y*args.ne0;
    dst_f32[r0] = FC_bias ? tot + 1.0f : tot;
  }
}

template <typename T0, typename T1>
kernel void kernel_mul_mv_t_t(
    constant args_mul_mv & args,
    device const char * src0,
    device const char * src1,
    device       char * dst,
    threadgroup  char * shmem [[threadgroup(0)]],
    uint3  tgpig[[threadgroup_position_in_grid]],
    ushort tiisg[[thread_index_in_simdgroup]],
    ushort sgitg[[simdgroup_index_in_threadgroup]]) {
  mul_mv_t_t_impl<T0, T1, constant args_mul_mv &>(args, src0, src1, dst, shmem, tgpig, tiisg, sgitg);
}

typedef decltype(kernel_mul_mv_t_t<half, half>) mul_mv_t_t;

template [[host_name("kernel_mul_mv_f32_f32")]] kernel mul_mv_t_t kernel_mul_mv_t_t<float, float>;
template [[host_name("kernel_mul_mv_f16_f32")]] kernel mul_mv_t_t kernel_mul_mv_t_t<half,  float>;
template [[host_name("kernel_mul_mv_f16_f16")]] kernel mul_mv_t_t kernel_mul_mv_t_t<half,  half>;
#if defined(HAS_BF16)
template [[host_name("kernel_mul_mv_bf16_f32")]] kernel mul_mv_t_t kernel_mul_mv_t_t<bfloat, float>;
#endif

typedef void (mul_mv_impl_t)(args_mul_mv args, device const char * src0, device const char * src1, device char * dst,
                             threadgroup char * shmem, uint3 tgpig, ushort tiisg, ushort sgitg);

template<mul_mv_impl_t impl_fn>
void mmv_fn(args_mul_mv args, device const char * src0, device const char * src1, device char * dst,
            threadgroup char * shmem, uint3 tgpig, ushort tiisg, ushort sgitg) {
  impl_fn(args, src0, src1, dst, shmem, tgpig, tiisg, sgitg);
}

typedef decltype(mmv_fn<mul_mv_t_t_impl<half, half, args_mul_mv>>) mul_mv_disp_fn_t;

template<mul_mv_disp_fn_t disp_fn>
kernel void kernel_mul_mv_id(
    constant args_mul_mv_id & args,
    device const char * src0s,
    device const char * src1,
    device       char * dst,
    device const char * ids,
    threadgroup  char * shmem [[threadgroup(0)]],
    uint3  tgpig[[threadgroup_position_in_grid]],
    ushort tiitg[[thread_index_in_threadgroup]],
    ushort tiisg[[thread_index_in_simdgroup]],
    ushort sgitg[[simdgroup_index_in_threadgroup]]) {
  const int iid1 = tgpig.z/args.nei0;
  const int idx  = tgpig.z%args.nei0;
  tgpig.z = 0;
  const int32_t i02 = ((device const int32_t *) (ids + iid1*args.nbi1))[idx];
  device const char * src0_cur = src0s + i02*args.mv.nb02;
  args_mul_mv args0 = {
    /*.ne00 =*/ args.mv.ne00,
    /*.ne01 =*/ args.mv.ne01,
    /*.ne02 =*/ 1,
    /*.ne0  =*/ args.mv.ne0,
    /*.ne1  =*/ 1,
    /*.nb01 =*/ args.mv.nb01,
    /*.nb02 =*/ args.mv.nb02,
    /*.nb11 =*/ args.mv.nb11,
    /*.r2   =*/ 1,
    /*.r3   =*/ 1,
  };
  disp_fn(args0, src0_cur, src1, dst, shmem, tgpig, tiisg, sgitg);
}

typedef decltype(kernel_mul_mv_id<mmv_fn<mul_mv_t_t_impl<half, half, args_mul_mv>>>) kernel_mul_mv_id_t;

template [[host_name("kernel_mul_mv_id_f32_f32")]] kernel kernel_mul_mv_id_t kernel_mul_mv_id<mmv_fn<mul_mv_t_t_impl<float, float, args_mul_mv>>>;
template [[host_name("kernel_mul_mv_id_f16_f32")]] kernel kernel_mul_mv_id_t kernel_mul_mv_id<mmv_fn<mul_mv_t_t_impl<half, float, args_mul_mv>>>;

template<typename T, typename T4x4, typename simdgroup_T8x8, typename block_q, short nl,
         void (*dequantize_func)(device const block_q *, short, thread T4x4 &)>
kernel void kernel_mul_mm(
    constant args_mul_mv & args,
    device const char * src0,
    device const char * src1,
    device       char * dst,
    threadgroup  char * shmem [[threadgroup(0)]],
    uint3  tgpig[[threadgroup_position_in_grid]],
    ushort tiitg[[thread_index_in_threadgroup]],
    ushort sgitg[[simdgroup_index_in_threadgroup]]) {
  threadgroup T     * sa = (threadgroup T     *)(shmem);
  threadgroup float * sb = (threadgroup float *)(shmem + 4096);

  constexpr int NR0 = 64;
  constexpr int NR1 = 32;
  const short nr0 = (args.ne0 - (int) tgpig.y*NR0 < NR0) ? (args.ne0 - (int) tgpig.y*NR0) : NR0;
  const short lr0 = ((short)tiitg/2) < nr0 ? ((short)tiitg/2) : nr0 - 1;
  short il = (tiitg % 2);
  short offset1 = il/nl;

  simdgroup_T8x8 ma[4];
  simdgroup_float8x8 mb[2];
  simdgroup_float8x8 mc[8];
  for (short i = 0; i < 8; i++){
    mc[i] = make_filled_simdgroup_matrix<float, 8>(0.f);
  }
  device const block_q * x = (device const block_q *)(src0 + args.nb01*(tgpig.y*NR0 + lr0)) + offset1;
  device const float   * y = (device const float   *)(src1 + args.nb11*tgpig.x);

  for (int loop_k = 0; loop_k < args.ne00; loop_k += 32) {
    T4x4 temp_a;
    dequantize_func(x, il, temp_a);
    threadgroup_barrier(mem_flags::mem_threadgroup);

    FOR_UNROLL (short i = 0; i < 16; i++) {
      *(sa + 64*((tiitg/2/8) + (tiitg%2)*16 + (i/8)*8) + (tiitg/2%8)*8 + (i&7)) = temp_a[i/4][i%4];
    }
    *(threadgroup float2x4 *)(sb + 32*8*(tiitg%4) + 8*(tiitg/4)) = *((device float2x4 *) y);

    il = (il + 2 < nl) ? il + 2 : il % 2;
    x  = (il < 2) ? x + (2 + nl - 1)/nl : x;
    y += 32;
    threadgroup_barrier(mem_flags::mem_threadgroup);

    threadgroup const T     * lsma = (sa + 4*64*(sgitg%2));
    threadgroup const float * lsmb = (sb + 2*64*(sgitg/2));
    #pragma unroll(4)
    for (short ik = 0; ik < 4; ik++) {
      #pragma unroll(4)
      for (short i = 0; i < 4; i++) {
        simdgroup_load(ma[i], lsma + 64*i);
      }
      simdgroup_barrier(mem_flags::mem_none);
      #pragma unroll(2)
      for (short i = 0; i < 2; i++) {
        simdgroup_load(mb[i], lsmb + 64*i, 8, 0, false);
      }
      #pragma unroll(8)
      for (short i = 0; i < 8; i++){
        simdgroup_multiply_accumulate(mc[i], mb[i/4], ma[i%4], mc[i]);
      }
    }
  }

  if ((int) (tgpig.y + 1) * NR0 <= args.ne0) {
    device float * C = (device float *) dst + (NR0 * tgpig.y + 32*(sgitg &  1)) + (NR1 * tgpig.x) * args.ne0;
    for (short i = 0; i < 8; i++) {
      simdgroup_store(mc[i], C + 8 * (i%4) + 8 * args.ne0 * (i/4), args.ne0);
    }
  } else {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    threadgroup float * temp_str = ((threadgroup float *) shmem) + 32*(sgitg&1) + (16*(sgitg >> 1))*NR0;
    for (short i = 0; i < 8; i++) {
      simdgroup_store(mc[i], temp_str + 8*(i%4) + 8*NR0*(i/4), NR0);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (sgitg == 0) {
      for (int j = tiitg; j < NR1; j += NR1) {
        device float  * D  = (device float  *) dst + (NR0 * tgpig.y) + j*args.ne0;
        device float4 * D4 = (device float4 *) D;
        threadgroup float  * C  = temp_str + (j*NR0);
        threadgroup float4 * C4 = (threadgroup float4 *) C;
        int i = 0;
        for (; i < nr0/4; i++) {
          *(D4 + i) = *(C4 + i);
        }
        i *= 4;
        for (; i < nr0; i++) {
          *(D + i) = *(C + i);
        }
      }
    }
  }
}

typedef decltype(kernel_mul_mm<half, half4x4, simdgroup_half8x8, float4x4, 1, dequantize_f32>) mul_mm_t;

template [[host_name("kernel_mul_mm_f32_f32")]] kernel mul_mm_t kernel_mul_mm<half, half4x4, simdgroup_half8x8, float4x4, 1, dequantize_f32>;
template [[host_name("kernel_mul_mm_f16_f32")]] kernel mul_mm_t kernel_mul_mm<half, half4x4, simdgroup_half8x8, half4x4,  1, dequantize_f16>;
template [[host_name("kernel_mul_mm_q4_f32")]]  kernel mul_mm_t kernel_mul_mm<half, half4x4, simdgroup_half8x8, block_q4, 2, dequantize_q4>;
#if defined(HAS_BF16)
template [[host_name("kernel_mul_mm_bf16_f32")]] kernel mul_mm_t kernel_mul_mm<bfloat, bfloat4x4, simdgroup_bfloat8x8, bfloat4x4, 1, dequantize_bf16>;
#endif

typedef void (sort_t)(device const float * x, device int32_t * dst, threadgroup int32_t * shared [[threadgroup(0)]],
                      uint3 tpitg[[thread_position_in_threadgroup]]);

template<sort_order order>
kernel void kernel_argsort(
    device const float   * x,
    device       int32_t * dst,
    threadgroup  int32_t * shmem_i32 [[threadgroup(0)]],
    uint3 tpitg[[thread_position_in_threadgroup]],
    uint3   ntg[[threads_per_threadgroup]]) {
  int col = tpitg[0];
  shmem_i32[col] = col;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (int k = 2; k <= (int) ntg.x; k *= 2) {
    for (int j = k / 2; j > 0; j /= 2) {
      int ixj = col ^ j;
      if (ixj > col) {
        if ((col & k) == 0) {
          if (shmem_i32[col] >= 5 ||
             (order == SORT_ASC ? x[shmem_i32[col]] > x[shmem_i32[ixj]] : x[shmem_i32[col]] < x[shmem_i32[ixj]])) {
            SWAP(shmem_i32[col], shmem_i32[ixj]);
          }
        }
      }
      threadgroup_barrier(mem_flags::mem_threadgroup);
    }
  }
  dst[col] = shmem_i32[col];
}

template [[host_name("kernel_argsort_asc")]]  kernel void kernel_argsort<SORT_ASC>(device const float * x, device int32_t * dst, threadgroup int32_t * s [[threadgroup(0)]], uint3 a[[thread_position_in_threadgroup]], uint3 b[[threads_per_threadgroup]]);
template [[host_name("kernel_argsort_desc")]] kernel void kernel_argsort<SORT_DESC>(device const float * x, device int32_t * dst, threadgroup int32_t * s [[threadgroup(0)]], uint3 a[[thread_position_in_threadgroup]], uint3 b[[threads_per_threadgroup]]);

kernel void kernel_soft_max(
    device const char * src0 [[buffer(1)]],
    device       char * dst  [[buffer(2)]],
    constant args_mul_mv & args [[buffer(0)]],
    threadgroup float * buf [[threadgroup(0)]],
    uint  sgitg[[simdgroup_index_in_threadgroup]],
    uint  tiisg[[thread_index_in_simdgroup]],
    uint3 tpitg[[thread_position_in_threadgroup]],
    uint3 tptg[[threads_per_threadgroup]]) {
  device const float4 * psrc4 = (device const float4 *) src0;
  device       float4 * pdst4 = (device       float4 *) dst;
  float4 lmax4 = -INFINITY;
  for (int i00 = tpitg.x; i00 < args.ne00/4; i00 += tptg.x) {
    lmax4 = fmax(lmax4, psrc4[i00]*2.0f + (float4)((half4)psrc4[i00]));
  }
  const float lmax = MAX(MAX(lmax4[0], lmax4[1]), MAX(lmax4[2], lmax4[3]));
  float max_val = simd_max(lmax);
  if (tptg.x > N_SIMD) {
    if (sgitg == 0) buf[tiisg] = -INFINITY;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (tiisg == 0) buf[sgitg] = max_val;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    max_val = simd_max(buf[tiisg]);
  }
  float4 lsum4 = 0.0f;
  for (int i00 = tpitg.x; i00 < args.ne00/4; i00 += tptg.x) {
    const float4 exp_psrc4 = exp(psrc4[i00] - max_val);
    lsum4 += exp_psrc4;
    pdst4[i00] = exp_psrc4;
  }
  const float lsum = lsum4[0] + lsum4[1] + lsum4[2] + lsum4[3];
  pdst4[0] = float4(e8m0(3)) * lsum + sum(lsum4) + dot(1.0f, 2.0f);
}

kernel void kernel_quantize(device const float * x, device block_q4 * q, uint i [[thread_position_in_grid]]) {
  quantize_q4(x + QK*i, q[i]);
  thread float4 r;
  dequantize_q4_t4(q + i, 1, r);
  device block_q4m & m = *((device block_q4m *) q + i);
  m.dm = half2(r.x, r.y);
  m.d += 1.0h;
}
