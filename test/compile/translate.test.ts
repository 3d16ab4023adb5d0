import { describe, expect, test } from 'vitest';

import { programOf, translateText } from './support.js';

describe('address spaces and words', () => {
  test('are respelled', () => {
    expect(programOf('void f(device float* a, constant int& b, threadgroup half* c, thread uint& d);')).toBe(
      'void f(__global float* a, __MSL_CONSTANT int& b, __local half* c, uint& d);',
    );
  });

  test('names that the dialect reserves are renamed', () => {
    expect(programOf('void f() { int local = 1; float generic = 2.0; atomic_uint a; }')).toBe(
      'void f() { int msl_local = 1; float msl_generic = 2.0f; msl_atomic_uint a; }',
    );
  });

  test('access specifiers are no address spaces', () => {
    expect(programOf('class A : private B { private: int x; };')).toContain(
      'class A : private B { private: int x;',
    );
  });

  test('literals become float', () => {
    expect(programOf('void f() { g(1.0, .5, 1e3, 0x1p-2, 1.0f, 2.0h, 3, 1.5bf); }')).toBe(
      'void f() { g(1.0f, .5f, 1e3f, 0x1p-2f, 1.0f, 2.0h, 3, bfloat(1.5f)); }',
    );
  });

  test('casts', () => {
    expect(
      programOf(
        'void f() { x = static_cast<half>(y); p = static_cast<device int*>(q); r = const_cast<T*>(s); }',
      ),
    ).toBe('void f() { x = __msl_cast<half>(y); p = static_cast<__global int*>(q); r = ((T*)(s)); }');
  });
});

describe('attributes', () => {
  test('are taken out where only Metal knows them', () => {
    expect(
      programOf('[[kernel]] void k(device int* a [[buffer(0)]], uint i [[thread_position_in_grid]]) {}'),
    ).toBe('static void k(__global int* a , uint i ) {}');
    expect(programOf('void f([[maybe_unused]] int a) { int b = c[d[0]]; }')).toBe(
      'void f([[maybe_unused]] int a) { int b = c[d[0]]; }',
    );
  });

  test('say where arguments come from', () => {
    const { kernels } =
      translateText(`kernel void k(device const float* a [[buffer(2)]], device float* b, constant int& n [[buffer(0), function_constant(f)]],
      threadgroup half* t [[threadgroup(1)]], ushort2 p [[thread_position_in_grid]]) {}`);
    expect(kernels).toHaveLength(1);
    expect(
      kernels[0]?.parameters.map(({ kind, index, name, access, isConditional }) => [
        kind,
        index,
        name,
        access,
        isConditional,
      ]),
    ).toEqual([
      ['buffer', 2, 'a', 'read', false],
      ['buffer', 1, 'b', 'read_write', false],
      ['buffer', 0, 'n', 'read', true],
      ['threadgroup', 1, 't', 'read_write', false],
      ['builtin', 0, 'p', 'read_write', false],
    ]);
  });

  test('buffer indices may be enumerators and constants', () => {
    const { kernels } = translateText(`enum Slot { first, second = 4, third };
      constant constexpr int base = 2;
      kernel void k(device int* a [[buffer(third)]], device int* b [[buffer(base + 1)]]) {}`);
    expect(kernels[0]?.parameters.map((parameter) => parameter.index)).toEqual([5, 3]);
  });

  test('thread limits may use template parameters', () => {
    const { kernels } = translateText(`template <typename T, int WM, int WN = 4>
      [[kernel, max_total_threads_per_threadgroup(WM * WN * 32)]] void k(device T* a [[buffer(0)]]) {}
      template [[host_name("k_half")]] [[kernel]] decltype(k<half, 2>) k<half, 2>;
      template [[host_name("k_float")]] [[kernel]] decltype(k<float, 1, 1>) k<float, 1, 1>;`);
    expect(kernels.map((kernel) => [kernel.name, kernel.maxTotalThreadsPerThreadgroup])).toEqual([
      ['k_half', 256],
      ['k_float', 32],
    ]);
  });
});

