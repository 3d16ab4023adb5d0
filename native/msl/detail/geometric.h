// <metal_geometric>
#pragma once

namespace metal {
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_FIRST T dot(vec<T, N> a, type_identity_t<vec<T, N>> b) {
  T sum = T(a[0]) * T(b[0]);
  for (int i = 1; i < N; i++) sum = sum + T(a[i]) * T(b[i]);
  return sum;
}
template <class T, class = enable_if_t<__float_v<T>>>
__MSL_FIRST vec<T, 3> cross(vec<T, 3> a, type_identity_t<vec<T, 3>> b) {
  return vec<T, 3>(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_INL T length_squared(vec<T, N> a) {
  return dot(a, a);
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_INL T length(vec<T, N> a) {
  return T(precise::sqrt(dot(a, a)));
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_FIRST T distance_squared(vec<T, N> a, type_identity_t<vec<T, N>> b) {
  return length_squared(a - b);
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_FIRST T distance(vec<T, N> a, type_identity_t<vec<T, N>> b) {
  return length(a - b);
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_INL vec<T, N> normalize(vec<T, N> a) {
  return a * T(precise::rsqrt(dot(a, a)));
}
template <class T, int N, class = enable_if_t<__float_v<T>>>
__MSL_FIRST vec<T, N> reflect(vec<T, N> i, type_identity_t<vec<T, N>> n) {
  return i - T(2) * dot(n, i) * n;
}
template <class T, int N>
__MSL_FIRST vec<T, N> refract(vec<T, N> i, type_identity_t<vec<T, N>> n, type_identity_t<T> eta) {
  const T cosine = dot(n, i);
  const T k = T(1) - eta * eta * (T(1) - cosine * cosine);
  if (k < T(0)) return vec<T, N>(T(0));
  return eta * i - (eta * cosine + T(precise::sqrt(k))) * n;
}
template <class T, int N>
__MSL_FIRST vec<T, N> faceforward(vec<T, N> n, type_identity_t<vec<T, N>> i, type_identity_t<vec<T, N>> reference) {
  if (dot(reference, i) < T(0)) return n;
  return -n;
}

namespace precise {
using metal::distance;
using metal::distance_squared;
using metal::dot;
using metal::length;
using metal::length_squared;
using metal::normalize;
}  // namespace precise
namespace fast {
using metal::distance;
using metal::distance_squared;
using metal::dot;
using metal::length;
using metal::length_squared;
using metal::normalize;
}  // namespace fast
}  // namespace metal
