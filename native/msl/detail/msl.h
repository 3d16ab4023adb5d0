// The Metal language and its standard library for stock clang, in the mode "C++ for OpenCL". The headers that programs
// include give them macros alone; what is here is precompiled once for every compiler and target.
#pragma once

#include "config.h"
#include "constants.h"
#include "type_traits.h"
#include "vector.h"
#include "matrix.h"
#include "simd_types.h"
#include "limits.h"
#include "math.h"
#include "integer.h"
#include "relational.h"
#include "geometric.h"
#include "pack.h"
#include "builtins.h"
#include "logging.h"
#include "runtime.h"
#include "atomics.h"
#include "simdgroup.h"
#include "simdgroup_matrix.h"
#include "entry.h"
