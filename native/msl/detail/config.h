// The compiler's extensions and Metal's scalar types.
#pragma once

#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#pragma OPENCL EXTENSION __cl_clang_function_pointers : enable
#pragma OPENCL EXTENSION __cl_clang_variadic_functions : enable
#pragma OPENCL EXTENSION __cl_clang_bitfields : enable

// Metal's constant address space: read-only memory that converts to the generic space, and from which objects are copied.
// What the program itself defines there lies in `const __global` (program scope allows no other).
#define __MSL_CONSTANT const __attribute__((opencl_global_host))

#define __MSL_INL inline __attribute__((always_inline))
// Metal's functions of vectors are no templates: they go before a template of the program that has the same name and fits
// as well. Ours are templates, and go before it by this.
#define __MSL_FIRST __MSL_INL __attribute__((enable_if(true, "")))

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
// The compiler's own type: a class would lose the usual arithmetic conversions.
typedef __bf16 bfloat;

typedef char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long int64_t;
typedef unsigned long uint64_t;
typedef unsigned long size_t;
typedef long ptrdiff_t;
typedef long intptr_t;
typedef unsigned long uintptr_t;

namespace metal {
using ::bfloat;
using ::int16_t;
using ::int32_t;
using ::int64_t;
using ::int8_t;
using ::intptr_t;
using ::ptrdiff_t;
using ::size_t;
using ::uint16_t;
using ::uint32_t;
using ::uint64_t;
using ::uchar;
using ::uint;
using ::uint8_t;
using ::uintptr_t;
using ::ulong;
using ::ushort;
}  // namespace metal

// X(type) for every integer type, and for every type that arithmetic is defined on.
#define __MSL_INTEGERS(X) X(char) X(uchar) X(short) X(ushort) X(int) X(uint) X(long) X(ulong)
#define __MSL_SCALARS(X) __MSL_INTEGERS(X) X(half) X(float) X(bfloat)

// X(space) for the address spaces that can be written.
#define __MSL_WRITABLE(X) X(__private) X(__global) X(__local)

#ifndef __NVPTX__
// The compiler calls this where the processor cannot round to bfloat: to nearest even, NaN stays NaN and becomes quiet.
extern "C" __attribute__((used, visibility("hidden"))) inline bfloat __truncsfbf2(float value) {
  const uint bits = __builtin_bit_cast(uint, value);
  const uint rounded = value != value ? bits | 0x400000u : bits + 0x7fffu + ((bits >> 16) & 1u);
  return __builtin_bit_cast(bfloat, (ushort)(rounded >> 16));
}
#endif
