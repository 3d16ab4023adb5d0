// Parts of the library that programs in the style of the others do not use: packed vectors, matrices, arrays.

import { expect, test } from 'vitest';

import { check, kernel } from './support.js';

test.each([
  [
    'packed vectors',
    'packed_float3 a = packed_float3(1, 2, 3); float2 b = a.xy; a.xy = b; a.zx += 1; a *= 2; a = -a; packed_int2 n = int2(7); n %= 3; n <<= 1; device packed_float3* p = (device packed_float3*)o; p[i].xy = a.yz; p[i] += a; o[i] = dot(a, a) + length(p[0]) + max(a, a).x + clamp(a, 0.0f, 1.0f).y + normalize(p[1]).z + a.rgb.g + n.x + b.x;',
  ],
  [
    'matrices',
    'float2x2 m = {float2(1, 2), float2(3, 4)}; float3x3 w = {{1, 2, 3}, {1, 2, 3}, {1, 2, 3}}; m *= m; m *= 2; m += m; bool t = m == m && m != float2x2(1); threadgroup float2x2 s; s = cm; m = cm; o[i] = m[0][0] + w[1].x + t + s[1][0];',
  ],
  [
    'arrays',
    'array<float, 4> a = {1, 2, 3, 4}; float s = 0; for (float x : a) s += x; for (thread float& x : a) x += 1; for (float x : ca) s += x; a.fill(3); o[i] = s + a.front() + a.back() + *a.begin() + ca.back() + ca.size();',
  ],
  [
    'integers and relations',
    'int4 v = madsat(int4(1), int4(2), int4(3)); v = madhi(v, v, v); v = mad24(v, v, v); v = mul24(v, v); bool4 t = isordered(float4(h[i]), float4(1)); int4 e = ilogb(float4(2)); o[i] = v.x + t.x + e.y + refract(float3(1), float3(1), 0.5f).x + faceforward(float3(1), float3(1), float3(2)).x;',
  ],
  [
    'packing, limits and constants',
    'uint u = pack_float_to_srgb_unorm4x8(float4(1)) + pack_half_to_unorm10a2(h[i]) + pack_half_to_unorm565(h[i].xyz); o[i] = unpack_unorm4x8_srgb_to_float(u).x + unpack_unorm10a2_to_half(u).x + numeric_limits<float>::digits10 + numeric_limits<half>::max_exponent + numeric_limits<bfloat>::min_exponent10 + FP_ILOGB0;',
  ],
  [
    'functions of bfloat beside numbers',
    'bfloat b = bfloat(o[i]); bfloat4 v = bfloat4(float4(h[i])); v = fract(v); o[i] = clamp(b, 0.0bf, 1.0bf) + max3(b, b, b) + mix(b, b, b) + smoothstep(b, b, b) + isordered(b, b) + v.x;',
  ],
])('%s', async (_, body) => {
  const before = 'constant array<float, 3> ca = {1, 2, 3}; constant float2x2 cm = float2x2(1);';
  expect((await check(kernel(body, before))).diagnostics).toEqual([]);
});
