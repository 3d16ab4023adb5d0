// <metal_pack>: normalised integers in one word, component 0 in the lowest bits, except for 565. NaN becomes zero.
#pragma once

namespace metal {
__MSL_INL uint __pack_unorm(float x, float largest) { return (uint)rint(saturate(x) * largest); }
__MSL_INL uint __pack_snorm(float x, float largest, uint mask) {
  return x != x ? 0u : (uint)(int)rint(clamp(x, -1.0f, 1.0f) * largest) & mask;
}
__MSL_INL float __unpack_snorm(int x, float largest) { return fmax((float)x / largest, -1.0f); }

__MSL_INL uint pack_float_to_unorm4x8(float4 v) {
  return __pack_unorm(v.x, 255.0f) | __pack_unorm(v.y, 255.0f) << 8 | __pack_unorm(v.z, 255.0f) << 16 |
         __pack_unorm(v.w, 255.0f) << 24;
}
__MSL_INL uint pack_float_to_snorm4x8(float4 v) {
  return __pack_snorm(v.x, 127.0f, 0xffu) | __pack_snorm(v.y, 127.0f, 0xffu) << 8 |
         __pack_snorm(v.z, 127.0f, 0xffu) << 16 | __pack_snorm(v.w, 127.0f, 0xffu) << 24;
}
__MSL_INL uint pack_float_to_unorm2x16(float2 v) {
  return __pack_unorm(v.x, 65535.0f) | __pack_unorm(v.y, 65535.0f) << 16;
}
__MSL_INL uint pack_float_to_snorm2x16(float2 v) {
  return __pack_snorm(v.x, 32767.0f, 0xffffu) | __pack_snorm(v.y, 32767.0f, 0xffffu) << 16;
}
__MSL_INL uint pack_float_to_unorm10a2(float4 v) {
  return __pack_unorm(v.x, 1023.0f) | __pack_unorm(v.y, 1023.0f) << 10 | __pack_unorm(v.z, 1023.0f) << 20 |
         __pack_unorm(v.w, 3.0f) << 30;
}
__MSL_INL ushort pack_float_to_unorm565(float3 v) {
  return (ushort)(__pack_unorm(v.x, 31.0f) << 11 | __pack_unorm(v.y, 63.0f) << 5 | __pack_unorm(v.z, 31.0f));
}

__MSL_INL float4 unpack_unorm4x8_to_float(uint x) {
  return float4((float)(x & 0xffu), (float)((x >> 8) & 0xffu), (float)((x >> 16) & 0xffu), (float)(x >> 24)) / 255.0f;
}
__MSL_INL float4 unpack_snorm4x8_to_float(uint x) {
  return float4(__unpack_snorm((char)x, 127.0f), __unpack_snorm((char)(x >> 8), 127.0f),
                __unpack_snorm((char)(x >> 16), 127.0f), __unpack_snorm((char)(x >> 24), 127.0f));
}
__MSL_INL float2 unpack_unorm2x16_to_float(uint x) { return float2((float)(x & 0xffffu), (float)(x >> 16)) / 65535.0f; }
__MSL_INL float2 unpack_snorm2x16_to_float(uint x) {
  return float2(__unpack_snorm((short)x, 32767.0f), __unpack_snorm((short)(x >> 16), 32767.0f));
}
__MSL_INL float4 unpack_unorm10a2_to_float(uint x) {
  return float4((float)(x & 0x3ffu) / 1023.0f, (float)((x >> 10) & 0x3ffu) / 1023.0f,
                (float)((x >> 20) & 0x3ffu) / 1023.0f, (float)(x >> 30) / 3.0f);
}
__MSL_INL float3 unpack_unorm565_to_float(ushort x) {
  return float3((float)(x >> 11) / 31.0f, (float)((x >> 5) & 63) / 63.0f, (float)(x & 31) / 31.0f);
}

// sRGB: the alpha component stays linear.
__MSL_INL float __to_srgb(float x) {
  x = saturate(x);
  return x <= 0.0031308f ? 12.92f * x : 1.055f * pow(x, 1.0f / 2.4f) - 0.055f;
}
__MSL_INL float __from_srgb(float x) { return x <= 0.04045f ? x / 12.92f : pow((x + 0.055f) / 1.055f, 2.4f); }
__MSL_INL uint pack_float_to_srgb_unorm4x8(float4 v) {
  return pack_float_to_unorm4x8(float4(__to_srgb(v.x), __to_srgb(v.y), __to_srgb(v.z), v.w));
}
__MSL_INL float4 unpack_unorm4x8_srgb_to_float(uint x) {
  const float4 v = unpack_unorm4x8_to_float(x);
  return float4(__from_srgb(v.x), __from_srgb(v.y), __from_srgb(v.z), v.w);
}

__MSL_INL uint pack_half_to_unorm4x8(half4 v) { return pack_float_to_unorm4x8(float4(v)); }
__MSL_INL uint pack_half_to_snorm4x8(half4 v) { return pack_float_to_snorm4x8(float4(v)); }
__MSL_INL uint pack_half_to_unorm2x16(half2 v) { return pack_float_to_unorm2x16(float2(v)); }
__MSL_INL uint pack_half_to_snorm2x16(half2 v) { return pack_float_to_snorm2x16(float2(v)); }
__MSL_INL uint pack_half_to_srgb_unorm4x8(half4 v) { return pack_float_to_srgb_unorm4x8(float4(v)); }
__MSL_INL uint pack_half_to_unorm10a2(half4 v) { return pack_float_to_unorm10a2(float4(v)); }
__MSL_INL ushort pack_half_to_unorm565(half3 v) { return pack_float_to_unorm565(float3(v)); }
__MSL_INL half4 unpack_unorm4x8_srgb_to_half(uint x) { return half4(unpack_unorm4x8_srgb_to_float(x)); }
__MSL_INL half4 unpack_unorm10a2_to_half(uint x) { return half4(unpack_unorm10a2_to_float(x)); }
__MSL_INL half3 unpack_unorm565_to_half(ushort x) { return half3(unpack_unorm565_to_float(x)); }
__MSL_INL half4 unpack_unorm4x8_to_half(uint x) { return half4(unpack_unorm4x8_to_float(x)); }
__MSL_INL half4 unpack_snorm4x8_to_half(uint x) { return half4(unpack_snorm4x8_to_float(x)); }
__MSL_INL half2 unpack_unorm2x16_to_half(uint x) { return half2(unpack_unorm2x16_to_float(x)); }
__MSL_INL half2 unpack_snorm2x16_to_half(uint x) { return half2(unpack_snorm2x16_to_float(x)); }
}  // namespace metal
