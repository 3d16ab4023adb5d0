// Vectors: classes around the compiler's own vector type, since that one converts between element types silently, has no
// constructors from parts and no methods for objects in other address spaces.
#pragma once

#include "swizzle.h"

namespace metal {
template <class T, int N>
struct vec;
template <class T, int N>
struct packed_vec;

// Booleans are stored as bytes.
template <class T>
struct __storage {
  typedef T type;
};
template <>
struct __storage<bool> {
  typedef uchar type;
};

// Scalars that make a T only where the program says so.
template <class T, class U>
constexpr const __global bool __explicit_only =
    __number_v<U> && !__is_same(T, U) &&
    (!is_convertible_v<U, T> || (__is_same(T, bfloat) && __float_v<U>));

// Element access by index, for each address space; of a temporary, the element is a value.
#define __MSL_INDEX(SPACE, TYPE, DATA)                                              \
  template <class I>                                                                \
  __MSL_INL SPACE TYPE& operator[](I i) SPACE& {                                    \
    return ((SPACE TYPE*)&DATA)[i];                                                 \
  }                                                                                 \
  template <class I>                                                                \
  __MSL_INL const SPACE TYPE& operator[](I i) const SPACE& {                        \
    return ((const SPACE TYPE*)&DATA)[i];                                           \
  }
#define __MSL_INDEXING(TYPE, DATA)                                                  \
  __MSL_INDEX(__private, TYPE, DATA)                                                \
  __MSL_INDEX(__global, TYPE, DATA)                                                 \
  __MSL_INDEX(__local, TYPE, DATA)                                                  \
  __MSL_INDEX(__generic, TYPE, DATA)                                                \
  template <class I>                                                                \
  __MSL_INL TYPE operator[](I i)&& {                                                \
    return ((TYPE*)&DATA)[i];                                                       \
  }

#define __MSL_GET(C)                                                                \
  __MSL_INL constexpr T get_##C() const { return __load(v.C); }

#define __MSL_VEC_OPERATOR(OP)                                                      \
  friend __MSL_INL vec operator OP(vec a, vec b) { return vec(__raw{}, a.v OP b.v); } \
  __MSL_INL vec& operator OP##=(vec b) {                                            \
    v = v OP b.v;                                                                   \
    return *this;                                                                   \
  }

// Of all operators, those that shift take integers of another type on the right.
#define __MSL_VEC_SHIFT(OP, N)                                                                              \
  __MSL_VEC_OPERATOR(OP)                                                                                    \
  template <class U, class = enable_if_t<__integer_v<T> && __integer_v<U> && !__is_same(T, U)>>             \
  friend __MSL_INL vec operator OP(vec a, vec<U, N> b) {                                                    \
    return vec(__raw{}, a.v OP __builtin_convertvector(b.v, __native));                                     \
  }                                                                                                         \
  template <class U, class = enable_if_t<__integer_v<T> && __integer_v<U> && !__is_same(T, U)>>             \
  __MSL_INL vec& operator OP##=(vec<U, N> b) {                                                              \
    return *this = *this OP b;                                                                              \
  }

