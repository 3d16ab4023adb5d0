// simdgroup_matrix on NVIDIA GPUs: each lane holds its two elements, and products exchange them by shuffles.
#pragma once

namespace metal {

template <class T, int Cols = 8, int Rows = 8>
struct simdgroup_matrix {
  static_assert(Cols == 8 && Rows == 8, "simdgroup_matrix has 8 columns and 8 rows");
  typedef vec<T, 2> storage_type;
  enum : uint { __msl_type = __msl_matrix_type<T>::value };
  storage_type __msl_elements;

  simdgroup_matrix() = default;
  __MSL_INL explicit simdgroup_matrix(T diagonal) {
    const uint row = __msl_row(), column = __msl_column();
    __msl_elements = storage_type(row == column ? diagonal : T(0), row == column + 1 ? diagonal : T(0));
  }
  __MSL_INL __private storage_type& thread_elements() {
    return *(__private storage_type*)&__msl_elements;
  }
  __MSL_INL const __private storage_type& thread_elements() const {
    return *(const __private storage_type*)&__msl_elements;
  }

  // Where this lane's first element lies.
  static __MSL_INL uint __msl_row() { return (__msl_lane() >> 2 & 4u) + (__msl_lane() >> 1 & 3u); }
  static __MSL_INL uint __msl_column() { return (__msl_lane() >> 1 & 4u) + (__msl_lane() & 1u) * 2; }
};

template <class T, int Cols = 8, int Rows = 8>
__MSL_INL simdgroup_matrix<T, Cols, Rows> make_filled_simdgroup_matrix(T value) {
  simdgroup_matrix<T, Cols, Rows> result;
  result.__msl_elements = vec<T, 2>(value);
  return result;
}

#define __MSL_MATRIX_LOAD(space)                                                                  \
  template <class T, class S,                                                                     \
            class = enable_if_t<__is_same(S, T) || __is_same(S, const T)>>                        \
  __MSL_INL void simdgroup_load(__private simdgroup_matrix<T, 8, 8>& d, space S* source,          \
                                ulong elements_per_row = 8,                                       \
                                vec<ulong, 2> matrix_origin = vec<ulong, 2>(0ul),                 \
                                bool transpose_matrix = false) {                                  \
    const ulong down = transpose_matrix ? 1 : elements_per_row;                                   \
    const ulong right = transpose_matrix ? elements_per_row : 1;                                  \
    space S* first = source + (matrix_origin.x + matrix_origin.y * elements_per_row) +            \
                     d.__msl_row() * down + d.__msl_column() * right;                             \
    d.__msl_elements = vec<T, 2>(T(first[0]), T(first[right]));                                   \
  }
#define __MSL_MATRIX_STORE(space)                                                                 \
  template <class T>                                                                              \
  __MSL_INL void simdgroup_store(const simdgroup_matrix<T, 8, 8> a, space T* target,              \
                                 ulong elements_per_row = 8,                                      \
                                 vec<ulong, 2> matrix_origin = vec<ulong, 2>(0ul),                \
                                 bool transpose_matrix = false) {                                 \
    const ulong down = transpose_matrix ? 1 : elements_per_row;                                   \
    const ulong right = transpose_matrix ? elements_per_row : 1;                                  \
    space T* first = target + (matrix_origin.x + matrix_origin.y * elements_per_row) +            \
                     a.__msl_row() * down + a.__msl_column() * right;                             \
    first[0] = a.__msl_elements.x;                                                                \
    first[right] = a.__msl_elements.y;                                                            \
  }
__MSL_MATRIX_LOAD(__global)
__MSL_MATRIX_LOAD(__local)
__MSL_MATRIX_STORE(__global)
__MSL_MATRIX_STORE(__local)
#undef __MSL_MATRIX_LOAD
#undef __MSL_MATRIX_STORE

// Element (row, column) lies with the lane whose bits are (row.2, column.2, row.1, row.0, column.1).
__MSL_INL uint __msl_lane_of(uint row, uint column) {
  return (row & 4u) << 2 | (column & 4u) << 1 | (row & 3u) << 1 | (column >> 1 & 1u);
}

template <class A, class B>
__MSL_CONV vec<float, 2> __msl_multiply(const simdgroup_matrix<A, 8, 8> a,
                                        const simdgroup_matrix<B, 8, 8> b, vec<float, 2> sum) {
  const uint row = a.__msl_row(), column = a.__msl_column();
  const float a0 = float(a.__msl_elements.x), a1 = float(a.__msl_elements.y);
  const float b0 = float(b.__msl_elements.x), b1 = float(b.__msl_elements.y);
  float s0 = sum.x, s1 = sum.y;
  for (uint k = 0; k < 8; k++) {
    const uint a_lane = __msl_lane_of(row, k), b_lane = __msl_lane_of(k, column);
    const float even = __msl_shuffle_float(a0, a_lane), odd = __msl_shuffle_float(a1, a_lane);
    const float x = k & 1u ? odd : even;
    s0 = __nvvm_fma_rn_f(x, __msl_shuffle_float(b0, b_lane), s0);
    s1 = __nvvm_fma_rn_f(x, __msl_shuffle_float(b1, b_lane), s1);
  }
  return vec<float, 2>(s0, s1);
}

template <class D, class A, class B, class C>
__MSL_CONV void simdgroup_multiply_accumulate(__private simdgroup_matrix<D, 8, 8>& d,
                                              const simdgroup_matrix<A, 8, 8> a,
                                              const simdgroup_matrix<B, 8, 8> b,
                                              const simdgroup_matrix<C, 8, 8> c) {
  const vec<float, 2> start(float(c.__msl_elements.x), float(c.__msl_elements.y));
  const vec<float, 2> sum = __msl_multiply(a, b, start);
  d.__msl_elements = vec<D, 2>(D(sum.x), D(sum.y));
}

template <class D, class A, class B>
__MSL_CONV void simdgroup_multiply(__private simdgroup_matrix<D, 8, 8>& d,
                                   const simdgroup_matrix<A, 8, 8> a,
                                   const simdgroup_matrix<B, 8, 8> b) {
  const vec<float, 2> sum = __msl_multiply(a, b, vec<float, 2>(0.0f));
  d.__msl_elements = vec<D, 2>(D(sum.x), D(sum.y));
}

template <class T>
__MSL_CONV simdgroup_matrix<T, 8, 8> operator*(const simdgroup_matrix<T, 8, 8> a,
                                               const simdgroup_matrix<T, 8, 8> b) {
  simdgroup_matrix<T, 8, 8> d;
  simdgroup_multiply(d, a, b);
  return d;
}

}  // namespace metal
