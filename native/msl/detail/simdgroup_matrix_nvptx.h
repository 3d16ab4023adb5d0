// simdgroup_matrix on NVIDIA GPUs. Each lane holds two neighbours of a row, where tensor cores want them: row = lane / 4,
// column = 2 * (lane % 4). Products of half and of bfloat run there, with exact products and float sums; any others, and all
// with MSL_MATRIX_ORDERED, exchange elements by shuffles and add the products in ascending order, as the host does. With
// MSL_MATRIX_ORDERED elements lie with the lanes that have them on a Mac.
//
// The functions declared here are written into the program once it is optimised:
// generator/compile/representation/tensor-cores.ts. Until then they are opaque, but compute the same whenever it is.
#pragma once

typedef float __msl_sums __attribute__((ext_vector_type(2)));
// The word that a lane holds.
extern "C" __attribute__((const, convergent)) uint __msl_exchange(uint value, uint lane);
#ifndef MSL_MATRIX_ORDERED
// The transpose of 8 x 8 elements of 16 bits, two neighbours of a row with each lane.
extern "C" __attribute__((const, convergent)) uint __msl_turn(uint pair);
// a * b + c; b is turned.
extern "C" __attribute__((const, convergent)) __msl_sums __msl_product_half(uint a, uint b, __msl_sums c);
extern "C" __attribute__((const, convergent)) __msl_sums __msl_product_bfloat(uint a, uint b, __msl_sums c);
#endif

namespace metal {

// Where a lane's first element lies, and which lane has an element.
#ifdef MSL_MATRIX_ORDERED
__MSL_INL uint __msl_fragment_row(uint lane) { return (lane >> 2 & 4u) + (lane >> 1 & 3u); }
__MSL_INL uint __msl_fragment_column(uint lane) { return (lane >> 1 & 4u) + (lane & 1u) * 2; }
__MSL_INL uint __msl_lane_of(uint row, uint column) {
  return (row & 4u) << 2 | (column & 4u) << 1 | (row & 3u) << 1 | (column >> 1 & 1u);
}
#else
__MSL_INL uint __msl_fragment_row(uint lane) { return lane >> 2; }
__MSL_INL uint __msl_fragment_column(uint lane) { return (lane & 3u) * 2; }
__MSL_INL uint __msl_lane_of(uint row, uint column) { return row << 2 | column >> 1; }
#endif

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
  __MSL_INL storage_type& thread_elements() {
    return *(__generic storage_type*)&__msl_elements;
  }
  __MSL_INL const storage_type& thread_elements() const {
    return *(const __generic storage_type*)&__msl_elements;
  }

  static __MSL_INL uint __msl_row() { return __msl_fragment_row(__msl_lane()); }
  static __MSL_INL uint __msl_column() { return __msl_fragment_column(__msl_lane()); }
};

template <class T, int Cols = 8, int Rows = 8>
__MSL_INL simdgroup_matrix<T, Cols, Rows> make_filled_simdgroup_matrix(T value) {
  simdgroup_matrix<T, Cols, Rows> result;
  result.__msl_elements = vec<T, 2>(value);
  return result;
}

// Two neighbours in memory: one access where they lie so, which is known of threadgroup memory with constant strides. Where
// a matrix begins, and how long its rows are, tells it with the fewest steps.
template <class T>
using __msl_pair = conditional_t<sizeof(T) == 2, uint, ulong>;
#define __MSL_MATRIX_PAIR(space)                                                               \
  template <class T, class S>                                                                  \
  __MSL_INL vec<T, 2> __msl_load_pair(space S* first, space S* origin, ulong row) {            \
    if ((((ulong)origin | row * sizeof(T)) & (2 * sizeof(T) - 1)) != 0)                        \
      return vec<T, 2>(first[0], first[1]);                                                    \
    return __builtin_bit_cast(vec<T, 2>, *(const space __msl_pair<T>*)first);                  \
  }                                                                                            \
  template <class T>                                                                           \
  __MSL_INL void __msl_store_pair(space T* first, vec<T, 2> pair) {                            \
    if (((ulong)first & (2 * sizeof(T) - 1)) != 0) {                                           \
      first[0] = pair.x;                                                                       \
      first[1] = pair.y;                                                                       \
    } else {                                                                                   \
      *(space __msl_pair<T>*)first = __builtin_bit_cast(__msl_pair<T>, pair);                  \
    }                                                                                          \
  }
