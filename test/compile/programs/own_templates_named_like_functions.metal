// EXPECTED: compiles. Metal's functions go before a program's template that fits as well, which goes before where none fits.
#include <metal_stdlib>
using namespace metal;
template <typename T> inline float dot(T a, T b) { return float(a * b); }
template <typename T> inline T max(T a, T b) { return a < b ? b : a; }
template <typename T> inline T clamp(T x, T low, T high) { return max(low, x < high ? x : high); }
template <typename T> inline T exp(T x) { return T(exp(float(x))); }
template <typename T> inline T pow(T x, T y) { return x * y; }
template <typename T> inline T popcount(T x) { return x; }
template <typename T> inline bool isnan(T x) { return !(x == x); }
static_assert(is_same_v<decltype(exp(bfloat(1))), bfloat>, "the program's own");
static_assert(is_same_v<decltype(pow(int4(1), int4(2))), int4>, "the program's own");
kernel void k(device float4* v [[buffer(0)]], device int4* n [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  const bfloat small = exp(bfloat(v[i].x));
  v[i] = clamp(max(v[i], v[i + 1]), float4(0), float4(1)) * dot(v[i], v[i + 1]) + dot(2.0f, float(small)) + popcount(v[i]);
  n[i] = clamp(max(n[i], n[i + 1]), int4(0), pow(n[i], n[i])) + popcount(n[i]) + int(isnan(v[i].x)) + int(isnan(small));
}
