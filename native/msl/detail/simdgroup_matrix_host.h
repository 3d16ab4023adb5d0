// simdgroup_matrix on the host. The object on a lane's stack stands for the matrix; the elements lie with the
// simdgroup, in the engine. One lane does each operation for all, so that what the others do here is a test.
#pragma once

namespace metal {

// Whether this lane has anything to do at a matrix operation.
__MSL_INL bool __msl_matrix_turn() {
  return __builtin_expect(__msl_rt_self()->matrix_mode != 0, 0);
}

template <class T, int Cols = 8, int Rows = 8>
struct simdgroup_matrix {
  static_assert(Cols == 8 && Rows == 8, "simdgroup_matrix has 8 columns and 8 rows");
  typedef vec<T, 2> storage_type;
  enum : uint { __msl_type = __msl_matrix_type<T>::value };

  // Not zero once a reference to the elements was handed out.
  uint __msl_exposed;
  // Keeps the distance between two objects a multiple of eight bytes, which have room for 64 elements.
  uint __msl_padding;

  __MSL_CONV simdgroup_matrix() : __msl_exposed(0) {}
  __MSL_CONV explicit simdgroup_matrix(T diagonal) : __msl_exposed(0) {
    if (__msl_matrix_turn()) __msl_rt_matrix_fill((void*)this, __msl_type, float(diagonal), 1);
  }
  __MSL_CONV simdgroup_matrix(const simdgroup_matrix& other) : __msl_exposed(0) {
    __msl_copy(other);
  }
  __MSL_CONV simdgroup_matrix& operator=(const simdgroup_matrix& other) {
    __msl_copy(other);
    return *this;
  }
  __MSL_INL ~simdgroup_matrix() {
    if (__builtin_expect(__msl_exposed != 0, 0))
      __msl_rt_self()->matrix_mode |= MSL_RT_MATRIX_HAZARD;
  }

  __MSL_INL storage_type& thread_elements() { return *__msl_elements(); }
  __MSL_INL const storage_type& thread_elements() const {
    return *((__generic simdgroup_matrix*)this)->__msl_elements();
  }

  __MSL_CONV void __msl_copy(const simdgroup_matrix& other) {
    if (__msl_matrix_turn())
      __msl_rt_matrix_copy((void*)this, (const void*)&other, __msl_type);
  }
  __MSL_INL __generic storage_type* __msl_elements() {
    __msl_self* self = __msl_rt_self();
    self->matrix_mode |= MSL_RT_MATRIX_HAZARD | MSL_RT_MATRIX_EXPOSED;
    __msl_exposed = 1;
    const ulong elements = self->matrix_base + 32 * ((ulong)self - (ulong)this);
    return (__generic storage_type*)(elements + self->lane * sizeof(storage_type));
  }
};
static_assert(sizeof(simdgroup_matrix<half>) == 8, "objects are eight bytes apart");

template <class T, int Cols = 8, int Rows = 8>
__MSL_CONV simdgroup_matrix<T, Cols, Rows> make_filled_simdgroup_matrix(T value) {
  simdgroup_matrix<T, Cols, Rows> result;
  if (__msl_matrix_turn())
    __msl_rt_matrix_fill((void*)&result, __msl_matrix_type<T>::value, float(value), 0);
  return result;
}

#define __MSL_MATRIX_LOAD(space)                                                                  \
  template <class T, class S,                                                                     \
            class = enable_if_t<__is_same(S, T) || __is_same(S, const T)>>                        \
  __MSL_CONV void simdgroup_load(simdgroup_matrix<T, 8, 8>& d, space S* source,         \
                                 ulong elements_per_row = 8,                                      \
                                 vec<ulong, 2> matrix_origin = vec<ulong, 2>(0ul),                \
                                 bool transpose_matrix = false) {                                 \
    if (__msl_matrix_turn()) {                                                                    \
      space S* first = source + (matrix_origin.x + matrix_origin.y * elements_per_row);           \
      __msl_rt_matrix_load((void*)&d, __msl_matrix_type<T>::value, (const void*)first,            \
                           transpose_matrix ? 1 : (long)elements_per_row,                         \
                           transpose_matrix ? (long)elements_per_row : 1);                        \
    }                                                                                             \
  }
#define __MSL_MATRIX_STORE(space)                                                                 \
  template <class T>                                                                              \
  __MSL_CONV void simdgroup_store(const simdgroup_matrix<T, 8, 8>& a, space T* target,  \
                                  ulong elements_per_row = 8,                                     \
                                  vec<ulong, 2> matrix_origin = vec<ulong, 2>(0ul),               \
                                  bool transpose_matrix = false) {                                \
    if (__msl_matrix_turn()) {                                                                    \
      space T* first = target + (matrix_origin.x + matrix_origin.y * elements_per_row);           \
      __msl_rt_matrix_store((const void*)&a, __msl_matrix_type<T>::value, (void*)first,           \
                            transpose_matrix ? 1 : (long)elements_per_row,                        \
                            transpose_matrix ? (long)elements_per_row : 1);                       \
    }                                                                                             \
  }
__MSL_MATRIX_LOAD(__global)
__MSL_MATRIX_LOAD(__local)
__MSL_MATRIX_STORE(__global)
__MSL_MATRIX_STORE(__local)
#undef __MSL_MATRIX_LOAD
#undef __MSL_MATRIX_STORE

template <class D, class A, class B, class C>
__MSL_CONV void simdgroup_multiply_accumulate(simdgroup_matrix<D, 8, 8>& d,
                                              const simdgroup_matrix<A, 8, 8>& a,
                                              const simdgroup_matrix<B, 8, 8>& b,
                                              const simdgroup_matrix<C, 8, 8>& c) {
  if (__msl_matrix_turn())
    __msl_rt_matrix_multiply((void*)&d, (const void*)&a, (const void*)&b, (const void*)&c,
                             __msl_matrix_type<D>::value | __msl_matrix_type<A>::value << 8 |
                                 __msl_matrix_type<B>::value << 16 |
                                 __msl_matrix_type<C>::value << 24);
}

template <class D, class A, class B>
__MSL_CONV void simdgroup_multiply(simdgroup_matrix<D, 8, 8>& d,
                                   const simdgroup_matrix<A, 8, 8>& a,
                                   const simdgroup_matrix<B, 8, 8>& b) {
  if (__msl_matrix_turn())
    __msl_rt_matrix_multiply((void*)&d, (const void*)&a, (const void*)&b, (const void*)0,
                             __msl_matrix_type<D>::value | __msl_matrix_type<A>::value << 8 |
                                 __msl_matrix_type<B>::value << 16);
}

template <class T>
__MSL_CONV simdgroup_matrix<T, 8, 8> operator*(const simdgroup_matrix<T, 8, 8> a,
                                               const simdgroup_matrix<T, 8, 8> b) {
  simdgroup_matrix<T, 8, 8> d;
  simdgroup_multiply(d, a, b);
  return d;
}

}  // namespace metal
