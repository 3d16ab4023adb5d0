// Atomic types and functions. In instrumented libraries they go through the engine, which tells them apart from plain
// accesses; elsewhere they are the compiler's own.
#pragma once

#include "runtime.h"

namespace metal {

template <class T>
struct atomic {
  T __msl_value;
};
// The name behind the others.
template <class T>
using _atomic = atomic<T>;
typedef atomic<int> msl_atomic_int;
typedef atomic<uint> msl_atomic_uint;
typedef atomic<bool> msl_atomic_bool;
typedef atomic<float> msl_atomic_float;
typedef atomic<ulong> msl_atomic_ulong;

// The integer that an atomic type is stored as, and the engine's number for the type.
template <class T>
struct __msl_atomic_type {
  static_assert(!__is_same(T, T), "atomic has an int, uint, bool, float or ulong");
};
template <>
struct __msl_atomic_type<uint> {
  typedef uint bits;
  enum : uint { value = MSL_RT_ATOMIC_UINT };
};
template <>
struct __msl_atomic_type<int> {
  typedef uint bits;
  enum : uint { value = MSL_RT_ATOMIC_INT };
};
template <>
struct __msl_atomic_type<float> {
  typedef uint bits;
  enum : uint { value = MSL_RT_ATOMIC_FLOAT };
};
template <>
struct __msl_atomic_type<ulong> {
  typedef ulong bits;
  enum : uint { value = MSL_RT_ATOMIC_ULONG };
};
template <>
struct __msl_atomic_type<bool> {
  typedef uchar bits;
  enum : uint { value = MSL_RT_ATOMIC_BOOL };
};
template <class T>
using __msl_atomic_bits = typename __msl_atomic_type<T>::bits;

template <class T>
constexpr const __global bool __msl_has_arithmetic = __integer_v<T> && !__is_same(T, bool);

template <class T>
__MSL_INL T __msl_atomic_combine(uint operation, T old, T operand) {
  switch (operation) {
    case MSL_RT_ATOMIC_ADD: return T(old + operand);
    case MSL_RT_ATOMIC_SUB: return T(old - operand);
    case MSL_RT_ATOMIC_MAX: return old > operand ? old : operand;
    case MSL_RT_ATOMIC_MIN: return old < operand ? old : operand;
    default: break;
  }
  if constexpr (__integer_v<T>) {
    switch (operation) {
      case MSL_RT_ATOMIC_AND: return T(old & operand);
      case MSL_RT_ATOMIC_OR: return T(old | operand);
      case MSL_RT_ATOMIC_XOR: return T(old ^ operand);
      default: break;
    }
  }
  return operand;
}

#ifdef MSL_INSTRUMENTED
#define __MSL_ATOMIC_CORE(space)                                                                  \
  template <class T>                                                                              \
  __MSL_INL T __msl_atomic_load(const volatile space atomic<T>* object) {                         \
    return __builtin_bit_cast(                                                                    \
        T, (__msl_atomic_bits<T>)__msl_rt_atomic((void*)object, MSL_RT_ATOMIC_LOAD,               \
                                                 __msl_atomic_type<T>::value, 0, 0));             \
  }                                                                                               \
  template <class T>                                                                              \
  __MSL_INL T __msl_atomic_update(volatile space atomic<T>* object, uint operation, T operand) {  \
    return __builtin_bit_cast(                                                                    \
        T, (__msl_atomic_bits<T>)__msl_rt_atomic(                                                 \
               (void*)object, operation, __msl_atomic_type<T>::value,                             \
               __builtin_bit_cast(__msl_atomic_bits<T>, operand), 0));                            \
  }                                                                                               \
  template <class T>                                                                              \
  __MSL_INL T __msl_atomic_swap(volatile space atomic<T>* object, T expected, T desired) {        \
    return __builtin_bit_cast(                                                                    \
        T, (__msl_atomic_bits<T>)__msl_rt_atomic(                                                 \
               (void*)object, MSL_RT_ATOMIC_COMPARE_EXCHANGE, __msl_atomic_type<T>::value,        \
               __builtin_bit_cast(__msl_atomic_bits<T>, desired),                                 \
               __builtin_bit_cast(__msl_atomic_bits<T>, expected)));                              \
  }
#else
#define __MSL_ATOMIC_CORE(space)                                                                  \
  template <class T>                                                                              \
  __MSL_INL T __msl_atomic_load(const volatile space atomic<T>* object) {                         \
    typedef __msl_atomic_bits<T> bits;                                                            \
    return __builtin_bit_cast(                                                                    \
        T, (bits)__atomic_load_n((const volatile space bits*)object, __ATOMIC_RELAXED));          \
  }                                                                                               \
  template <class T>                                                                              \
  __MSL_INL T __msl_atomic_swap(volatile space atomic<T>* object, T expected, T desired) {        \
    typedef __msl_atomic_bits<T> bits;                                                            \
    bits old = __builtin_bit_cast(bits, expected);                                                \
    __atomic_compare_exchange_n((volatile space bits*)object, &old,                               \
                                __builtin_bit_cast(bits, desired), false, __ATOMIC_RELAXED,       \
                                __ATOMIC_RELAXED);                                                \
    return __builtin_bit_cast(T, old);                                                            \
  }                                                                                               \
  template <class T>                                                                              \
  __MSL_INL T __msl_atomic_update(volatile space atomic<T>* object, uint operation, T operand) {  \
    typedef __msl_atomic_bits<T> bits;                                                            \
    volatile space bits* place = (volatile space bits*)object;                                    \
    bits value = __builtin_bit_cast(bits, operand);                                               \
    if (operation == MSL_RT_ATOMIC_STORE) {                                                       \
      __atomic_store_n(place, value, __ATOMIC_RELAXED);                                           \
      return operand;                                                                             \
    }                                                                                             \
    if (operation == MSL_RT_ATOMIC_EXCHANGE)                                                      \
      return __builtin_bit_cast(T, (bits)__atomic_exchange_n(place, value, __ATOMIC_RELAXED));    \
    if constexpr (__integer_v<T>) {                                                             \
      if (operation == MSL_RT_ATOMIC_ADD)                                                         \
        return __builtin_bit_cast(T, (bits)__atomic_fetch_add(place, value, __ATOMIC_RELAXED));   \
      if (operation == MSL_RT_ATOMIC_OR)                                                          \
        return __builtin_bit_cast(T, (bits)__atomic_fetch_or(place, value, __ATOMIC_RELAXED));    \
      if (operation == MSL_RT_ATOMIC_AND)                                                         \
        return __builtin_bit_cast(T, (bits)__atomic_fetch_and(place, value, __ATOMIC_RELAXED));   \
    }                                                                                             \
    bits old = __atomic_load_n(place, __ATOMIC_RELAXED);                                          \
    for (;;) {                                                                                    \
      T next = __msl_atomic_combine(operation, __builtin_bit_cast(T, old), operand);              \
      if (__atomic_compare_exchange_n(place, &old, __builtin_bit_cast(bits, next), true,          \
                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED))                        \
        return __builtin_bit_cast(T, old);                                                        \
    }                                                                                             \
  }
#endif

#define __MSL_ATOMIC_FETCH(space, name, operation, condition)                                     \
  template <class T, class = enable_if_t<condition>>                                              \
  __MSL_INL T atomic_fetch_##name##_explicit(volatile space atomic<T>* object,                    \
                                             type_identity_t<T> operand, memory_order) {          \
    return __msl_atomic_update(object, operation, operand);                                       \
  }
