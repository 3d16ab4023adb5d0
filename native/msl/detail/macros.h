// The macros that programs see when they include a header of Metal's library; the preprocessor runs before the rest.
#pragma once

#define METAL_FUNC inline __attribute__((__always_inline__))
#define METAL_INTERNAL static inline __attribute__((__always_inline__))
#define METAL_CONST const
#define METAL_PURE
#define METAL_ASM
#define METAL_CONVERGENT __attribute__((convergent))
#define METAL_NORETURN

// Off, as where a library is built for release.
#define assert(condition) ((void)0)
