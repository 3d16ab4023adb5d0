// simd_* and quad_* functions. Every one goes through few entry points of runtime.h; here types are taken apart and put
// together again.
#pragma once

#include "runtime.h"

namespace metal {

template <class T>
struct __msl_simd_type : bool_constant<__number_v<T>> {};
template <class T, int N>
struct __msl_simd_type<vec<T, N>> : bool_constant<__number_v<T>> {};
template <class T>
struct __is_valid_simdgroup_type : __msl_simd_type<T> {};

template <uint Bytes>
struct __msl_words {
  ulong word[(Bytes + 7) / 8];
};

// Moves a value of any size between lanes, in words of at most 64 bits.
template <class T>
__MSL_CONV T __msl_shuffle(T value, uint kind, uint argument, T fill = T(), uint modulo = 32) {
  static_assert(__msl_simd_type<T>::value,
                "simdgroup functions take scalars and vectors of numbers");
  if constexpr (sizeof(T) == 1) {
    return __builtin_bit_cast(
        T, (uchar)__msl_rt_shuffle(__builtin_bit_cast(uchar, value), kind, argument,
                                   __builtin_bit_cast(uchar, fill), modulo));
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bit_cast(
        T, (ushort)__msl_rt_shuffle(__builtin_bit_cast(ushort, value), kind, argument,
                                    __builtin_bit_cast(ushort, fill), modulo));
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bit_cast(
        T, (uint)__msl_rt_shuffle(__builtin_bit_cast(uint, value), kind, argument,
                                  __builtin_bit_cast(uint, fill), modulo));
  } else {
    static_assert(sizeof(T) % 8 == 0, "simdgroup functions take scalars and vectors of numbers");
    typedef __msl_words<sizeof(T)> words;
    words from = __builtin_bit_cast(words, value);
    words other = __builtin_bit_cast(words, fill);
    for (uint i = 0; i < sizeof(T) / 8; i++)
      from.word[i] = __msl_rt_shuffle(from.word[i], kind, argument, other.word[i], modulo);
    return __builtin_bit_cast(T, from);
  }
}

#define __MSL_SHUFFLE(name, kind)                            \
  template <class T>                                         \
  __MSL_CONV T name(T data, ushort argument) {               \
    return __msl_shuffle<T>(data, kind, argument);           \
  }
__MSL_SHUFFLE(simd_shuffle, MSL_RT_SHUFFLE)
__MSL_SHUFFLE(simd_broadcast, MSL_RT_SHUFFLE)
__MSL_SHUFFLE(simd_shuffle_xor, MSL_RT_SHUFFLE_XOR)
__MSL_SHUFFLE(simd_shuffle_down, MSL_RT_SHUFFLE_DOWN)
__MSL_SHUFFLE(simd_shuffle_up, MSL_RT_SHUFFLE_UP)
__MSL_SHUFFLE(simd_shuffle_rotate_down, MSL_RT_ROTATE_DOWN)
__MSL_SHUFFLE(simd_shuffle_rotate_up, MSL_RT_ROTATE_UP)
__MSL_SHUFFLE(quad_shuffle, MSL_RT_QUAD_SHUFFLE)
__MSL_SHUFFLE(quad_broadcast, MSL_RT_QUAD_SHUFFLE)
__MSL_SHUFFLE(quad_shuffle_xor, MSL_RT_QUAD_XOR)
__MSL_SHUFFLE(quad_shuffle_down, MSL_RT_QUAD_DOWN)
__MSL_SHUFFLE(quad_shuffle_up, MSL_RT_QUAD_UP)
__MSL_SHUFFLE(quad_shuffle_rotate_down, MSL_RT_QUAD_ROTATE_DOWN)
__MSL_SHUFFLE(quad_shuffle_rotate_up, MSL_RT_QUAD_ROTATE_UP)
#undef __MSL_SHUFFLE

template <class T>
__MSL_CONV T simd_broadcast_first(T data) {
  return __msl_shuffle<T>(data, MSL_RT_FIRST, 0);
}
template <class T>
__MSL_CONV T quad_broadcast_first(T data) {
  return __msl_shuffle<T>(data, MSL_RT_QUAD_FIRST, 0);
}

#define __MSL_SHUFFLE_FILL(name, kind, width)                                              \
  template <class T>                                                                       \
  __MSL_CONV T name(T data, type_identity_t<T> filling_data, ushort delta) {               \
    return __msl_shuffle<T>(data, kind, delta, filling_data, width);                       \
  }                                                                                        \
  template <class T>                                                                       \
  __MSL_CONV T name(T data, type_identity_t<T> filling_data, ushort delta, ushort modulo) { \
    return __msl_shuffle<T>(data, kind, delta, filling_data, modulo);                      \
  }
__MSL_SHUFFLE_FILL(simd_shuffle_and_fill_down, MSL_RT_FILL_DOWN, 32)
__MSL_SHUFFLE_FILL(simd_shuffle_and_fill_up, MSL_RT_FILL_UP, 32)
__MSL_SHUFFLE_FILL(quad_shuffle_and_fill_down, MSL_RT_QUAD_FILL_DOWN, 4)
__MSL_SHUFFLE_FILL(quad_shuffle_and_fill_up, MSL_RT_QUAD_FILL_UP, 4)
#undef __MSL_SHUFFLE_FILL

// Floating-point values are combined in float and rounded once; integers in 64 bits.
template <class T>
__MSL_CONV T __msl_reduce(T value, uint operation) {
  static_assert(__number_v<T>, "simdgroup reductions take scalars and vectors of numbers");
  if constexpr (__float_v<T>)
    return T(__msl_rt_reduce_float(float(value), operation));
#ifdef __NVPTX__
  else if constexpr (sizeof(T) == 4) {
    uint word = (uint)value;
    if (__msl_rt_reduce_word(word, operation | (is_signed_v<T> ? 0u : MSL_RT_UNSIGNED))) return T(word);
    return T(__msl_rt_reduce_int((ulong)(long)value,
                                 operation | (is_signed_v<T> ? 0u : MSL_RT_UNSIGNED)));
  }
#endif
  else
    return T(__msl_rt_reduce_int((ulong)(long)value,
                                 operation | (__signed_v<T> ? 0u : MSL_RT_UNSIGNED)));
}

#define __MSL_REDUCTION(name, operation)                                              \
  template <class T>                                                                  \
  __MSL_CONV T name(T data) {                                                         \
    return __msl_reduce<T>(data, operation);                                          \
  }                                                                                   \
  template <class T, int N>                                                           \
  __MSL_CONV vec<T, N> name(vec<T, N> data) {                                         \
    vec<T, N> result;                                                                 \
    for (int i = 0; i < N; i++) result[i] = __msl_reduce<T>(T(data[i]), operation);   \
    return result;                                                                    \
  }
#define __MSL_INT_REDUCTION(name, operation)                                          \
  template <class T, class = enable_if_t<__integer_v<T>>>                           \
  __MSL_CONV T name(T data) {                                                         \
    return __msl_reduce<T>(data, operation);                                          \
  }                                                                                   \
  template <class T, int N, class = enable_if_t<__integer_v<T>>>                    \
  __MSL_CONV vec<T, N> name(vec<T, N> data) {                                         \
    vec<T, N> result;                                                                 \
    for (int i = 0; i < N; i++) result[i] = __msl_reduce<T>(T(data[i]), operation);   \
    return result;                                                                    \
  }
#define __MSL_REDUCTIONS(scope, reach)                                                        \
  __MSL_REDUCTION(scope##_sum, MSL_RT_SUM | (reach))                                          \
  __MSL_REDUCTION(scope##_max, MSL_RT_MAX | (reach))                                          \
  __MSL_REDUCTION(scope##_min, MSL_RT_MIN | (reach))                                          \
  __MSL_REDUCTION(scope##_product, MSL_RT_PRODUCT | (reach))                                  \
  __MSL_INT_REDUCTION(scope##_and, MSL_RT_AND | (reach))                                      \
  __MSL_INT_REDUCTION(scope##_or, MSL_RT_OR | (reach))                                        \
  __MSL_INT_REDUCTION(scope##_xor, MSL_RT_XOR | (reach))                                      \
  __MSL_REDUCTION(scope##_prefix_inclusive_sum, MSL_RT_SUM | MSL_RT_INCLUSIVE | (reach))      \
  __MSL_REDUCTION(scope##_prefix_exclusive_sum, MSL_RT_SUM | MSL_RT_EXCLUSIVE | (reach))      \
  __MSL_REDUCTION(scope##_prefix_inclusive_product,                                           \
                  MSL_RT_PRODUCT | MSL_RT_INCLUSIVE | (reach))                                \
  __MSL_REDUCTION(scope##_prefix_exclusive_product,                                           \
                  MSL_RT_PRODUCT | MSL_RT_EXCLUSIVE | (reach))
__MSL_REDUCTIONS(simd, 0u)
__MSL_REDUCTIONS(quad, MSL_RT_QUAD)
#undef __MSL_REDUCTIONS
#undef __MSL_INT_REDUCTION
#undef __MSL_REDUCTION

// The lanes of the caller's simdgroup (quadgroup) that voted yes, lowest bit first.
class simd_vote {
 public:
  typedef ulong vote_t;
  constexpr explicit simd_vote(vote_t votes = 0) : votes_(votes) {}
  explicit constexpr operator vote_t() const { return votes_; }
  explicit constexpr operator uint() const { return (uint)votes_; }
  constexpr bool all() const { return (uint)votes_ == 0xffffffffu; }
  constexpr bool any() const { return votes_ != 0; }

 private:
  vote_t votes_;
};
class quad_vote {
 public:
  typedef uint vote_t;
  constexpr explicit quad_vote(vote_t votes = 0) : votes_(votes) {}
  explicit constexpr operator vote_t() const { return votes_; }
  constexpr bool all() const { return votes_ == 0xfu; }
  constexpr bool any() const { return votes_ != 0; }

 private:
  vote_t votes_;
};

__MSL_CONV simd_vote simd_ballot(bool vote) { return simd_vote(__msl_rt_ballot(vote)); }
__MSL_CONV simd_vote simd_active_threads_mask() { return simd_vote(__msl_rt_ballot(1)); }
__MSL_CONV bool simd_any(bool vote) { return __msl_rt_ballot(vote) != 0; }
__MSL_CONV bool simd_all(bool vote) { return __msl_rt_ballot(!vote) == 0; }
__MSL_CONV bool simd_is_first() {
  return (__msl_rt_ballot(1) & ((1u << __msl_lane()) - 1)) == 0;
}

__MSL_CONV uint __msl_quad_ballot(uint vote) {
  return __msl_rt_ballot(vote) >> (__msl_lane() & ~3u) & 0xfu;
}
__MSL_CONV quad_vote quad_ballot(bool vote) { return quad_vote(__msl_quad_ballot(vote)); }
__MSL_CONV quad_vote quad_active_threads_mask() { return quad_vote(__msl_quad_ballot(1)); }
__MSL_CONV bool quad_any(bool vote) { return __msl_quad_ballot(vote) != 0; }
__MSL_CONV bool quad_all(bool vote) { return __msl_quad_ballot(!vote) == 0; }
__MSL_CONV bool quad_is_first() {
  return (__msl_quad_ballot(1) & ((1u << (__msl_lane() & 3u)) - 1)) == 0;
}

// No thread runs for its neighbours' sake only, as fragment shaders have them.
__MSL_INL bool simd_is_helper_thread() { return false; }

}  // namespace metal

// The spelling of Apple's own headers, which libraries build on.
#define __MSL_METAL_UNARY(name)                                  \
  template <class T>                                             \
  __MSL_CONV T __metal_##name(T data) {                          \
    return metal::name<T>(data);                                 \
  }
__MSL_METAL_UNARY(simd_sum)
__MSL_METAL_UNARY(simd_max)
__MSL_METAL_UNARY(simd_min)
__MSL_METAL_UNARY(simd_product)
__MSL_METAL_UNARY(simd_and)
__MSL_METAL_UNARY(simd_or)
__MSL_METAL_UNARY(simd_prefix_inclusive_sum)
__MSL_METAL_UNARY(simd_prefix_exclusive_sum)
__MSL_METAL_UNARY(simd_prefix_inclusive_product)
__MSL_METAL_UNARY(simd_prefix_exclusive_product)
__MSL_METAL_UNARY(simd_broadcast_first)
#undef __MSL_METAL_UNARY
// Unlike metal::simd_xor, this one compiles for floating-point values too: it combines their bits.
template <class T>
__MSL_CONV T __metal_simd_xor(T data) {
  typedef metal::conditional_t<sizeof(T) == 4, uint, ushort> bits;
  if constexpr (metal::__float_v<T>)
    return __builtin_bit_cast(T, metal::simd_xor(__builtin_bit_cast(bits, data)));
  else
    return metal::simd_xor(data);
}
#define __MSL_METAL_BINARY(name)                                 \
  template <class T>                                             \
  __MSL_CONV T __metal_##name(T data, ushort argument) {         \
    return metal::name<T>(data, argument);                       \
  }
__MSL_METAL_BINARY(simd_shuffle)
__MSL_METAL_BINARY(simd_broadcast)
__MSL_METAL_BINARY(simd_shuffle_xor)
__MSL_METAL_BINARY(simd_shuffle_up)
__MSL_METAL_BINARY(simd_shuffle_down)
__MSL_METAL_BINARY(simd_shuffle_rotate_up)
__MSL_METAL_BINARY(simd_shuffle_rotate_down)
#undef __MSL_METAL_BINARY
template <class T>
__MSL_CONV T __metal_simd_shuffle_and_fill_up(T data, T filling_data, ushort delta,
                                              ushort modulo) {
  return metal::simd_shuffle_and_fill_up<T>(data, filling_data, delta, modulo);
}
template <class T>
__MSL_CONV T __metal_simd_shuffle_and_fill_down(T data, T filling_data, ushort delta,
                                                ushort modulo) {
  return metal::simd_shuffle_and_fill_down<T>(data, filling_data, delta, modulo);
}
