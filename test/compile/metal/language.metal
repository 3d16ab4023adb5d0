// The corners of the language and of its library that a compute kernel may use.
#include <metal_stdlib>
#include <metal_atomic>
#include <metal_pack>

using namespace metal;

#ifndef INFINITE
#define INFINITE (1e30)
#endif

struct Pair {
  float first;
  packed_float3 rest;
  float sum() const { return first + rest.x; }
  float sum() const device { return first + rest[1]; }
  float sum() const constant { return first * rest.z; }
  void scale(float by) thread { first *= by; }
};

struct Counter {
  atomic_uint hits;
  atomic_int balance;
  atomic_float total;
  atomic_bool flag;
  metal::atomic<uint> more;
};

union Bits {
  float f;
  uint u;
};

enum class Mode : uchar { first = 1, second, third = 7 };
enum Slots { slot_out, slot_in = 1, slot_table };

constant float weights[4] = {0.25, .5, 1e-3, 2.};
constant Pair pairs[2] = {{1.0f, packed_float3(1, 2, 3)}, {2.0f, packed_float3(4, 5, 6)}};
constant constexpr int kWidth = 1 << 3;
static constant int kHeight = kWidth * 2;
constant uint3 kShape = uint3(1, 2, 3);

constant bool flag [[function_constant(0)]];
constant float factor [[function_constant(1)]];
constant uint4 shape [[function_constant(kWidth)]];
constant bool both = flag && factor > 0.5;
constant float scaled = is_function_constant_defined(factor) ? factor * 2.0 : 1.0;
constant uint width = shape.x + (both ? 1u : 0u);

template <typename T>
T largest(T a, T b) { return a > b ? a : b; }
template <typename T, typename... Rest>
T largest(T a, Rest... rest) { return largest(a, largest(rest...)); }

template <typename T, uint N>
struct Stack {
  T items[N];
  uint size = 0;
  void push(T item) { items[size++] = item; }
  T pop() { return items[--size]; }
  thread T& top() { return items[size - 1]; }
};

template <typename T>
METAL_FUNC T apply(T x, T (*function)(T)) { return function(x); }
inline float twice(float x) { return 2 * x; }

float by_reference(const thread float4& v, thread float& out) {
  out = v.x;
  return dot(v, v);
}
float by_pointer(device const float* p, constant float* q, threadgroup float* r, thread float* s) {
  return *p + *q + *r + *s;
}
bool4 compare(float4 a, float4 b) { return a < b; }

// A local variable hides the constant of the same name.
float hides(float scaled) {
  float both = scaled;
  return both * scaled;
}

kernel void vectors(device float4* out [[buffer(slot_out)]], device const half4* in [[buffer(slot_in)]],
                    constant packed_float3* table [[buffer(slot_table)]], uint i [[thread_position_in_grid]]) {
  float4 a = float4(in[i]);
  float4 b = {1.0, 2.0};
  float4 c{a.xy, b.zw};
  float3 d = float3(table[i]) + pairs[1].rest;
  float2x2 m = float2x2(1, 2, 3, 4);
  float4x4 n = float4x4(a, b, c, float4(1));
  a.xyz = d.zyx;
  a.wx += b.xy;
  a.rgb *= 2;
  a[i % 4] = b[2];
  b = a.xxyy + a.rrgg;
  c = select(a, b, compare(a, b));
  c = any(a == b) ? a : in[i].w > 0.5h ? b : float4(in[i]);
  half4 h = half4(a) * 0.5h + 1;
  h = max(h, 0.0h);
  ushort4 u = ushort4(h) << 2;
  uint4 v = as_type<uint4>(a) & 0xffu;
  int4 w = int4(v) >> 1;
  bool2 t = !(bool2(true, false) && a.xy > b.xy);
  out[i] = n * a + float4(m * a.xy, 0, 1) + float4(u) + float4(v) + float4(w) + float4(float2(t), 0, 0) + c;
  out[i + 1] = fma(a, b, c) + mix(a, b, 0.5) + clamp(a, 0.0, 1.0) + smoothstep(0.0, 1.0, a) + step(0.5, a);
  out[i + 2] = transpose(n)[0] * float4(1)[i & 1] * (a + b)[2] * determinant(m) + normalize(a) * length(b) + float4(cross(a.xyz, b.xyz), distance(a, b));
  thread float* p = i > 3 ? nullptr : (thread float*)&a;
  out[i + 3] = *p + as_type<float>(as_type<ushort2>(p[1])) + unpack_unorm4x8_to_float(pack_float_to_unorm4x8(a));
  packed_half4 q = packed_half4(h);
  q.x += 1.0h;
  out[i + 4] = float4(half4(q)) + float4(kShape.xyzz);
}

