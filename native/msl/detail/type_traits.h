// <metal_type_traits>
#pragma once

namespace metal {
template <class T, int N>
struct vec;
template <class T, int N>
struct packed_vec;

template <class T, T V>
struct integral_constant {
  static constexpr const __global T value = V;
  typedef T value_type;
  typedef integral_constant type;
  constexpr operator T() const { return V; }
  constexpr T operator()() const { return V; }
};
template <bool B>
using bool_constant = integral_constant<bool, B>;
typedef bool_constant<true> true_type;
typedef bool_constant<false> false_type;

// A trait NAME<T> with its value EXPRESSION, and NAME_v<T>.
#define __MSL_TRAIT(NAME, ...)                             \
  template <class T>                                       \
  struct NAME : bool_constant<bool(__VA_ARGS__)> {};       \
  template <class T>                                       \
  constexpr const __global bool NAME##_v = NAME<T>::value;
#define __MSL_TRAIT2(NAME, ...)                            \
  template <class A, class B>                              \
  struct NAME : bool_constant<bool(__VA_ARGS__)> {};       \
  template <class A, class B>                              \
  constexpr const __global bool NAME##_v = NAME<A, B>::value;
// A trait NAME<T> that is the type ...::type, and NAME_t<T>.
#define __MSL_TRANSFORMATION(NAME) \
  template <class T>               \
  using NAME##_t = typename NAME<T>::type;

template <bool B, class T = void>
struct enable_if {};
template <class T>
struct enable_if<true, T> {
  typedef T type;
};
template <bool B, class T = void>
using enable_if_t = typename enable_if<B, T>::type;

template <bool B, class T, class F>
struct conditional {
  typedef T type;
};
template <class T, class F>
struct conditional<false, T, F> {
  typedef F type;
};
template <bool B, class T, class F>
using conditional_t = typename conditional<B, T, F>::type;

template <class T>
struct type_identity {
  typedef T type;
};
__MSL_TRANSFORMATION(type_identity)

template <class T>
struct remove_const {
  typedef T type;
};
template <class T>
struct remove_const<const T> {
  typedef T type;
};
__MSL_TRANSFORMATION(remove_const)

template <class T>
struct remove_volatile {
  typedef T type;
};
template <class T>
struct remove_volatile<volatile T> {
  typedef T type;
};
__MSL_TRANSFORMATION(remove_volatile)

template <class T>
struct remove_cv {
  typedef remove_volatile_t<remove_const_t<T>> type;
};
__MSL_TRANSFORMATION(remove_cv)

template <class T>
struct remove_reference {
  typedef T type;
};
template <class T>
struct remove_reference<T&> {
  typedef T type;
};
template <class T>
struct remove_reference<T&&> {
  typedef T type;
};
__MSL_TRANSFORMATION(remove_reference)

template <class T>
struct remove_addrspace {
  typedef T type;
};
#define __MSL_REMOVE_ADDRSPACE(SPACE)     \
  template <class T>                      \
  struct remove_addrspace<SPACE T> {      \
    typedef T type;                       \
  };                                      \
  template <class T>                      \
  struct remove_addrspace<const SPACE T> { \
    typedef const T type;                 \
  };
__MSL_WRITABLE(__MSL_REMOVE_ADDRSPACE)
__MSL_REMOVE_ADDRSPACE(__constant)
__MSL_REMOVE_ADDRSPACE(__attribute__((opencl_global_host)))
__MSL_REMOVE_ADDRSPACE(__generic)
#undef __MSL_REMOVE_ADDRSPACE
__MSL_TRANSFORMATION(remove_addrspace)

// What `thread T&` deduces: objects in thread memory and temporaries alone.
template <class T>
struct __thread_only : remove_addrspace<T> {};
#define __MSL_NOT_THREAD(SPACE)           \
  template <class T>                      \
  struct __thread_only<SPACE T> {};       \
  template <class T>                      \
  struct __thread_only<const SPACE T> {};
__MSL_NOT_THREAD(__global)
__MSL_NOT_THREAD(__local)
__MSL_NOT_THREAD(__attribute__((opencl_global_host)))
#undef __MSL_NOT_THREAD
template <class T>
using __of_thread = typename __thread_only<T>::type;

// The type of an object, whatever refers to it.
template <class T>
using __bare = remove_cv_t<remove_addrspace_t<remove_reference_t<T>>>;

template <class T>
struct remove_cvref {
  typedef __bare<T> type;
};
__MSL_TRANSFORMATION(remove_cvref)

template <class T>
struct decay {
  typedef __bare<T> type;
};
__MSL_TRANSFORMATION(decay)

template <class T>
struct remove_pointer {
  typedef T type;
};
template <class T>
struct remove_pointer<T*> {
  typedef T type;
};
__MSL_TRANSFORMATION(remove_pointer)

template <class T>
struct remove_extent {
  typedef T type;
};
template <class T, size_t N>
struct remove_extent<T[N]> {
  typedef T type;
};
template <class T>
struct remove_extent<T[]> {
  typedef T type;
};
__MSL_TRANSFORMATION(remove_extent)

template <class T>
struct add_const {
  typedef const T type;
};
__MSL_TRANSFORMATION(add_const)

template <class T>
struct __pointer_trait : false_type {};
template <class T>
struct __pointer_trait<T*> : true_type {};
template <class T>
struct __const_trait : false_type {};
template <class T>
struct __const_trait<const T> : true_type {};
template <class T>
struct __array_trait : false_type {};
template <class T, size_t N>
struct __array_trait<T[N]> : true_type {};

__MSL_TRAIT2(is_same, __is_same(A, B))
__MSL_TRAIT2(is_convertible, __is_convertible(A, B))
__MSL_TRAIT2(is_base_of, __is_base_of(A, B))

// Numbers; Metal's own traits hold for vectors of them too.
template <class T>
constexpr const __global bool __integer_v = __is_integral(__bare<T>);
template <class T>
constexpr const __global bool __float_v =
    __is_same(__bare<T>, float) || __is_same(__bare<T>, half) || __is_same(__bare<T>, bfloat);
template <class T>
constexpr const __global bool __number_v = __integer_v<T> || __float_v<T>;
template <class T>
constexpr const __global bool __signed_v = __float_v<T> || (__integer_v<T> && __is_signed(__bare<T>));

// The type of the components, and how many there are.
template <class T>
struct __components {
  typedef T type;
  static constexpr const __global int count = 1;
};
template <class T, int N>
struct __components<vec<T, N>> {
  typedef T type;
  static constexpr const __global int count = N;
};
template <class T, int N>
struct __components<packed_vec<T, N>> : __components<vec<T, N>> {};
template <class T>
using __component = typename __components<__bare<T>>::type;
template <class T>
struct vec_elements : integral_constant<int, __components<__bare<T>>::count> {};

__MSL_TRAIT(is_integral, __integer_v<__component<T>>)
__MSL_TRAIT(is_floating_point, __float_v<__component<T>>)
__MSL_TRAIT(is_arithmetic, __number_v<__component<T>>)
__MSL_TRAIT(is_scalar, __number_v<T>)
__MSL_TRAIT(is_signed, __signed_v<__component<T>>)
__MSL_TRAIT(is_unsigned, __integer_v<__component<T>> && __is_unsigned(__component<T>))
__MSL_TRAIT(is_pointer, __pointer_trait<remove_cv_t<T>>::value)
__MSL_TRAIT(is_array, __array_trait<T>::value)
__MSL_TRAIT(is_const, __const_trait<T>::value)
__MSL_TRAIT(is_void, __is_same(remove_cv_t<T>, void))
__MSL_TRAIT(is_class, __is_class(T))
__MSL_TRAIT(is_union, __is_union(T))
__MSL_TRAIT(is_enum, __is_enum(T))
__MSL_TRAIT(is_trivially_copyable, __is_trivially_copyable(T))
#undef __MSL_TRAIT
#undef __MSL_TRAIT2

template <class T>
struct underlying_type {
  typedef __underlying_type(T) type;
};
__MSL_TRANSFORMATION(underlying_type)

template <class T>
struct make_unsigned {
  typedef T type;
};
template <class T>
struct make_signed {
  typedef T type;
};
#define __MSL_SIGN(S, U)      \
  template <>                 \
  struct make_unsigned<S> {   \
    typedef U type;           \
  };                          \
  template <>                 \
  struct make_signed<U> {     \
    typedef S type;           \
  };
__MSL_SIGN(char, uchar)
__MSL_SIGN(short, ushort)
__MSL_SIGN(int, uint)
__MSL_SIGN(long, ulong)
#undef __MSL_SIGN
__MSL_TRANSFORMATION(make_unsigned)
__MSL_TRANSFORMATION(make_signed)
#undef __MSL_TRANSFORMATION

template <class T>
T declval();

// What an operation on both gives: the type of a conditional expression.
template <class... T>
struct common_type;
template <class T>
struct common_type<T> {
  typedef __bare<T> type;
};
template <class A, class B>
struct common_type<A, B> {
  typedef __bare<decltype(false ? declval<__bare<A>>() : declval<__bare<B>>())> type;
};
template <class A, class B, class C, class... R>
struct common_type<A, B, C, R...> : common_type<typename common_type<A, B>::type, C, R...> {};
template <class... T>
using common_type_t = typename common_type<T...>::type;

template <class... B>
struct disjunction : false_type {};
template <class B>
struct disjunction<B> : B {};
template <class B, class... R>
struct disjunction<B, R...> : conditional_t<bool(B::value), B, disjunction<R...>> {};
template <class... B>
struct conjunction : true_type {};
template <class B>
struct conjunction<B> : B {};
template <class B, class... R>
struct conjunction<B, R...> : conditional_t<bool(B::value), conjunction<R...>, B> {};
template <class B>
struct negation : bool_constant<!bool(B::value)> {};
template <class... B>
constexpr const __global bool disjunction_v = disjunction<B...>::value;
template <class... B>
constexpr const __global bool conjunction_v = conjunction<B...>::value;
template <class B>
constexpr const __global bool negation_v = negation<B>::value;
// Programs for older versions of Metal use these names.
template <class... B>
using _disjunction = disjunction<B...>;
template <class... B>
using _conjunction = conjunction<B...>;
template <class B>
using _negation = negation<B>;

// No is_empty and no void_t: libraries define them in this namespace themselves.

template <class T, T... I>
struct integer_sequence {
  typedef T value_type;
  static constexpr size_t size() { return sizeof...(I); }
};
template <size_t... I>
using index_sequence = integer_sequence<size_t, I...>;
template <class T, T N>
using make_integer_sequence = __make_integer_seq<integer_sequence, T, N>;
template <size_t N>
using make_index_sequence = make_integer_sequence<size_t, N>;

// A value that is the same in all threads needs no mark here.
template <class T>
using uniform = T;
template <class T>
__MSL_INL constexpr T make_uniform(T x) {
  return x;
}
}  // namespace metal

// half and bfloat convert into each other through float.
template <class To, class From, class T = metal::remove_cv_t<To>>
constexpr const __global bool __msl_through_float =
    (__is_same(T, half) && __is_same(From, bfloat)) || (__is_same(T, bfloat) && __is_same(From, half));
template <class To, class From>
__MSL_INL constexpr To __msl_cast(From&& x) {
  if constexpr (__msl_through_float<To, metal::__bare<From>>) {
    return static_cast<To>(static_cast<float>(x));
  } else {
    return static_cast<To>(static_cast<From&&>(x));
  }
}
// What `To(x)` and `(To)x` do.
template <class To, class From>
__MSL_INL constexpr To __msl_convert(From&& x) {
  if constexpr (__msl_through_float<To, metal::__bare<From>>) {
    return static_cast<To>(static_cast<float>(x));
  } else {
    return (To)(static_cast<From&&>(x));
  }
}

// as_type<T>: the same bits as another type.
template <class To, class From>
__MSL_INL constexpr To as_type(From from) {
  static_assert(sizeof(To) == sizeof(From), "as_type: the types differ in size");
  return __builtin_bit_cast(To, from);
}
namespace metal {
using ::as_type;
}
