// Part of the Metal library; all of it is in detail/msl.h.
#pragma once
#include "detail/macros.h"
