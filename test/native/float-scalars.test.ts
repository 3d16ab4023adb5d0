// Floating-point functions of vectors and scalars together.

import { expect, test } from 'vitest';

import { launch, load, output } from './support.js';

/** With a scalar, and the same with a vector in its place. */
const WITH_SCALARS = [
  ...['fmin', 'fmax', 'min', 'max', 'pow', 'fmod', 'atan2', 'step', 'copysign'].flatMap((name) => [
    [`${name}(v, s)`, `${name}(v, V(s))`],
    [`${name}(s, v)`, `${name}(V(s), v)`],
  ]),
  ['fma(s, u, v)', 'fma(V(s), u, v)'],
  ['fma(u, v, s)', 'fma(u, v, V(s))'],
  ['mix(u, v, s)', 'mix(u, v, V(s))'],
  ['clamp(v, s, s + s)', 'clamp(v, V(s), V(s + s))'],
  ['clamp(v, 0.0f, 1.0f)', 'clamp(v, V(T(0.0f)), V(T(1.0f)))'],
  ['max(v, 0.0f)', 'max(v, V(T(0.0f)))'],
  ['smoothstep(T(0), s, v)', 'smoothstep(V(T(0)), V(s), v)'],
  ['ldexp(v, 3)', 'ldexp(v, int4(3))'],
] as const;

test.each(['float', 'half', 'bfloat'])(
  'with vectors of %s a scalar counts for every component',
  async (name) => {
    const lines = WITH_SCALARS.map(
      ([mixed = '', full = ''], i) =>
        `  out[2 * ${i}] = float4(${mixed});\n  out[2 * ${i} + 1] = float4(${full});`,
    );
    const library = await load(`typedef ${name} T;
typedef vec<T, 4> V;
kernel void test(device const float4* in [[buffer(0)]], device float4* out [[buffer(1)]]) {
  const V u(in[0]), v(in[1]);
  const T s = T(in[2].x);
${lines.join('\n')}
}`);
    const input = Float32Array.from([0.5, -1.25, 3, 0.75, 1.5, 2.25, 0.25, 7, 0.625, 0, 0, 0]);
    const bytes = 32 * WITH_SCALARS.length;
    const result = await launch({ library, kernel: 'test', buffers: [input, bytes], threads: 1 });
    const values = [...new Float32Array(output(result))];
    const rows = WITH_SCALARS.map(([mixed], i) => [mixed, values.slice(8 * i, 8 * i + 4)]);
    expect(rows).toEqual(WITH_SCALARS.map(([mixed], i) => [mixed, values.slice(8 * i + 4, 8 * i + 8)]));
  },
);