kernel void numbers(device float* out [[buffer(0)]], device const int* in [[buffer(1)]], device half* halves [[buffer(2)]],
                    uint2 place [[thread_position_in_grid]], ushort2 size [[threads_per_grid]]) {
  const uint i = place.x + place.y * size.x;
  float x = out[i];
  float c;
  int e;
  x += sincos(x, c) + frexp(x, e) + ldexp(x, 2) + modf(x, c) + exp2(x) + log10(x) + atan2(x, c) + pow(x, 2.0);
  x += precise::exp(x) + fast::exp(x) + precise::divide(x, 3.0f) + fast::rsqrt(x) + rint(x) + fract(x) + fmod(x, 2.0f);
  x += tanh(x) + sinh(x) + acos(x) + asinh(x) + cospi(x) + saturate(x) + sign(x) + copysign(x, c) + nextafter(x, c);
  x += min3(x, c, 1.0f) + max3(x, c, 1.0f) + median3(x, c, 1.0f) + fmax3(x, c, 2.0f) + float(ilogb(x));
  x += isnan(x) || isinf(c) || !isfinite(x) || signbit(x) || isnormal(x) ? 1.0 : INFINITE;
  int n = popcount(in[i]) + clz(in[i]) + ctz(in[i]) + abs(in[i]) + mulhi(in[i], 3) + reverse_bits(in[i]);
  n += extract_bits(in[i], 3, 4) + insert_bits(in[i], n, 2, 3) + rotate(in[i], 5) + addsat(n, n) + hadd(n, 1) + absdiff(n, 2);
  n += madsat(n, n, n) + mad24(n, n, n) + min(n, 3) + max(n, INT_MIN) + clamp(n, 0, 255);
  half h = halves[i];
  h = h * 2.0h + half(n) + sqrt(h) + fma(h, h, h) + nextafter(h, 2.0h) + HALF_MAX + numeric_limits<half>::epsilon();
  Bits bits;
  bits.f = x;
  halves[i] = h + half(bits.u & 1) + half(M_PI_F) + half(FLT_EPSILON);
  auto square = [&](float y) { return y * y + c; };
  auto scope = [=]() -> float { return x; };
  out[i] = square(x) + scope() + apply(x, twice) + largest(x, c, 3.0f) + weights[i & 3] + float(numeric_limits<int>::max());
  switch (Mode(in[i])) {
    case Mode::first: out[i] += 1; break;
    case Mode::second: {
      float y = 2;
      out[i] += y;
    } break;
    default: break;
  }
  Stack<float, 4> stack;
  stack.push(x);
  stack.top() += scaled + float(width) + (both ? factor : 0);
  out[i] += stack.pop() + hides(x);
  Pair pair = pairs[i & 1];
  Pair other;
  other = pairs[0];
  pair.scale(2);
  out[i] += pair.sum() + pairs[1].sum() + other.first;
  do { n--; } while (n > 0);
  for (int j = 0, k = 4; j < k; j++, k--) out[i] += j * k;
}