__MSL_MATRIX_PAIR(__global)
__MSL_MATRIX_PAIR(__local)
#undef __MSL_MATRIX_PAIR

#ifndef MSL_MATRIX_ORDERED
template <class T>
__MSL_INL uint __msl_word(vec<T, 2> pair) {
  return __builtin_bit_cast(uint, pair);
}
#endif

// Turning is worth while for elements of 16 bits: a right operand that was loaded transposed is turned twice, that is, not
// at all.
template <class T>
__MSL_CONV vec<T, 2> __msl_turned(vec<T, 2> pair) {
#ifndef MSL_MATRIX_ORDERED
  return __builtin_bit_cast(vec<T, 2>, __msl_turn(__msl_word(pair)));
#else
  return pair;
#endif
}
#ifdef MSL_MATRIX_ORDERED
template <class T>
constexpr __constant bool __msl_turns = false;
#else
template <class T>
constexpr __constant bool __msl_turns = sizeof(T) == 2;
#endif

#define __MSL_MATRIX_LOAD(space)                                                                  \
  template <class T, class S,                                                                     \
            class = enable_if_t<__is_same(S, T) || __is_same(S, const T)>>                        \
  __MSL_CONV void simdgroup_load(simdgroup_matrix<T, 8, 8>& d, space S* source,         \
                                 ulong elements_per_row = 8,                                      \
                                 vec<ulong, 2> matrix_origin = vec<ulong, 2>(0ul),                \
                                 bool transpose_matrix = false) {                                 \
    space S* origin = source + (matrix_origin.x + matrix_origin.y * elements_per_row);            \
    space S* first = origin + d.__msl_row() * elements_per_row + d.__msl_column();                \
    if (!transpose_matrix) {                                                                      \
      d.__msl_elements = __msl_load_pair<T>(first, origin, elements_per_row);                                               \
    } else if constexpr (__msl_turns<T>) {                                                        \
      d.__msl_elements = __msl_turned(__msl_load_pair<T>(first, origin, elements_per_row));                                 \
    } else {                                                                                      \
      first = origin + d.__msl_row() + d.__msl_column() * elements_per_row;                       \
      d.__msl_elements = vec<T, 2>(T(first[0]), T(first[elements_per_row]));                      \
    }                                                                                             \
  }
#define __MSL_MATRIX_STORE(space)                                                                 \
  template <class T>                                                                              \
  __MSL_CONV void simdgroup_store(const simdgroup_matrix<T, 8, 8> a, space T* target,             \
                                  ulong elements_per_row = 8,                                     \
                                  vec<ulong, 2> matrix_origin = vec<ulong, 2>(0ul),               \
                                  bool transpose_matrix = false) {                                \
    space T* origin = target + (matrix_origin.x + matrix_origin.y * elements_per_row);            \
    space T* first = origin + a.__msl_row() * elements_per_row + a.__msl_column();                \
    if (!transpose_matrix) {                                                                      \
      __msl_store_pair(first, a.__msl_elements);                                                  \
    } else {                                                                                      \
      first = origin + a.__msl_row() + a.__msl_column() * elements_per_row;                       \
      first[0] = a.__msl_elements.x;                                                              \
      first[elements_per_row] = a.__msl_elements.y;                                               \
    }                                                                                             \
  }
__MSL_MATRIX_LOAD(__global)
__MSL_MATRIX_LOAD(__local)
__MSL_MATRIX_STORE(__global)
__MSL_MATRIX_STORE(__local)
#undef __MSL_MATRIX_LOAD
#undef __MSL_MATRIX_STORE