// Everything that does not depend on the number of components.
#define __MSL_VEC_MEMBERS(N)                                                        \
  struct __raw {};                                                                  \
  constexpr vec(__raw, __native n) : v(n) {}                                        \
  static constexpr T __load(__element s) { return __builtin_bit_cast(T, s); }       \
  static constexpr __element __save(T t) { return __builtin_bit_cast(__element, t); } \
  vec() = default;                                                                  \
  constexpr vec(const vec&) = default;                                              \
  vec& operator=(const vec&) = default;                                             \
  template <class U, class = enable_if_t<__explicit_only<T, U>>, class = void>      \
  constexpr explicit vec(U s) : v(__save(__msl_cast<T>(s))) {}                      \
  constexpr vec(packed_vec<T, N> p);                                                \
  __MSL_SWIZZLES(N)                                                                 \
  __MSL_INDEXING(T, v)                                                              \
  __MSL_VEC_OPERATOR(+)                                                             \
  __MSL_VEC_OPERATOR(-)                                                             \
  __MSL_VEC_OPERATOR(*)                                                             \
  __MSL_VEC_OPERATOR(/)                                                             \
  __MSL_VEC_OPERATOR(%)                                                             \
  __MSL_VEC_OPERATOR(&)                                                             \
  __MSL_VEC_OPERATOR(|)                                                             \
  __MSL_VEC_OPERATOR(^)                                                             \
  __MSL_VEC_SHIFT(<<, N)                                                            \
  __MSL_VEC_SHIFT(>>, N)                                                            \
  friend __MSL_INL vec operator-(vec a) { return vec(__raw{}, -a.v); }              \
  friend __MSL_INL vec operator+(vec a) { return a; }                               \
  friend __MSL_INL vec operator~(vec a) { return vec(__raw{}, ~a.v); }              \
  __MSL_INL vec& operator++() {                                                     \
    v = v + (__element)1;                                                           \
    return *this;                                                                   \
  }                                                                                 \
  __MSL_INL vec& operator--() {                                                     \
    v = v - (__element)1;                                                           \
    return *this;                                                                   \
  }                                                                                 \
  __MSL_INL vec operator++(int) {                                                   \
    vec before = *this;                                                             \
    v = v + (__element)1;                                                           \
    return before;                                                                  \
  }                                                                                 \
  __MSL_INL vec operator--(int) {                                                   \
    vec before = *this;                                                             \
    v = v - (__element)1;                                                           \
    return before;                                                                  \
  }

// Comparisons: EACH(OP) lists the results component by component.
#define __MSL_VEC_COMPARISONS(N, EACH, EACH_LOGIC)                                                           \
  friend __MSL_INL vec<bool, N> operator==(vec a, vec b) { return vec<bool, N>(EACH(==)); }                  \
  friend __MSL_INL vec<bool, N> operator!=(vec a, vec b) { return vec<bool, N>(EACH(!=)); }                  \
  friend __MSL_INL vec<bool, N> operator<(vec a, vec b) { return vec<bool, N>(EACH(<)); }                    \
  friend __MSL_INL vec<bool, N> operator>(vec a, vec b) { return vec<bool, N>(EACH(>)); }                    \
  friend __MSL_INL vec<bool, N> operator<=(vec a, vec b) { return vec<bool, N>(EACH(<=)); }                  \
  friend __MSL_INL vec<bool, N> operator>=(vec a, vec b) { return vec<bool, N>(EACH(>=)); }                  \
  friend __MSL_INL vec<bool, N> operator&&(vec a, vec b) { return vec<bool, N>(EACH_LOGIC(&&)); }            \
  friend __MSL_INL vec<bool, N> operator||(vec a, vec b) { return vec<bool, N>(EACH_LOGIC(||)); }            \
  friend __MSL_INL vec<bool, N> operator!(vec a) {                                                           \
    const vec b(T(0));                                                                                       \
    return vec<bool, N>(EACH(==));                                                                           \
  }

#define __MSL_EACH2(OP) a.v.x OP b.v.x, a.v.y OP b.v.y
#define __MSL_EACH3(OP) __MSL_EACH2(OP), a.v.z OP b.v.z
#define __MSL_EACH4(OP) __MSL_EACH3(OP), a.v.w OP b.v.w
#define __MSL_LOGIC2(OP) bool(a.v.x) OP bool(b.v.x), bool(a.v.y) OP bool(b.v.y)
#define __MSL_LOGIC3(OP) __MSL_LOGIC2(OP), bool(a.v.z) OP bool(b.v.z)
#define __MSL_LOGIC4(OP) __MSL_LOGIC3(OP), bool(a.v.w) OP bool(b.v.w)

