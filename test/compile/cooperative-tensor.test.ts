// Programs with Metal's cooperative tensors and matrix products: what compiles, for which version of the language, and what
// is refused by name.

import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { checkHost } from '../../generator/compile/host.js';
import { compilePtx } from '../../generator/compile/ptx.js';
import { check, errorsOf, fixture, programOf, testCache } from './support.js';

const PRELUDE = `#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
#include <metal_stdlib>
using namespace metal;
using namespace mpp::tensor_ops;
`;

const kernel = (body: string, before = ''): string => `${PRELUDE}${before}
kernel void k(device float* o [[buffer(0)]], device half* h [[buffer(1)]]) {
${body}
}`;

/** Integral constants as libraries define them: the result of an operator is a temporary. */
const CONSTANTS = `template <typename T, T v> struct ic { static constant constexpr T value = v; METAL_FUNC constexpr operator T() const { return value; } };
template <typename T, T a, typename U, U b> METAL_FUNC constexpr auto operator&&(ic<T, a>, ic<U, b>) { constexpr auto r = a && b; return ic<decltype(r), r>{}; }
template <typename T, T a, typename U, U b> METAL_FUNC constexpr auto operator+(ic<T, a>, ic<U, b>) { constexpr auto r = a + b; return ic<decltype(r), r>{}; }
template <typename F> void with(F f) { f(ic<bool, true>{}, ic<bool, false>{}); }`;

const OPERATION = 'constexpr auto d = matmul2d_descriptor(16, 32, 16); matmul2d<d, execution_simdgroup> op;';
const LEFT = `${OPERATION} auto a = op.get_left_input_cooperative_tensor<half, half, float>();`;

describe('accepted', () => {
  test('a large file in the style of the libraries that use them', async () => {
    const outcome = await checkHost({ path: fixture('cooperative.metal') }, { cacheDir: testCache });
    expect(outcome.diagnostics).toEqual([]);
    expect(outcome.kernels).toHaveLength(13);
    expect(outcome.ok).toBe(true);
  });

  test.each([
    [
      'a descriptor of the program',
      kernel(
        'matmul2d<d, execution_simdgroup> op; static_assert(d.m == 16, "");',
        'constant constexpr matmul2d_descriptor d(16, 32, 16);',
      ),
    ],
    [
      'a descriptor without a name',
      kernel('matmul2d<matmul2d_descriptor(16, 32, 16, true), execution_simdgroup> op;'),
    ],
    [
      'a tensor named by its type',
      kernel(
        `${OPERATION} decltype(op)::cooperative_tensor_left_input_t<half, half, float> a; a[0] = 1; auto b = a; o[0] = b[0];`,
      ),
    ],
    ['a tensor in a lambda', kernel(`${LEFT} [&]() { a[0] = 1; }(); o[0] = a[0];`)],
    [
      'a tensor as an argument',
      kernel(`${LEFT} set(a); o[0] = a[0];`, 'template <class T> void set(thread T& t) { t[0] = 1; }'),
    ],
    [
      'the tensor headers of the language',
      kernel('o[0] = 1;', '#include <metal_tensor>\n#include <metal_cooperative_tensor>\n'),
    ],
    [
      'integral constants that are added and tested',
      kernel(
        `with([&](auto x, auto y) { if constexpr (x && y) { o[0] = 1; } else { o[ic<int, 1>{} + ic<int, 2>{} + ic<int, 3>{}] = 2; } });`,
        CONSTANTS,
      ),
    ],
    [
      'vectors of eight',
      kernel(
        'vec<half, 8> v = vec<half, 8>(0); v[7] += 1; v = v * v + half(2); vec<float, 8> w(v); o[0] = w[7];',
      ),
    ],
  ])('%s', async (_, program) => {
    const outcome = await check(program);
    expect(outcome.diagnostics).toEqual([]);
    expect(outcome.ok).toBe(true);
  });

  test('names that only Metal 4 has are free before it', async () => {
    const text =
      '#include <metal_stdlib>\nusing namespace metal;\nstruct tensor { int extents; };\nkernel void k(device tensor* t) { t->extents = 1; }';
    expect((await check(text)).diagnostics).toEqual([]);
  });

  test('a constant and its type as arguments make the type that the value has', () => {
    expect(programOf('auto f() { constexpr auto r = 1; return constant<decltype(r), r>{}; }')).toContain(
      'metal::__bare<decltype(r)>',
    );
    expect(programOf('auto f() { constexpr auto r = 1; return g<decltype(r), 2>(); }')).toContain(
      'metal::remove_addrspace_t<decltype(r)>',
    );
  });
});