#define __MSL_ATOMIC(space)                                                                       \
  __MSL_ATOMIC_CORE(space)                                                                        \
  template <class T>                                                                              \
  __MSL_INL T atomic_load_explicit(const volatile space atomic<T>* object, memory_order) {        \
    return __msl_atomic_load(object);                                                             \
  }                                                                                               \
  template <class T>                                                                              \
  __MSL_INL void atomic_store_explicit(volatile space atomic<T>* object,                          \
                                       type_identity_t<T> desired, memory_order) {                \
    __msl_atomic_update(object, MSL_RT_ATOMIC_STORE, desired);                                    \
  }                                                                                               \
  template <class T>                                                                              \
  __MSL_INL T atomic_exchange_explicit(volatile space atomic<T>* object,                          \
                                       type_identity_t<T> desired, memory_order) {                \
    return __msl_atomic_update(object, MSL_RT_ATOMIC_EXCHANGE, desired);                          \
  }                                                                                               \
  template <class T>                                                                              \
  __MSL_INL bool atomic_compare_exchange_weak_explicit(volatile space atomic<T>* object,          \
                                                       __generic T* expected,                     \
                                                       type_identity_t<T> desired, memory_order,  \
                                                       memory_order) {                            \
    typedef __msl_atomic_bits<T> bits;                                                            \
    const T wanted = *expected;                                                                   \
    const T old = __msl_atomic_swap(object, wanted, desired);                                     \
    *expected = old;                                                                              \
    return __builtin_bit_cast(bits, old) == __builtin_bit_cast(bits, wanted);                     \
  }                                                                                               \
  __MSL_ATOMIC_FETCH(space, add, MSL_RT_ATOMIC_ADD, (!__is_same(T, bool)))                        \
  __MSL_ATOMIC_FETCH(space, sub, MSL_RT_ATOMIC_SUB, (!__is_same(T, bool)))                        \
  __MSL_ATOMIC_FETCH(space, and, MSL_RT_ATOMIC_AND, __msl_has_arithmetic<T>)                      \
  __MSL_ATOMIC_FETCH(space, or, MSL_RT_ATOMIC_OR, __msl_has_arithmetic<T>)                        \
  __MSL_ATOMIC_FETCH(space, xor, MSL_RT_ATOMIC_XOR, __msl_has_arithmetic<T>)                      \
  __MSL_ATOMIC_FETCH(space, max, MSL_RT_ATOMIC_MAX, __msl_has_arithmetic<T>)                      \
  __MSL_ATOMIC_FETCH(space, min, MSL_RT_ATOMIC_MIN, __msl_has_arithmetic<T>)
__MSL_ATOMIC(__global)
__MSL_ATOMIC(__local)
#undef __MSL_ATOMIC
#undef __MSL_ATOMIC_FETCH
#undef __MSL_ATOMIC_CORE

// 64-bit minimum and maximum that return nothing.
__MSL_INL void atomic_min_explicit(volatile __global atomic<ulong>* object, ulong operand,
                                   memory_order) {
  __msl_atomic_update(object, MSL_RT_ATOMIC_MIN, operand);
}
__MSL_INL void atomic_max_explicit(volatile __global atomic<ulong>* object, ulong operand,
                                   memory_order) {
  __msl_atomic_update(object, MSL_RT_ATOMIC_MAX, operand);
}

}  // namespace metal
