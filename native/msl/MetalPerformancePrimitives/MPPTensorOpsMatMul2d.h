// Products of matrices; they are in detail/matmul2d.h.
#pragma once
#include "../metal_cooperative_tensor"