describe('the version of the language', () => {
  const version = 'o[0] = __METAL_VERSION__; static_assert(__METAL_VERSION__ == 400, "version");';

  test('is 4.0 for programs that include these headers and do not say', async () => {
    expect((await check(kernel(version))).diagnostics).toEqual([]);
    const other = `#include <metal_stdlib>\n${version.slice(version.indexOf('static'))}`;
    expect(errorsOf(await check(other))[0]?.message).toContain('version');
  });

  test('is what was asked for', async () => {
    const errors = errorsOf(await check(kernel(OPERATION), { mslVersion: '3.2' }));
    expect(errors[0]).toMatchObject({
      line: 4,
      message: "'tensor_ops' needs Metal 4.0; this program is compiled as Metal 3.2",
    });
  });
});

test.each([
  [
    'cooperative tensors as factors of other sizes than m, n, k = 16, 32, 16',
    'matmul2d<matmul2d_descriptor(32, 32, 32), execution_simdgroup> op; op.get_left_input_cooperative_tensor<half, half, float>();',
  ],
  [
    'cooperative tensors as factors of other sizes than m, n, k = 16, 32, 16',
    'matmul2d<matmul2d_descriptor(16, 32), execution_simdgroup> op; op.get_right_input_cooperative_tensor<half, half, float>();',
  ],
  [
    'cooperative tensors as factors in other scopes than execution_simdgroup',
    'matmul2d<matmul2d_descriptor(16, 32, 16), execution_simdgroups<4>> op; op.get_left_input_cooperative_tensor<half, half, float>();',
  ],
  ['matmul2d of this size', 'matmul2d<matmul2d_descriptor(16 + (1 << 20), 32, 16), execution_simdgroup> op;'],
  [
    'matmul2d in other scopes than execution_simdgroup and execution_simdgroups',
    'matmul2d<matmul2d_descriptor(16, 32, 16), execution_thread> op;',
  ],
  [
    'cooperative tensors of other types',
    `${OPERATION} op.get_left_input_cooperative_tensor<long, long, float>();`,
  ],
  ['cooperative_tensor::map_iterator', `${LEFT} auto i = a.map_iterator(a.begin());`],
  ['mpp::tensor_ops::reduce_rows', `${LEFT} auto b = a; reduce_rows(a, b);`],
  ['mpp::tensor_ops::convolution2d_descriptor', 'constexpr auto c = convolution2d_descriptor(1);'],
])('not supported: %s', async (feature, body) => {
  const errors = errorsOf(await check(kernel(body)));
  expect(errors.map(({ message }) => message)[0]).toContain(`not supported: ${feature}`);
  expect(errors[0]).toMatchObject({ file: 'program.metal', line: 7 });
});

test.each([
  ['half', 'half', 'bfloat'],
  ['bfloat', 'bfloat', 'half'],
  ['float', 'half', 'half'],
  ['float', 'float', 'int'],
  ['char', 'char', 'float'],
  ['uchar', 'half', 'float'],
])('%s * %s has no result of type %s', async (...types) => {
  const errors = errorsOf(
    await check(kernel(`${OPERATION} op.get_left_input_cooperative_tensor<${types.join(', ')}>();`)),
  );
  expect(errors[0]?.message).toContain('matmul2d does not have this combination of element types');
});

test('operands of another operation do not fit', async () => {
  const text = kernel(`${LEFT}
    constexpr auto e = matmul2d_descriptor(16, 32, 16, false, true);
    matmul2d<e, execution_simdgroup> other;
    auto b = other.get_right_input_cooperative_tensor<half, half, float>();
    auto c = op.get_destination_cooperative_tensor<decltype(a), decltype(b), float>();
    op.run(a, b, c);`);
  expect(errorsOf(await check(text))[0]?.message).toContain("no matching member function for call to 'run'");
});

test('for NVIDIA GPUs lanes exchange elements', async () => {
  const outcome = await compilePtx(
    { path: fixture('cooperative.metal') },
    { kernels: ['bytes'], cacheDir: testCache },
  );
  expect(outcome.diagnostics).toEqual([]);
  const text = readFileSync(outcome.library?.path ?? '', 'utf8');
  expect(text).toContain('.visible .entry bytes');
  expect(text).toContain('shfl.sync.idx');
  expect(text).not.toContain('.extern .func');
});
