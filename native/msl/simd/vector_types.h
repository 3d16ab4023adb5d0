// Types that programs share with C: they are in detail/simd_types.h.
#pragma once
#include "../detail/macros.h"
