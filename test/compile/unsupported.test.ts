// What is not supported is refused by name, at the line of the program, and names of the program's own are left alone.

import { describe, expect, test } from 'vitest';

import { check, errorsOf, kernel, PRELUDE } from './support.js';

const ONE = 'device float* o [[buffer(0)]]';

describe('refused', () => {
  test.each([
    ['texturecube_array', `kernel void k(texturecube_array<half> t [[texture(0)]], ${ONE}) { o[0] = 1; }`],
    ['sampler', 'kernel void k(array<sampler, 2> s [[sampler(0)]]) {}'],
    ['vertex functions', 'static vertex float4 v(uint i [[vertex_id]]) { return 1; }'],
    ['fragment functions', '[[early_fragment_tests]] fragment half4 f() { return 1; }'],
    ['mesh', 'using M = metal::mesh<float4, void, 3, 1, topology::triangle>;'],
    ['mesh_grid_properties', 'void f(mesh_grid_properties p);'],
    ['visible_function_table', 'kernel void k(visible_function_table<float(float)> t [[buffer(0)]]) {}'],
    ['raytracing', '#include <metal_raytracing>\nusing namespace metal::raytracing;'],
    ['raytracing', `kernel void k(${ONE}) { metal::raytracing::ray r; *o = 1; }`],
    ['intersector', `kernel void k(${ONE}) { intersector<triangle_data> i; *o = 1; }`],
    ['imageblock', 'struct P { half4 c; }; kernel void k(imageblock<P> b) {}'],
    ['command_buffer', 'struct A { command_buffer c [[id(0)]]; };'],
    ['interpolant', 'struct I { interpolant<float2, interpolation::perspective> t; };'],
    [
      'stage_in',
      `struct I { float4 a [[attribute(0)]]; }; kernel void k(I in [[stage_in]], ${ONE}) { o[0] = in.a.x; }`,
    ],
    ['raster_order_group', 'kernel void k(device float* o [[buffer(0), raster_order_group(0)]]) { *o = 1; }'],
    ['amplification_id', `kernel void k(${ONE}, uint a [[amplification_id]]) { *o = a; }`],
    ['dfdx', 'float f(float x) { return dfdx(x); }'],
    ['discard_fragment', 'void f() { discard_fragment(); }'],
    ['simdgroup_event', `kernel void k(${ONE}) { simdgroup_event e; *o = 1; }`],
    ['rgba8unorm', 'kernel void k(device rgba8unorm<half4>* o) {}'],
    [
      'arrays of buffers',
      `kernel void k(array<device float*, 4> x [[buffer(0)]], device float* o [[buffer(5)]]) { *o = 1; }`,
    ],
  ])('%s: %s', async (name, text) => {
    const errors = errorsOf(await check(PRELUDE + text));
    expect(errors.map(({ message }) => message).join('\n')).toContain(`not supported: ${name}`);
    expect(errors.every(({ file, line }) => file === 'program.metal' && line >= 3)).toBe(true);
  });
});

test("names of the program's own", async () => {
  const program = kernel(
    'mesh m; m.raytracing = 1; float sampler = 2, interpolant = dfdx(m.raytracing); o[i] = sampler + interpolant + m.intersector;',
    'struct mesh { float raytracing, intersector; }; float dfdx(float x) { return x; }',
  );
  expect((await check(program)).diagnostics).toEqual([]);
});