kernel void shared(device Counter& counter [[buffer(0)]], device atomic_uint* histogram [[buffer(1)]],
                   device Pair* list [[buffer(2)]], constant Pair& one [[buffer(3)]],
                   threadgroup float* scratch [[threadgroup(0)]], threadgroup float4& wide [[threadgroup(1)]],
                   uint3 position [[thread_position_in_threadgroup]], uint3 group [[threadgroup_position_in_grid]],
                   uint3 groups [[threadgroups_per_grid]], ushort lane [[thread_index_in_simdgroup]],
                   ushort simd [[simdgroup_index_in_threadgroup]], ushort count [[simdgroups_per_threadgroup]],
                   ushort quad [[thread_index_in_quadgroup]], uint total [[threads_per_simdgroup]]) {
  threadgroup float tile[kWidth][kWidth + 1];
  threadgroup atomic_uint local_count;
  threadgroup half2 a2[4], b2[8];
  threadgroup Pair shared_pair;
  if (position.x == 0) {
    atomic_store_explicit(&local_count, 0, memory_order_relaxed);
    shared_pair = one;
  }
  tile[lane % kWidth][simd] = scratch[lane];
  a2[lane & 3] = half2(1);
  b2[lane & 7] = a2[0];
  wide.x = 1;
  threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
  atomic_fetch_add_explicit(&local_count, 1u, memory_order_relaxed);
  atomic_fetch_add_explicit(&counter.total, 1.5f, memory_order_relaxed);
  atomic_fetch_max_explicit(&counter.balance, -3, memory_order_relaxed);
  atomic_fetch_or_explicit(&histogram[group.x], 1u, memory_order_relaxed);
  atomic_exchange_explicit(&counter.flag, true, memory_order_relaxed);
  uint expected = 0;
  while (!atomic_compare_exchange_weak_explicit(&counter.hits, &expected, expected + 1, memory_order_relaxed,
                                                memory_order_relaxed)) {
  }
  float value = simd_sum(scratch[lane]) + simd_max(tile[0][0]) + simd_prefix_inclusive_sum(1.0f);
  value += simd_shuffle_xor(value, 1) + simd_shuffle_down(value, 2) + simd_broadcast(value, 0) + simd_shuffle(value, lane ^ 3);
  value += simd_shuffle_and_fill_up(value, 0.0f, 1) + simd_shuffle_rotate_down(value, 1) + quad_sum(value) + quad_broadcast(value, quad);
  value += simd_any(value > 0) && simd_all(value < 2) ? 1 : simd_is_first() ? 2 : 3;
  const ulong mask = ulong(simd_vote::vote_t(simd_ballot(value > 0)));
  simdgroup_barrier(mem_flags::mem_none);
  list[position.x].first = value + float(popcount(mask)) + float(groups.x + count + total) + wide.y;
  list[position.x].rest = packed_float3(list[0].rest) * 2.0f;
  list[position.x] = shared_pair;
  list[0].first = list[1].sum() + one.sum();
  Pair copy = one;
  copy = list[1];
  list[2] = copy;
  list[3] = one;
}

template <typename T>
kernel void matrices(device const T* a [[buffer(0)]], device const T* b [[buffer(1)]], device float* c [[buffer(2)]],
                     uint lane [[thread_index_in_simdgroup]]) {
  threadgroup T stage[64];
  simdgroup_matrix<T, 8, 8> ma, mb;
  simdgroup_matrix<float, 8, 8> mc = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
  simdgroup_load(ma, a, 8, ulong2(0, 0), true);
  simdgroup_load(mb, b + 8, 16);
  simdgroup_store(ma, stage, 8);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  simdgroup_load(ma, stage, 8);
  simdgroup_multiply_accumulate(mc, ma, mb, mc);
  mc.thread_elements()[0] += float(lane);
  simdgroup_store(mc, c, 8, ulong2(0, 8));
}
template [[host_name("matrices_half")]] kernel void matrices<half>(device const half*, device const half*, device float*, uint);
template [[host_name("matrices_float")]] [[kernel]] decltype(matrices<float>) matrices<float>;
#if __METAL_VERSION__ >= 310
template [[host_name("matrices_bfloat")]] [[kernel]] decltype(matrices<bfloat>) matrices<bfloat>;
kernel void bfloats(device bfloat* out [[buffer(0)]], device const bfloat4* in [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  bfloat x = out[i] * 2.0bf + bfloat(1.5f);
  float y = x + 1.0f;
  bfloat4 v = in[i] * bfloat4(x);
  out[i] = static_cast<bfloat>(y) + v.x + bfloat(exp(x)) + bfloat(half(2.0h));
}
#endif
