// The swizzles of a vector: __MSL_SWIZZLES(N) declares every selection of 2, 3 or 4 of its N components, under xyzw and
// rgba names, as properties of the class. Only those without a repeated component can be assigned.
#pragma once

// F(component, color, ...) for each of the first N components. Four copies, since a macro does not expand within itself.
#define __MSL_A2(F, ...) F(x, r, __VA_ARGS__) F(y, g, __VA_ARGS__)
#define __MSL_A3(F, ...) __MSL_A2(F, __VA_ARGS__) F(z, b, __VA_ARGS__)
#define __MSL_A4(F, ...) __MSL_A3(F, __VA_ARGS__) F(w, a, __VA_ARGS__)
#define __MSL_B2(F, ...) F(x, r, __VA_ARGS__) F(y, g, __VA_ARGS__)
#define __MSL_B3(F, ...) __MSL_B2(F, __VA_ARGS__) F(z, b, __VA_ARGS__)
#define __MSL_B4(F, ...) __MSL_B3(F, __VA_ARGS__) F(w, a, __VA_ARGS__)
#define __MSL_C2(F, ...) F(x, r, __VA_ARGS__) F(y, g, __VA_ARGS__)
#define __MSL_C3(F, ...) __MSL_C2(F, __VA_ARGS__) F(z, b, __VA_ARGS__)
#define __MSL_C4(F, ...) __MSL_C3(F, __VA_ARGS__) F(w, a, __VA_ARGS__)
#define __MSL_D2(F, ...) F(x, r, __VA_ARGS__) F(y, g, __VA_ARGS__)
#define __MSL_D3(F, ...) __MSL_D2(F, __VA_ARGS__) F(z, b, __VA_ARGS__)
#define __MSL_D4(F, ...) __MSL_D3(F, __VA_ARGS__) F(w, a, __VA_ARGS__)

#define __MSL_SWIZZLE(L, NAME, COLOR)                                                                             \
  __MSL_INL vec<T, L> get_##NAME() const { return vec<T, L>(typename vec<T, L>::__raw{}, v.NAME); }               \
  __declspec(property(get = get_##NAME, put = put_##NAME)) vec<T, L> NAME;                                        \
  __declspec(property(get = get_##NAME, put = put_##NAME)) vec<T, L> COLOR;

#define __MSL_SWIZZLE_2B(q, s, p, r) __MSL_SWIZZLE(2, p##q, r##s)
#define __MSL_SWIZZLE_2A(p, r, N) __MSL_B##N(__MSL_SWIZZLE_2B, p, r)
#define __MSL_SWIZZLE_3C(u, v, q, s, p, r) __MSL_SWIZZLE(3, p##q##u, r##s##v)
#define __MSL_SWIZZLE_3B(q, s, p, r, N) __MSL_C##N(__MSL_SWIZZLE_3C, q, s, p, r)
#define __MSL_SWIZZLE_3A(p, r, N) __MSL_B##N(__MSL_SWIZZLE_3B, p, r, N)
#define __MSL_SWIZZLE_4D(w, x, u, v, q, s, p, r) __MSL_SWIZZLE(4, p##q##u##w, r##s##v##x)
#define __MSL_SWIZZLE_4C(u, v, q, s, p, r, N) __MSL_D##N(__MSL_SWIZZLE_4D, u, v, q, s, p, r)
#define __MSL_SWIZZLE_4B(q, s, p, r, N) __MSL_C##N(__MSL_SWIZZLE_4C, q, s, p, r, N)
#define __MSL_SWIZZLE_4A(p, r, N) __MSL_B##N(__MSL_SWIZZLE_4B, p, r, N)

#define __MSL_SWIZZLES(N)               \
  __MSL_A##N(__MSL_SWIZZLE_2A, N)       \
  __MSL_A##N(__MSL_SWIZZLE_3A, N)       \
  __MSL_A##N(__MSL_SWIZZLE_4A, N)       \
  __MSL_PUT##N

// The swizzles that can be assigned.
#define __MSL_PUT(L, NAME) \
  __MSL_INL void put_##NAME(vec<T, L> t) & { v.NAME = t.v; }
#define __MSL_PUT2 __MSL_PUT(2, xy) __MSL_PUT(2, yx)
#define __MSL_PUT3                                                                                     \
  __MSL_PUT2 __MSL_PUT(2, xz) __MSL_PUT(2, zx) __MSL_PUT(2, yz) __MSL_PUT(2, zy)                       \
  __MSL_PUT(3, xyz) __MSL_PUT(3, xzy) __MSL_PUT(3, yxz) __MSL_PUT(3, yzx) __MSL_PUT(3, zxy) __MSL_PUT(3, zyx)
#define __MSL_PUT4                                                                                     \
  __MSL_PUT3 __MSL_PUT(2, xw) __MSL_PUT(2, wx) __MSL_PUT(2, yw) __MSL_PUT(2, wy) __MSL_PUT(2, zw)      \
  __MSL_PUT(2, wz) __MSL_PUT(3, xyw) __MSL_PUT(3, xwy) __MSL_PUT(3, yxw) __MSL_PUT(3, ywx)             \
  __MSL_PUT(3, wxy) __MSL_PUT(3, wyx) __MSL_PUT(3, xzw) __MSL_PUT(3, xwz) __MSL_PUT(3, zxw)            \
  __MSL_PUT(3, zwx) __MSL_PUT(3, wxz) __MSL_PUT(3, wzx) __MSL_PUT(3, yzw) __MSL_PUT(3, ywz)            \
  __MSL_PUT(3, zyw) __MSL_PUT(3, zwy) __MSL_PUT(3, wyz) __MSL_PUT(3, wzy)                              \
  __MSL_PUT(4, xyzw) __MSL_PUT(4, xywz) __MSL_PUT(4, xzyw) __MSL_PUT(4, xzwy) __MSL_PUT(4, xwyz)       \
  __MSL_PUT(4, xwzy) __MSL_PUT(4, yxzw) __MSL_PUT(4, yxwz) __MSL_PUT(4, yzxw) __MSL_PUT(4, yzwx)       \
  __MSL_PUT(4, ywxz) __MSL_PUT(4, ywzx) __MSL_PUT(4, zxyw) __MSL_PUT(4, zxwy) __MSL_PUT(4, zyxw)       \
  __MSL_PUT(4, zywx) __MSL_PUT(4, zwxy) __MSL_PUT(4, zwyx) __MSL_PUT(4, wxyz) __MSL_PUT(4, wxzy)       \
  __MSL_PUT(4, wyxz) __MSL_PUT(4, wyzx) __MSL_PUT(4, wzxy) __MSL_PUT(4, wzyx)