describe('kernels', () => {
  test('every way to instantiate one', () => {
    const { kernels, findings } = translateText(`
      kernel void plain(device int* a) {}
      [[kernel]] [[host_name("renamed")]] void other(device int* a) {}
      namespace deep { template <typename T> kernel void t(device T* a) {} }
      typedef decltype(deep::t<int>) fn;
      template [[host_name("by_typedef")]] kernel fn deep::t<int>;
      template [[host_name("by_decltype")]] [[kernel]] decltype(deep::t<float>) deep::t<float>;
      template [[host_name("by_" "parameters")]] kernel void deep::t(device half* a);`);
    expect(findings).toEqual([]);
    expect(kernels.map((kernel) => kernel.name)).toEqual([
      'plain',
      'renamed',
      'by_typedef',
      'by_decltype',
      'by_parameters',
    ]);
  });

  test('only those asked for get an entry', () => {
    const text = 'kernel void a(device int* x) {} kernel void b(device int* x) {}';
    const { kernels, entries } = translateText(text, { only: ['b'] });
    expect(kernels.map((kernel) => kernel.name)).toEqual(['a', 'b']);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toContain('decltype(::b)');
  });

  test('the entry of a PTX kernel takes addresses up to the largest index, then threadgroup offsets', () => {
    const text =
      'kernel void my_kernel(device int* x [[buffer(2)]], threadgroup int* t [[threadgroup(3)]]) {}';
    expect(translateText(text, { target: 'ptx' }).entries[0]).toContain(
      '__MSL_ENTRY void my_kernel(ulong b0, ulong b1, ulong b2, uint t3)',
    );
  });
});

describe('methods', () => {
  test('this is a generic pointer unless the method says device or threadgroup', () => {
    const program =
      programOf(`struct S { S(int a) thread : x(a) {} int get() const { return x; } int far() const device { return x; }
      int near() threadgroup const { return x; } int here() const thread { return x; } int there() const constant { return x; }
      static int zero() { return 0; } S& operator=(thread const S& o) = default; int x; };`);
    expect(program).toContain('S(int a) : x(a)');
    expect(program).toContain('int get() const {');
    expect(program).toContain('int far() const __global {');
    expect(program).toContain('int near() const __local {');
    expect(program).toContain('int here() const {');
    expect(program).toContain('int there() const {');
    expect(program).toContain('static int zero() {');
    expect(program).toContain('( const S& o) = default;');
  });

  test('one method serves for thread and constant memory, where both do the same', () => {
    const same = programOf('struct S { int f() const { return 1; } int f() const constant { return 1; } };');
    expect(same).toBe('struct S { int f() const { return 1; } };');
    const other = programOf('struct S { int f() const { return 1; } int f() const constant { return 2; } };');
    expect(other).toBe(
      'struct S { int f() const { return 1; } int __msl_constant_f() const { return 2; } };',
    );
  });

  test('also outside of the class', () => {
    expect(
      programOf(
        'template <typename T> struct S { int f(); }; template <typename T> int S<T>::f() { return 1; }',
      ),
    ).toContain('int S<T>::f() { return 1; }');
  });

  test('classes stay as they are', () => {
    for (const text of [
      'struct S { int x; };',
      'struct S { S(int); int x; };',
      'union U { int x; float f; };',
    ])
      expect(programOf(text)).toBe(text);
  });
});

describe('expressions and locals', () => {
  test('the operands of conditionals become values', () => {
    expect(programOf('void f() { x = a ? b[i] : c; y = a ? 1 : 2; z = a ? b : c ? d : e; }')).toBe(
      'void f() { x = a ? __msl_value(b[i]) : __msl_value(c); y = a ? 1 : 2; z = a ? __msl_value(b) : c ? __msl_value(d) : __msl_value(e); }',
    );
  });

  test('a conditional as template argument ends with the list', () => {
    expect(programOf('struct A {}; void f() { A<x ? y : z>(1, 2); }')).toContain(
      'A<x ? __msl_value(y) : __msl_value(z)>(1, 2)',
    );
  });

  test('threadgroup variables share memory', () => {
    const program = programOf(
      'kernel void k(device int* a) { threadgroup half x[2][8], y; threadgroup_barrier(mem_flags::mem_none); }',
    );
    expect(program).toContain('typedef half __msl_threadgroup_0 [ 2 ] [ 8 ];');
    expect(program).toContain(
      '__local __msl_threadgroup_0& x = *(__local __msl_threadgroup_0*)__MSL_THREADGROUP(__msl_threadgroup_0, 1, "x");',
    );
    expect(program).toContain('__msl_align_up(__msl_threadgroup_0_end, alignof(__msl_threadgroup_1))');
    expect(program).toContain('threadgroup_barrier(mem_flags::mem_none);');
  });

  test('a vector with too few initialisers is filled with zeros', () => {
    expect(programOf('void f() { float4 v = {a, b}; float4 w{a}; float2 x = {a, b}; }')).toBe(
      'void f() { float4 v = __msl_braced<float4>(a, b); float4 w= __msl_braced<float4>(a); float2 x = {a, b}; }',
    );
  });

  test('also behind other variables', () => {
    expect(programOf('void f() { float4 v, w = {a}, x{b, c}; }')).toBe(
      'void f() { float4 v, w = __msl_braced<float4>(a), x= __msl_braced<float4>(b, c); }',
    );
  });

  test('function pointers in template parameters and aliases become references', () => {
    expect(programOf('template <void (*f)(int)> void g() { f(1); } typedef void (*h)(int);')).toBe(
      'template <void (&f)(int)> void g() { f(1); } typedef void (&h)(int);',
    );
  });
});