__MSL_CONV float __msl_exchange_float(float value, uint lane) {
  return __builtin_bit_cast(float, __msl_exchange(__builtin_bit_cast(uint, value), lane));
}

// A lane's sums, always read and written as a whole: optimisers then see that one product goes on where another one ended.
template <class C>
__MSL_CONV __msl_sums __msl_sums_of(const simdgroup_matrix<C, 8, 8> c) {
  if constexpr (__is_same(C, float)) return *(const __generic __msl_sums*)&c.__msl_elements;
  const __msl_sums sums = {float(c.__msl_elements.x), float(c.__msl_elements.y)};
  return sums;
}
template <class D>
__MSL_CONV void __msl_set_sums(simdgroup_matrix<D, 8, 8>& d, __msl_sums sums) {
  if constexpr (__is_same(D, float)) {
    *(__generic __msl_sums*)&d.__msl_elements = sums;
  } else {
    d.__msl_elements = vec<D, 2>(D(sums.x), D(sums.y));
  }
}

// Each lane has its row of the left operand and its two columns of the right one sent.
template <class A, class B>
__MSL_CONV __msl_sums __msl_multiply(const simdgroup_matrix<A, 8, 8> a, const simdgroup_matrix<B, 8, 8> b,
                                     __msl_sums sums) {
  const uint row = a.__msl_row(), column = a.__msl_column();
  const float a0 = float(a.__msl_elements.x), a1 = float(a.__msl_elements.y);
  const float b0 = float(b.__msl_elements.x), b1 = float(b.__msl_elements.y);
#pragma unroll
  for (uint k = 0; k < 8; k++) {
    const uint a_lane = __msl_lane_of(row, k), b_lane = __msl_lane_of(k, column);
    const float x = __msl_exchange_float(k & 1u ? a1 : a0, a_lane);
    sums.x = __nvvm_fma_rn_f(x, __msl_exchange_float(b0, b_lane), sums.x);
    sums.y = __nvvm_fma_rn_f(x, __msl_exchange_float(b1, b_lane), sums.y);
  }
  return sums;
}

#ifndef MSL_MATRIX_ORDERED
#define __MSL_MATRIX_PRODUCT(T)                                                                   \
  __MSL_CONV __msl_sums __msl_multiply(const simdgroup_matrix<T, 8, 8> a,                         \
                                       const simdgroup_matrix<T, 8, 8> b, __msl_sums sums) {      \
    return __msl_product_##T(__msl_word(a.__msl_elements), __msl_word(__msl_turned(b.__msl_elements)), sums); \
  }
__MSL_MATRIX_PRODUCT(half)
__MSL_MATRIX_PRODUCT(bfloat)
#undef __MSL_MATRIX_PRODUCT
#endif

template <class D, class A, class B, class C>
__MSL_CONV void simdgroup_multiply_accumulate(simdgroup_matrix<D, 8, 8>& d,
                                              const simdgroup_matrix<A, 8, 8> a,
                                              const simdgroup_matrix<B, 8, 8> b,
                                              const simdgroup_matrix<C, 8, 8> c) {
  __msl_set_sums(d, __msl_multiply(a, b, __msl_sums_of(c)));
}

template <class D, class A, class B>
__MSL_CONV void simdgroup_multiply(simdgroup_matrix<D, 8, 8>& d,
                                   const simdgroup_matrix<A, 8, 8> a,
                                   const simdgroup_matrix<B, 8, 8> b) {
  const __msl_sums none = {0.0f, 0.0f};
  __msl_set_sums(d, __msl_multiply(a, b, none));
}

template <class T>
__MSL_CONV simdgroup_matrix<T, 8, 8> operator*(const simdgroup_matrix<T, 8, 8> a,
                                               const simdgroup_matrix<T, 8, 8> b) {
  simdgroup_matrix<T, 8, 8> d;
  simdgroup_multiply(d, a, b);
  return d;
}

}  // namespace metal
