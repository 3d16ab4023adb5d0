// Programs with Metal's tensors in memory: what compiles, and what is refused by name.

import { describe, expect, test } from 'vitest';

import { checkHost } from '../../generator/compile/host.js';
import { compilePtx } from '../../generator/compile/ptx.js';
import { check, errorsOf, testCache } from './support.js';

const PRELUDE = `#include <metal_stdlib>
#include <metal_tensor>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace metal;
using namespace mpp::tensor_ops;
`;

const kernel = (body: string): string => `${PRELUDE}
kernel void k(device half* h [[buffer(0)]], device float* o [[buffer(1)]], constant int& K [[buffer(2)]], constant half* c [[buffer(3)]], threadgroup half* g [[threadgroup(0)]]) {
${body}
}`;

const TENSORS = `auto a = tensor(h, dextents<int32_t, 2>(K, 64));
auto b = tensor(g, dextents<int32_t, 2>(48, K), array<int, 2>({1, 50}));
auto d = tensor(o, dextents<int32_t, 2>(48, 64));
`;
const OPERATION = `${TENSORS} matmul2d<matmul2d_descriptor(64, 48, dynamic_length_v<int>), execution_simdgroups<4>> op;`;

test.each([
  [
    'extents that are known',
    'extents<int, 8, 4> e; static_assert(e.rank() == 2 && e.static_extent(1) == 4, "");',
  ],
  [
    'extents that are known in part',
    'extents<int, dynamic_extent, 4> e(K); o[0] = e.extent(0) + e.extent(1); static_assert(e.rank_dynamic() == 1, "");',
  ],
  ['extents in braces', 'dextents<int, 2> e{K, 4}; o[0] = e.extent(0);'],
  ['extents of an array', 'dextents<uint, 3> e(array<uint, 3>{1, 2, 3}); o[0] = e.extent(2);'],
  [
    'a tensor named by its type, in each space',
    `tensor<device half, dextents<int, 2>, tensor_inline> a(h, dextents<int, 2>(8, K));
     tensor<threadgroup half, extents<int, 8, 8>, tensor_inline> b(g);
     tensor<constant half, dextents<int, 1>, tensor_inline> d(c, dextents<int, 1>(K));
     a[array<int, 2>{1, 2}] = b[array<int, 2>{3, 4}] + d[5];`,
  ],
  [
    'what tensors say of themselves',
    `${TENSORS} o[0] = a.get_extent(0) * b.get_stride(1) + d.extents().extent(1); static_assert(a.get_rank() == 2, "");`,
  ],
  [
    'slices',
    `${TENSORS} auto s = a.slice(1, 2); static_assert(is_same_v<decltype(s), decltype(a)>, "");
     auto t = a.slice<16, dynamic_extent>(K, 2); auto u = b.static_slice<8, 8>(0, 0);
     static_assert(t.get_static_extent(0) == 16 && u.get_static_extent(1) == 8, ""); o[0] = t.get_extent(1);`,
  ],
  ['a product to memory', `${OPERATION} op.run(a, b, d);`],
  [
    'a product of slices to a cooperative tensor',
    `${OPERATION} auto r = op.get_destination_cooperative_tensor<decltype(a), decltype(b), float>();
     auto s = a.slice(8, 0); op.run(s, b, r); r.store(d.slice(0, 8)); r.load(d);
     for (ushort i = 0; i < r.get_capacity(); i++) if (r.is_valid_element(i)) { auto at = r.get_multidimensional_index(i); r[i] += at[0]; }
     for (auto i = r.begin(); i != r.end(); i++) { auto at = i.get_multidimensional_index(); *i += at[1]; }`,
  ],
  [
    'the extent that is known at run time only, as an integer',
    `${TENSORS} constexpr auto e = matmul2d_descriptor(64, 48, static_cast<int>(dynamic_extent)); matmul2d<e, execution_simdgroup> op; op.run(a, b, d);`,
  ],
])('accepted: %s', async (_, body) => {
  const outcome = await check(kernel(body));
  expect(outcome.diagnostics).toEqual([]);
  expect(outcome.ok).toBe(true);
});

describe('not supported', () => {
  test.each([
    ['tensors that are arguments of kernels', 'tensor<device half, dextents<int, 2>> t(h);'],
    [
      'matmul2d of tensors that have not two dimensions',
      `${OPERATION} auto e = tensor(h, dextents<int, 1>(8)); op.run(e, b, d);`,
    ],
    [
      'cooperative tensors of other types',
      `${OPERATION} auto e = tensor((device short*)h, dextents<int, 2>(8, 8)); op.run(e, b, d);`,
    ],
    ['tensor[x, y] without an array', `${TENSORS} o[0] = a[1, 2];`],
    [
      'matmul2d of a tensor in memory and a cooperative tensor',
      `${TENSORS} matmul2d<matmul2d_descriptor(16, 32, 16), execution_simdgroup> op;
       auto l = op.get_left_input_cooperative_tensor<half, half, float>(); op.run(l, b, d);`,
    ],
  ])('%s', async (feature, body) => {
    const messages = errorsOf(await check(kernel(body))).map(({ message }) => message);
    expect(messages.join('\n')).toContain(`not supported: ${feature}`);
  });

  test('tensors that are arguments of kernels', async () => {
    const text = `${PRELUDE}kernel void k(tensor<device half, dextents<int, 2>, tensor_handle> a [[buffer(0)]]) {}`;
    const messages = errorsOf(await check(text)).map(({ message }) => message);
    expect(messages).toContain('not supported: tensor_handle (tensors that are arguments of kernels)');
  });

  test('products of tensors in memory on NVIDIA GPUs', async () => {
    const outcome = await compilePtx(
      { path: 'tensor.metal', text: kernel(`${OPERATION}\nop.run(a, b, d);`) },
      { cacheDir: testCache },
    );
    expect(outcome.ok).toBe(false);
    expect(errorsOf(outcome)[0]?.message).toContain(
      'not supported: matmul2d of tensors in memory on NVIDIA GPUs',
    );
  });
});

describe('wrong', () => {
  test.each([
    [
      'does not have this combination of element types',
      `${OPERATION} auto e = tensor((device int*)o, dextents<int, 2>(48, 64)); op.run(a, b, e);`,
    ],
    [
      'a cooperative tensor and its tensor in memory have one element type',
      `${OPERATION} auto r = op.get_destination_cooperative_tensor<decltype(a), decltype(b), float>(); r.store(a);`,
    ],
    ['slice takes one position for each dimension', `${TENSORS} auto s = a.slice(1);`],
    [
      'no matching member function',
      `${OPERATION} matmul2d<matmul2d_descriptor(32, 48), execution_simdgroups<4>> other;
       auto r = other.get_destination_cooperative_tensor<decltype(a), decltype(b), float>(); op.run(a, b, r);`,
    ],
  ])('%s', async (message, body) => {
    expect(
      errorsOf(await check(kernel(body)))
        .map((error) => error.message)
        .join('\n'),
    ).toContain(message);
  });
});

test('before Metal 4 there are none', async () => {
  const outcome = await checkHost(
    { path: 'tensor.metal', text: kernel(TENSORS) },
    { cacheDir: testCache, mslVersion: '3.2' },
  );
  expect(outcome.ok).toBe(false);
});
