// Packed vectors have the alignment of their elements; arithmetic makes them vectors.
#pragma once

#include "vector.h"

// Swizzles go through the vector.
#undef __MSL_SWIZZLE
#define __MSL_SWIZZLE(L, NAME, COLOR)                                                                             \
  __MSL_INL vec<T, L> get_##NAME() const { return __whole(*this).get_##NAME(); }                                  \
  __declspec(property(get = get_##NAME, put = put_##NAME)) vec<T, L> NAME;                                        \
  __declspec(property(get = get_##NAME, put = put_##NAME)) vec<T, L> COLOR;
#undef __MSL_PUT
#define __MSL_PUT(L, NAME)                  \
  __MSL_INL void put_##NAME(vec<T, L> t) & { \
    __whole w(*this);                       \
    w.put_##NAME(t);                        \
    *this = packed_vec(w);                  \
  }

namespace metal {
#define __MSL_PACKED_OPERATOR(N, OP)                                                                      \
  friend __MSL_INL vec<T, N> operator OP(packed_vec a, packed_vec b) { return vec<T, N>(a) OP vec<T, N>(b); } \
  friend __MSL_INL vec<T, N> operator OP(packed_vec a, vec<T, N> b) { return vec<T, N>(a) OP b; }         \
  friend __MSL_INL vec<T, N> operator OP(vec<T, N> a, packed_vec b) { return a OP vec<T, N>(b); }         \
  friend __MSL_INL vec<T, N> operator OP(packed_vec a, T b) { return vec<T, N>(a) OP b; }                 \
  friend __MSL_INL vec<T, N> operator OP(T a, packed_vec b) { return a OP vec<T, N>(b); }                 \
  template <class U, class = enable_if_t<__number_v<U> || __is_same(U, packed_vec) || __is_same(U, vec<T, N>)>> \
  __MSL_INL packed_vec& operator OP##=(U b) {                                                             \
    *this = packed_vec(vec<T, N>(*this) OP vec<T, N>(b));                                                 \
    return *this;                                                                                         \
  }
#define __MSL_PACKED_MEMBERS(N)                                                     \
  typedef T element_type;                                                           \
  packed_vec() = default;                                                           \
  packed_vec(const packed_vec&) = default;                                          \
  packed_vec& operator=(const packed_vec&) = default;                               \
  __MSL_INDEXING(T, x)                                                              \
  typedef vec<T, N> __whole;                                                        \
  __MSL_SWIZZLES(N)                                                                 \
  __MSL_PACKED_OPERATOR(N, +)                                                       \
  __MSL_PACKED_OPERATOR(N, -)                                                       \
  __MSL_PACKED_OPERATOR(N, *)                                                       \
  __MSL_PACKED_OPERATOR(N, /)                                                       \
  __MSL_PACKED_OPERATOR(N, %)                                                       \
  __MSL_PACKED_OPERATOR(N, &)                                                       \
  __MSL_PACKED_OPERATOR(N, |)                                                       \
  __MSL_PACKED_OPERATOR(N, ^)                                                       \
  __MSL_PACKED_OPERATOR(N, <<)                                                      \
  __MSL_PACKED_OPERATOR(N, >>)                                                      \
  friend __MSL_INL vec<T, N> operator-(packed_vec a) { return -vec<T, N>(a); }

template <class T>
struct packed_vec<T, 2> {
  union {
    struct {
      T x, y;
    };
    struct {
      T r, g;
    };
  };
  __MSL_PACKED_MEMBERS(2)
  constexpr explicit packed_vec(T s) : x(s), y(s) {}
  constexpr packed_vec(T x_, T y_) : x(x_), y(y_) {}
  constexpr packed_vec(vec<T, 2> o) : x(o.get_x()), y(o.get_y()) {}
};
template <class T>
struct packed_vec<T, 3> {
  union {
    struct {
      T x, y, z;
    };
    struct {
      T r, g, b;
    };
  };
  __MSL_PACKED_MEMBERS(3)
  constexpr explicit packed_vec(T s) : x(s), y(s), z(s) {}
  constexpr packed_vec(T x_, T y_, T z_) : x(x_), y(y_), z(z_) {}
  constexpr packed_vec(vec<T, 3> o) : x(o.get_x()), y(o.get_y()), z(o.get_z()) {}
};
template <class T>
struct packed_vec<T, 4> {
  union {
    struct {
      T x, y, z, w;
    };
    struct {
      T r, g, b, a;
    };
  };
  __MSL_PACKED_MEMBERS(4)
  constexpr explicit packed_vec(T s) : x(s), y(s), z(s), w(s) {}
  constexpr packed_vec(T x_, T y_, T z_, T w_) : x(x_), y(y_), z(z_), w(w_) {}
  constexpr packed_vec(vec<T, 4> o) : x(o.get_x()), y(o.get_y()), z(o.get_z()), w(o.get_w()) {}
};

template <class T>
constexpr vec<T, 2>::vec(packed_vec<T, 2> p) : v{__save(p.x), __save(p.y)} {}
template <class T>
constexpr vec<T, 3>::vec(packed_vec<T, 3> p) : v{__save(p.x), __save(p.y), __save(p.z)} {}
template <class T>
constexpr vec<T, 4>::vec(packed_vec<T, 4> p) : v{__save(p.x), __save(p.y), __save(p.z), __save(p.w)} {}
}  // namespace metal

#define __MSL_PACKED_NAMES(T)                    \
  typedef metal::packed_vec<T, 2> packed_##T##2; \
  typedef metal::packed_vec<T, 3> packed_##T##3; \
  typedef metal::packed_vec<T, 4> packed_##T##4; \
  namespace metal {                              \
  using ::packed_##T##2;                         \
  using ::packed_##T##3;                         \
  using ::packed_##T##4;                         \
  }
__MSL_SCALARS(__MSL_PACKED_NAMES)
#undef __MSL_PACKED_NAMES
static_assert(sizeof(packed_float3) == 12 && alignof(packed_float3) == 4, "layout of vectors");
