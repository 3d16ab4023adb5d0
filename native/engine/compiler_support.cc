// Functions that some compilers call where others generate code.
#include <bit>

#include "float_formats.h"

extern "C" {

// From float to bfloat. Its result is passed like the other 16-bit format, which more compilers know.
_Float16 __truncsfbf2(float value) { return std::bit_cast<_Float16>(moegen::FloatToBfloat(value)); }
}