template <class T>
struct vec<T, 2> {
  typedef T element_type;
  typedef typename __storage<T>::type __element;
  typedef __element __native __attribute__((ext_vector_type(2)));
  // Single components are members, not properties: templates may use them with compound assignment.
  union {
    __native v;
    struct {
      T x, y;
    };
    struct {
      T r, g;
    };
  };
  __MSL_VEC_MEMBERS(2)
  __MSL_VEC_COMPARISONS(2, __MSL_EACH2, __MSL_LOGIC2)
  __MSL_GET(x) __MSL_GET(y)
  constexpr vec(T s) : x(s), y(s) {}
  constexpr vec(T x_, T y_) : x(x_), y(y_) {}
  template <class U, class = enable_if_t<!__is_same(U, T)>>
  constexpr explicit vec(vec<U, 2> o) : v{__save(__msl_cast<T>(o.get_x())), __save(__msl_cast<T>(o.get_y()))} {}
  template <class U, class = enable_if_t<!__is_same(U, T)>>
  constexpr explicit vec(packed_vec<U, 2> p) : v{__save(__msl_cast<T>(p.x)), __save(__msl_cast<T>(p.y))} {}
};

template <class T>
struct vec<T, 3> {
  typedef T element_type;
  typedef typename __storage<T>::type __element;
  typedef __element __native __attribute__((ext_vector_type(3)));
  union {
    __native v;
    struct {
      T x, y, z;
    };
    struct {
      T r, g, b;
    };
  };
  __MSL_VEC_MEMBERS(3)
  __MSL_VEC_COMPARISONS(3, __MSL_EACH3, __MSL_LOGIC3)
  __MSL_GET(x) __MSL_GET(y) __MSL_GET(z)
  constexpr vec(T s) : x(s), y(s), z(s) {}
  constexpr vec(T x_, T y_, T z_) : x(x_), y(y_), z(z_) {}
  constexpr vec(vec<T, 2> a, T c) : v{a.v.x, a.v.y, __save(c)} {}
  constexpr vec(T c, vec<T, 2> a) : v{__save(c), a.v.x, a.v.y} {}
  template <class U, class = enable_if_t<!__is_same(U, T)>>
  constexpr explicit vec(vec<U, 3> o)
      : v{__save(__msl_cast<T>(o.get_x())), __save(__msl_cast<T>(o.get_y())), __save(__msl_cast<T>(o.get_z()))} {}
  template <class U, class = enable_if_t<!__is_same(U, T)>>
  constexpr explicit vec(packed_vec<U, 3> p)
      : v{__save(__msl_cast<T>(p.x)), __save(__msl_cast<T>(p.y)), __save(__msl_cast<T>(p.z))} {}
};

template <class T>
struct vec<T, 4> {
  typedef T element_type;
  typedef typename __storage<T>::type __element;
  typedef __element __native __attribute__((ext_vector_type(4)));
  union {
    __native v;
    struct {
      T x, y, z, w;
    };
    struct {
      T r, g, b, a;
    };
  };
  __MSL_VEC_MEMBERS(4)
  __MSL_VEC_COMPARISONS(4, __MSL_EACH4, __MSL_LOGIC4)
  __MSL_GET(x) __MSL_GET(y) __MSL_GET(z) __MSL_GET(w)
  constexpr vec(T s) : x(s), y(s), z(s), w(s) {}
  constexpr vec(T x_, T y_, T z_, T w_) : x(x_), y(y_), z(z_), w(w_) {}
  constexpr vec(vec<T, 2> a, T c, T d) : v{a.v.x, a.v.y, __save(c), __save(d)} {}
  constexpr vec(T c, vec<T, 2> a, T d) : v{__save(c), a.v.x, a.v.y, __save(d)} {}
  constexpr vec(T c, T d, vec<T, 2> a) : v{__save(c), __save(d), a.v.x, a.v.y} {}
  constexpr vec(vec<T, 2> a, vec<T, 2> c) : v{a.v.x, a.v.y, c.v.x, c.v.y} {}
  constexpr vec(vec<T, 3> a, T c) : v{a.v.x, a.v.y, a.v.z, __save(c)} {}
  constexpr vec(T c, vec<T, 3> a) : v{__save(c), a.v.x, a.v.y, a.v.z} {}
  template <class U, class = enable_if_t<!__is_same(U, T)>>
  constexpr explicit vec(vec<U, 4> o)
      : v{__save(__msl_cast<T>(o.get_x())), __save(__msl_cast<T>(o.get_y())), __save(__msl_cast<T>(o.get_z())),
          __save(__msl_cast<T>(o.get_w()))} {}
  template <class U, class = enable_if_t<!__is_same(U, T)>>
  constexpr explicit vec(packed_vec<U, 4> p)
      : v{__save(__msl_cast<T>(p.x)), __save(__msl_cast<T>(p.y)), __save(__msl_cast<T>(p.z)),
          __save(__msl_cast<T>(p.w))} {}
};
}  // namespace metal

