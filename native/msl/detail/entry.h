// What translated programs use beyond Metal's own names: entries of kernels, threadgroup variables, function constants,
// and helpers for the places where the compiler's dialect is stricter than Metal.
#pragma once

// ---- Entries. A kernel's parameter types decide how its arguments are made from addresses and positions.

template <int I, class F>
struct __msl_parameter;
template <class R, class First, class... Rest>
struct __msl_parameter<0, R(First, Rest...)> {
  typedef First type;
};
template <int I, class R, class First, class... Rest>
struct __msl_parameter<I, R(First, Rest...)> {
  typedef typename __msl_parameter<I - 1, R(Rest...)>::type type;
};

template <class P>
struct __msl_bufarg {
  static_assert(!__is_same(P, P), "a buffer argument must be a pointer or reference to device or constant memory");
};
template <class T, size_t N>
struct __msl_bufarg<metal::array<T, N>> {
  static_assert(N == 0, "not supported: arrays of buffers (metal::array as an argument)");
};
template <class T, size_t N>
struct __msl_bufarg<const metal::array<T, N>> : __msl_bufarg<metal::array<T, N>> {};
#define __MSL_BUFARG(SPACE)                                     \
  template <class T>                                            \
  struct __msl_bufarg<SPACE T*> {                               \
    typedef T element;                                          \
    static __MSL_INL SPACE T* get(ulong p) { return (SPACE T*)p; } \
  };                                                            \
  template <class T>                                            \
  struct __msl_bufarg<SPACE T&> {                               \
    typedef T element;                                          \
    static __MSL_INL SPACE T& get(ulong p) { return *(SPACE T*)p; } \
  };
__MSL_BUFARG(__global)
__MSL_BUFARG(const __global)
__MSL_BUFARG(__MSL_CONSTANT)
__MSL_BUFARG(volatile __global)
__MSL_BUFARG(const volatile __global)
#undef __MSL_BUFARG

template <class P>
struct __msl_tgarg {
  static_assert(!__is_same(P, P), "a threadgroup argument must be a pointer or reference to threadgroup memory");
};
template <class T>
struct __msl_tgarg<__local T*> {
  typedef T element;
  static __MSL_INL __local T* get(ulong p) { return (__local T*)p; }
};
template <class T>
struct __msl_tgarg<__local T&> {
  typedef T element;
  static __MSL_INL __local T& get(ulong p) { return *(__local T*)p; }
};

// Completes the type of an argument's elements, so that the compiler tells how they lie in memory; 0 for what has no size.
template <class T, class = void>
struct __msl_size {
  static constexpr ulong value = 0;
};
template <class T>
struct __msl_size<T, decltype((void)sizeof(T))> {
  static constexpr ulong value = sizeof(T);
};

// Positions and indices: ushort or uint, or vectors of them.
template <class T>
struct __msl_id {
  static_assert(__is_same(T, uint) || __is_same(T, ushort),
                "a thread position must be ushort or uint, or a vector of 2 or 3 of them");
  static __MSL_INL T get(uint x, uint, uint) { return T(x); }
};
template <class T>
struct __msl_id<metal::vec<T, 2>> {
  static_assert(__is_same(T, uint) || __is_same(T, ushort), "a thread position must be a vector of ushort or uint");
  static __MSL_INL metal::vec<T, 2> get(uint x, uint y, uint) { return metal::vec<T, 2>(T(x), T(y)); }
};
template <class T>
struct __msl_id<metal::vec<T, 3>> {
  static_assert(__is_same(T, uint) || __is_same(T, ushort), "a thread position must be a vector of ushort or uint");
  static __MSL_INL metal::vec<T, 3> get(uint x, uint y, uint z) { return metal::vec<T, 3>(T(x), T(y), T(z)); }
};
template <class T>
struct __msl_id<const T> : __msl_id<T> {};

// Indices and counts: ushort or uint.
template <class T>
struct __msl_index {
  static_assert(__is_same(T, uint) || __is_same(T, ushort), "a thread index must be ushort or uint");
  static __MSL_INL T get(uint x) { return T(x); }
};
template <class T>
struct __msl_index<const T> : __msl_index<T> {};

#ifdef __NVPTX__
// Not OpenCL's __kernel: the compiler would wrap it into a second kernel.
#define __MSL_ENTRY extern "C" __attribute__((nvptx_kernel))
#else
#define __MSL_ENTRY extern "C" __attribute__((visibility("default")))
#endif

// An entry for `count` threads that follow each other in x, of a kernel whose threads never wait for each other.
#if defined(__NVPTX__) || defined(MSL_INSTRUMENTED)
#define __MSL_ROW_ENTRY(NAME, ...)
#else
// Where the arguments lie, in memory that no kernel writes: what a thread stores cannot change what the next one reads there.
struct __msl_row_arguments {
  unsigned long buf[31];
};
__MSL_INL __msl_row_arguments __msl_arguments_of_row(const __msl_self* first) {
  __msl_row_arguments arguments;
  _Pragma("clang loop unroll(full)") for (uint i = 0; i < 31; i++) arguments.buf[i] = first->buf[i];
  return arguments;
}
// The thread at `x` in the grid.
__MSL_INL __msl_self __msl_thread_of_row(const __msl_self& first, const __msl_row_arguments& arguments, uint x) {
  __msl_self self = first;
  const uint index = x - first.tpig[0];
  self.buf = arguments.buf;
  self.tpig[0] = x;
  self.tpitg[0] += index;
  self.titg += index;
  self.lane = self.titg % 32u;
  self.sg = self.titg / 32u;
  return self;
}
// The loop counts positions in the grid, which most kernels take for indices: it shows that neighbours lie side by side.
#define __MSL_ROW_ENTRY(NAME, ...)                                                         \
  __MSL_ENTRY void NAME(const __msl_self* first_of_row, uint count) {                      \
    const __msl_row_arguments arguments = __msl_arguments_of_row(first_of_row);            \
    const __msl_self first = *first_of_row;                                                \
    const uint end = first.tpig[0] + count;                                                \
    _Pragma("clang loop vectorize(assume_safety)") for (uint x = first.tpig[0]; x < end; x++) { \
      const __msl_self self = __msl_thread_of_row(first, arguments, x);                    \
      const __msl_self* s = &self;                                                         \
      __VA_ARGS__                                                                          \
    }                                                                                      \
  }
