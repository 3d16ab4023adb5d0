// language: metal4.0
// EXPECTED: accepted: in Metal 4 the formats of 4 bits are names of <metal_stdlib>.
#include <metal_stdlib>
template <bool S> struct format { using type = metal::conditional_t<S, metal::int4b_format, metal::uint4b_format>; };
kernel void k(device metal::uint* o [[buffer(0)]]) { o[0] = metal::is_same_v<format<true>::type, metal::int4b_format>; }