#define __MSL_VECTOR_NAMES(T)             \
  typedef metal::vec<T, 2> T##2;          \
  typedef metal::vec<T, 3> T##3;          \
  typedef metal::vec<T, 4> T##4;
__MSL_VECTOR_NAMES(bool)
__MSL_SCALARS(__MSL_VECTOR_NAMES)
#undef __MSL_VECTOR_NAMES
// In the precompiled header once, rather than in every program.
static_assert(sizeof(float2) == 8 && sizeof(float3) == 16 && sizeof(float4) == 16, "layout of vectors");
static_assert(sizeof(half2) == 4 && sizeof(half4) == 8 && sizeof(uint2) == 8 && sizeof(uint4) == 16, "layout of vectors");
static_assert(sizeof(uint3) == 16 && sizeof(int4) == 16 && sizeof(bool4) == 4,
              "layout of vectors");

namespace metal {
#define __MSL_USING(T) \
  using ::T##2;        \
  using ::T##3;        \
  using ::T##4;
__MSL_USING(bool)
__MSL_SCALARS(__MSL_USING)
#undef __MSL_USING
}  // namespace metal

// `V v = {a, b};`: the components that are not given are zero.
template <class T>
struct __msl_components {
  static constexpr const __global int count = 1;
};
template <class T, int N>
struct __msl_components<metal::vec<T, N>> {
  static constexpr const __global int count = N;
};
template <class T>
__MSL_INL constexpr T __msl_component(T value, int) {
  return value;
}
template <class T>
__MSL_INL constexpr T __msl_component(metal::vec<T, 2> value, int i) {
  return i == 0 ? value.get_x() : value.get_y();
}
template <class T>
__MSL_INL constexpr T __msl_component(metal::vec<T, 3> value, int i) {
  return i == 0 ? value.get_x() : i == 1 ? value.get_y() : value.get_z();
}
template <class T>
__MSL_INL constexpr T __msl_component(metal::vec<T, 4> value, int i) {
  return i == 0 ? value.get_x() : i == 1 ? value.get_y() : i == 2 ? value.get_z() : value.get_w();
}
// Component `i` of the parts laid end to end.
template <class T>
__MSL_INL constexpr T __msl_pick(int) {
  return T(0);
}
template <class T, class First, class... Rest>
__MSL_INL constexpr T __msl_pick(int i, First first, Rest... rest) {
  if (i < __msl_components<First>::count) return __msl_component(first, i);
  return __msl_pick<T>(i - __msl_components<First>::count, rest...);
}
template <class V, class... Parts>
__MSL_INL constexpr V __msl_braced(Parts... parts) {
  static_assert((__msl_components<Parts>::count + ...) <= __msl_components<V>::count, "too many initialisers for a vector");
  typedef typename V::element_type T;
  if constexpr (__msl_components<V>::count == 2) {
    return V(__msl_pick<T>(0, parts...), __msl_pick<T>(1, parts...));
  } else if constexpr (__msl_components<V>::count == 3) {
    return V(__msl_pick<T>(0, parts...), __msl_pick<T>(1, parts...), __msl_pick<T>(2, parts...));
  } else {
    return V(__msl_pick<T>(0, parts...), __msl_pick<T>(1, parts...), __msl_pick<T>(2, parts...), __msl_pick<T>(3, parts...));
  }
}