#endif

// ---- Threadgroup variables. Each instantiation of a kernel has its own key, and with it its own memory; the key holds
// the variable's name.

__MSL_INL constexpr ulong __msl_align_up(ulong offset, ulong alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}
#ifdef __NVPTX__
// Replaced by the address of a shared variable before code is generated.
extern "C" ulong __msl_shared_variable(const __constant char* key, ulong size, ulong align);
#define __MSL_ALLOCATE(key, size, align) __msl_shared_variable(key, size, align)
#else
#define __MSL_ALLOCATE(key, size, align) ((ulong)__msl_rt_tgalloc((const void*)(ulong)key, size, align))
#endif
#define __MSL_THREADGROUP(T, align, name)                                                  \
  ([] {                                                                                    \
    static const __constant char key[] = name;                                             \
    return __MSL_ALLOCATE(key, sizeof(T), (align) > alignof(T) ? (align) : alignof(T)); \
  }())

// ---- Function constants of the host library: 16 bytes for the value, then one that says whether it was given.

#ifdef __APPLE__
#define __MSL_SYMBOL(name) "_" name
#else
#define __MSL_SYMBOL(name) name
#endif
#define __MSL_CONSTANT_STORAGE(name)                                                      \
  __asm__(".data\n.p2align 4\n.globl " __MSL_SYMBOL(name) "\n" __MSL_SYMBOL(name) ":\n" \
          ".space 16\n.globl " __MSL_SYMBOL(name) "_defined\n" __MSL_SYMBOL(name) "_defined:\n.space 16\n.text\n");

// ---- Helpers of the translation.

// An operand of `?:`: objects in different address spaces become values of one type.
template <class T>
using __msl_value_t = metal::conditional_t<__is_class(metal::__bare<T>), metal::__bare<T>, T&&>;
template <class T>
__MSL_INL constexpr __msl_value_t<T> __msl_value(T&& x) {
  return static_cast<__msl_value_t<T>>(x);
}
// A constant computed from function constants, as an object that lasts to the end of the expression.
template <class T>
__MSL_INL constexpr const T& __msl_lasting(const T& x) {
  return x;
}

// `V(x)` for a vector type that the program declares: the elements of another vector are converted, a scalar is repeated.
template <class V, class T>
__MSL_INL constexpr V __msl_wide(T x) {
  if constexpr (metal::__number_v<T>) {
    return (V)x;
  } else {
    return __builtin_convertvector(x, V);
  }
}

// The compiler has strings in an address space of their own.
template <size_t N>
__MSL_INL __MSL_CONSTANT char (&__msl_string(const __constant char (&text)[N]))[N] {
  return *(__MSL_CONSTANT char(*)[N])(ulong)&text;
}

// A constexpr object of the program, as one in the constant address space.
template <class T, size_t N>
__MSL_INL __MSL_CONSTANT T (&__msl_in_constant(const __global T (&x)[N]))[N] {
  return (__MSL_CONSTANT T(&)[N])x;
}
template <class T>
__MSL_INL __MSL_CONSTANT T& __msl_in_constant(const __global T& x) {
  return (__MSL_CONSTANT T&)x;
}
template <class T>
__MSL_INL constexpr T&& __msl_in_constant(T&& x) {
  return static_cast<T&&>(x);
}

// What has a component that a reference or pointer refers to.
template <class T>
__MSL_INL constexpr T&& __msl_whole(T&& x) {
  static_assert(!__msl_is_vector<metal::__bare<T>>, "a reference or pointer cannot refer to a component of a vector");
  return static_cast<T&&>(x);
}

// The value of a static member that only specialisations define: using it is an error.
template <class T>
constexpr metal::__bare<T> __msl_undefined_constant();

// The right operand of `+=`: an integral constant turns into its value.
template <class T, class = void>
struct __msl_is_integral_constant : metal::false_type {};
template <class T>
struct __msl_is_integral_constant<T, metal::enable_if_t<__is_class(T) && __is_empty(T) && (T::value == T::value)>>
    : metal::true_type {};
template <class T, bool = __msl_is_integral_constant<metal::__bare<T>>::value>
struct __msl_addend_result {
  typedef T&& type;
};
template <class T>
struct __msl_addend_result<T, true> {
  typedef long type;
};
template <class T>
__MSL_INL constexpr typename __msl_addend_result<T>::type __msl_addend(T&& x) {
  if constexpr (__msl_is_integral_constant<metal::__bare<T>>::value) {
    return (long)metal::__bare<T>::value;
  } else {
    return static_cast<T&&>(x);
  }
}