describe('function constants', () => {
  const source = `constant bool flag [[function_constant(3)]];
    constant int size [[function_constant(10 + 1)]];
    constant bool derived = flag && size > 2;
    void f(int derived) { int x = derived; }
    kernel void k(device int* a) { a[0] = derived ? size : is_function_constant_defined(size); a.derived = 1; }`;

  test('are data on the host, with storage for each', () => {
    const { program, storage, constants } = translateText(source);
    expect(constants).toEqual([
      { index: 3, name: 'flag', type: 'bool', symbol: '__msl_constant_3' },
      { index: 11, name: 'size', type: 'int', symbol: '__msl_constant_11' },
    ]);
    expect(storage.match(/__MSL_CONSTANT_STORAGE/gu)).toHaveLength(2);
    expect(program).toContain('extern const __global bool flag __asm__(__MSL_SYMBOL("__msl_constant_3"));');
  });

  test('what is computed from them is computed at each use, unless hidden or a member', () => {
    const program = programOf(source);
    expect(program).toContain('bool __msl_derived_derived () { return flag && size > 2; }');
    expect(program).toContain('void f(int derived) { int x = derived; }');
    expect(program).toContain('a[0] = __msl_derived_derived() ? __msl_value(size)');
    expect(program).toContain('a.derived = 1');
    expect(program).toContain('__msl_is_defined_size()');
  });

  test('are baked into PTX', () => {
    const program = programOf(source, { target: 'ptx', constantValues: { 3: true } });
    expect(program).toContain('static constexpr const __global bool flag = bool(true);');
    expect(program).toContain('static constexpr bool __msl_is_defined_size() { return false; }');
    expect(program).toContain('const __global bool derived = flag && size > 2;');
  });

  test('have the types behind their names', () => {
    const { constants } = translateText(
      'typedef ushort2 Extent; using Scale = half; constant Extent a [[function_constant(0)]]; constant Scale b [[function_constant(1)]];',
    );
    expect(constants.map(({ type }) => type)).toEqual(['ushort2', 'half']);
  });

  test('vectors are baked into PTX by component', () => {
    const program = programOf(
      'constant half2 a [[function_constant(0)]]; constant float4 b [[function_constant(1)]];',
      { target: 'ptx', constantValues: { 0: [0.5, 2] } },
    );
    expect(program).toContain('half2 a = half2(0.5f, 2);');
    expect(program).toContain('float4 b = float4(0);');
  });

  test('one index cannot have two types', () => {
    const { findings } = translateText(
      'constant int a [[function_constant(0)]]; constant bool b [[function_constant(0)]];',
    );
    expect(findings.map((finding) => finding.message)).toEqual([
      "function_constant(0) is 'int a' and 'bool b'",
    ]);
  });
});

test('a program of 11,000 lines is translated in well under two seconds', () => {
  const one = `template <typename T> kernel void k#(device const T* a [[buffer(0)]], device float* b [[buffer(1)]],
    threadgroup float* t [[threadgroup(0)]], uint i [[thread_position_in_grid]]) {
  threadgroup float tile[64];
  const float x = a[i] > 0 ? float(a[i]) * 2.0 : t[i];
  for (uint j = 0; j < 8; j++) { tile[j] = x + b[j]; }
  b[i] = tile[i & 7];
}
typedef decltype(k#<half>) k#_t;
template [[host_name("k#_half")]] kernel k#_t k#<half>;
template [[host_name("k#_float")]] kernel k#_t k#<float>;
`;
  const text = Array.from({ length: 1100 }, (_, index) => one.replaceAll('#', String(index))).join('');
  // Time of the processor: other work on the machine must not matter.
  const start = process.cpuUsage();
  const { kernels, findings } = translateText(text);
  expect(process.cpuUsage(start).user / 1e6).toBeLessThan(2);
  expect(kernels).toHaveLength(2200);
  expect(findings).toEqual([]);
});
