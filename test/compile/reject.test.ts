// Programs that Metal's compiler rejects, by rule, with the message that each must give. Every program is also close to one
// that is right: accept.test.ts.

import { describe, expect, test } from 'vitest';

import { check, errorsOf, kernel, PRELUDE } from './support.js';

type Row = readonly [message: string, program: string];

const RULES: Readonly<Record<string, readonly Row[]>> = {
  'every pointer and reference names its address space': [
    ["pointer parameter without an address space: 'float* p'", `${PRELUDE}float f(float* p) { return *p; }`],
    ["reference parameter without an address space: 'float& p'", `${PRELUDE}void f(float& p) { p = 1; }`],
    [
      "pointer parameter without an address space: 'T* p'",
      `${PRELUDE}template <typename T> T f(T* p) { return *p; }`,
    ],
    [
      "pointer variable without an address space: 'float* p'",
      kernel('float x = 1; float* p = &x; o[i] = *p;'),
    ],
    [
      "pointer variable without an address space: 'S* p'",
      kernel('S s; S* p = &s; o[i] = p->a;', 'struct S { int a; };'),
    ],
    [
      "reference variable without an address space: 'T& r'",
      `${PRELUDE}template <typename T> void f(T x) { T& r = x; }`,
    ],
    ["pointer or reference field without an address space: 'float* p'", `${PRELUDE}struct S { float* p; };`],
    [
      "pointer or reference returned without an address space: 'float*'",
      `${PRELUDE}float* f(device float* p);`,
    ],
    [
      "pointer or reference type without an address space: 'typedef float* fp'",
      `${PRELUDE}typedef float* fp;`,
    ],
    [
      "pointer or reference type without an address space: 'using fp = float*'",
      `${PRELUDE}using fp = float*;`,
    ],
    [
      "cast to a pointer or reference without an address space: 'float*'",
      kernel('float x = 1; o[i] = *(float*)&x;'),
    ],
    [
      "cast to a pointer or reference without an address space: 'int*'",
      kernel('o[i] = *reinterpret_cast<int*>(o);'),
    ],
  ],
  'also in declarators further on, in conditions, lambdas, casts and template arguments': [
    ["pointer variable without an address space: '* p'", kernel('float x = 1, *p = &x; o[i] = *p;')],
    ["pointer variable without an address space: 'float** p'", kernel('float** p = nullptr; o[i] = 1;')],
    [
      "reference variable without an address space: 'float(& r)'",
      kernel('float x[2]; float (&r)[2] = x; o[i] = r[0];'),
    ],
    ["pointer variable without an address space: 'float* p'", kernel('if (float* p = nullptr) o[i] = *p;')],
    ["reference parameter without an address space: 'float& x'", kernel('auto l = [](float& x) { x = 1; };')],
    [
      "pointer or reference returned without an address space: 'float*'",
      kernel('auto l = [](device float* x) -> float* { return nullptr; };'),
    ],
    [
      "pointer or reference returned without an address space: 'float*'",
      `${PRELUDE}auto f(device float* p) -> float*;`,
    ],
    [
      "pointer or reference type without an address space: 'typedef float* p'",
      kernel('typedef float* p; o[i] = 1;'),
    ],
    ["pointer or reference type without an address space: 'float*'", kernel('array<float*, 2> a; o[i] = 1;')],
    [
      "pointer or reference type without an address space: 'const float*'",
      kernel('o[i] = sizeof(const float*);'),
    ],
    [
      "cast to a pointer or reference without an address space: 'T*'",
      `${PRELUDE}template <typename T> void f(device T* p) { *p = *(T*)p; }`,
    ],
    ["cast to a pointer or reference without an address space: 'void*'", kernel('o[i] = (ulong)(void*)o;')],
    [
      "cast to a pointer or reference without an address space: 'float&'",
      kernel('float x = 1; o[i] = (float&)x;'),
    ],
    [
      "cast to a pointer or reference without an address space: 'float*'",
      kernel('const float x = 1; o[i] = *const_cast<float*>(&x);'),
    ],
  ],
  'address spaces do not convert into each other': [
    ["'thread float *' with an lvalue of type 'device float *'", kernel('thread float* p = o; o[i] = *p;')],
    [
      "'threadgroup float *' with an lvalue of type 'device float *'",
      kernel('threadgroup float* p = o; o[i] = *p;'),
    ],
    [
      "'device float *' with an rvalue of type 'constant float *'",
      kernel('device float* p = &c; o[i] = *p;'),
    ],
    [
      "no matching function for call to 'f'",
      kernel('o[i] = f(o);', 'float f(thread const float* p) { return *p; }'),
    ],
    ["no matching function for call to 'f'", kernel('f(o[i]);', 'void f(thread float& p) { p = 1; }')],
    ['converts between mismatching address spaces', kernel('thread float* p = (thread float*)o; o[i] = *p;')],
    [
      "static_cast from 'device float *' to 'thread float *'",
      kernel('thread float* p = static_cast<thread float*>(o);'),
    ],
    [
      "no matching member function for call to 'get'",
      `${PRELUDE}struct S { float a; float get() { return a; } };\nkernel void k(device S* s [[buffer(0)]]) { s->get(); }`,
    ],
    [
      "no matching member function for call to 'get'",
      `${PRELUDE}struct S { float a; float get() const { return a; } };\nkernel void k(device S* s [[buffer(0)]]) { s->a = s->get(); }`,
    ],
  ],
  'references to thread memory refer to nothing else': [
    [
      "'f' takes a reference to thread memory",
      kernel('o[i] = f(o[i]);', 'float f(const thread float& x) { return x; }'),
    ],
    [
      "'f' takes a reference to thread memory",
      kernel('o[i] = f(h[i]);', 'half f(const thread half4& x) { return x.x; }'),
    ],
    [
      "'f' takes a reference to thread memory",
      kernel(
        'threadgroup int t; t = 1; o[i] = f<int>(t, 2);',
        'template <typename T> T f(T y, const thread int& x) { return x; }',
      ).replace('f<int>(t, 2)', 'f<int>(2, t)'),
    ],
  ],
  'constant memory is read only': [
    ["cannot assign to variable 'c' with const-qualified type", kernel('c = 1.0f;')],
    ["no viable overloaded '='", kernel('h[i] = half4(1);')],
    ['must be initialized', `${PRELUDE}constant float z;\n`],
    ['program scope variable must be in the constant address space', `${PRELUDE}int counter = 0;`],
    [
      'program scope variable must be in the constant address space',
      `${PRELUDE}const float table[2] = {1, 2};`,
    ],
    ["static local variable 'n' must be in the constant address space", kernel('static int n; o[i] = n;')],
  ],
  'threadgroup and device variables': [
    [
      "threadgroup variable 't' can only be declared in a kernel",
      `${PRELUDE}float f(uint i) { threadgroup float t[4]; t[i] = 1; return t[0]; }`,
    ],
    ["variable 'd' in device memory inside of a function", kernel('device float d; o[i] = 1;')],
    [
      "the kernel's threadgroup variables take more than 32768 bytes",
      kernel('threadgroup float a[8192]; threadgroup char b; a[i] = 1; b = 2; o[i] = a[0] + b;'),
    ],
    [
      'more than 32768 bytes',
      `${PRELUDE}template <int N> kernel void t(device float* o [[buffer(0)]]) { threadgroup float a[N]; a[0] = 1; o[0] = a[0]; }\ntemplate [[host_name("t")]] kernel void t<8193>(device float*);`,
    ],
  ],
  'vectors do not convert implicitly': [
    ["no viable conversion from 'const device half4' to 'float4'", kernel('float4 v = h[i]; o[i] = v.x;')],
    [
      "invalid operands to binary expression ('const device half4' and 'float4')",
      kernel('o[i] = (h[i] * float4(1)).x;'),
    ],
    ["no viable overloaded '='", kernel('half4 v = half4(0); v = float4(1); o[i] = v.x;')],
    [
      "invalid operands to binary expression ('float3' and 'float4')",
      kernel('o[i] = (float3(1) + float4(1)).x;'),
    ],
    ["no viable conversion from 'float4' to 'float'", kernel('float v = float4(1); o[i] = v;')],
    [
      "invalid operands to binary expression ('int4' and 'float4')",
      kernel('o[i] = (int4(1) & float4(1)).x;'),
    ],
    ["'bool4' is not contextually convertible to 'bool'", kernel('if (float4(1) > float4(2)) o[i] = 1;')],
    ["no viable conversion from 'bool2' to 'bool'", kernel('bool b = float2(1) == float2(2); o[i] = b;')],
    ['constructor', kernel('float2 v = float2(1, 2, 3); o[i] = v.x;')],
    ['constructor', kernel('float4 v = float4(1, 2, 3); o[i] = v.x;')],
    ['too many initialisers for a vector', kernel('float4 v = {float4(1), 2}; o[i] = v.x;')],
    ["no member named 'z' in 'float2'", kernel('o[i] = float2(1).z;')],
    ['rvalue', kernel('float4(1).xy = 2;')],
    ['rvalue', kernel('float4 v = 1; v.xyz.xy = 2; o[i] = v.x;')],
    ['no matching constructor', kernel('float2x2 m = float2x2(half2(1), half2(2)); o[i] = m[0][0];')],
    ["no swizzle 'xx' can be used this way with 'float4'", kernel('float4 v; v.xx = float2(1); o[i] = v.x;')],
    ["unknown type name 'half8'", kernel('half8 v;')],
  ],
  'bfloat converts explicitly': [
    ["no implicit conversion from 'float' to 'bfloat'", kernel('bfloat b = o[i]; o[i] = b;')],
    ["'bfloat' cannot be initialised with the float literal '1.5f'", kernel('bfloat b = 1.5f; o[i] = b;')],
    ["'bfloat' with an lvalue of type 'half'", kernel('half q = 1.0h; bfloat b = q; o[i] = b;')],
    ["'half' with an lvalue of type 'bfloat'", kernel('bfloat q = bfloat(1.0f); half b = q; o[i] = b;')],
  ],
  'no double, exceptions, run-time types, virtual functions, allocation, goto': [
    ["'double' is not supported in Metal", kernel('double d = 1; o[i] = d;')],
    ["'double' is not supported in Metal", `${PRELUDE}float f(double d) { return d; }`],
    ["'double4' is not supported in Metal", kernel('double4 d; o[i] = 1;')],
    ["'virtual' is not supported in Metal", `${PRELUDE}struct S { virtual int f(); };`],
    ["'new' is not supported in Metal", kernel('int x = *new int; o[i] = x;')],
    ["'delete' is not supported in Metal", kernel('delete o;')],
    ["'throw' is not supported in Metal", kernel('throw 1;')],
    ["'try' is not supported in Metal", kernel('try { o[i] = 1; } catch (...) {}')],
    ["'typeid' is not supported in Metal", kernel('auto& x = typeid(int);')],
    ["'dynamic_cast' is not supported in Metal", kernel('o[i] = dynamic_cast<int>(1);')],
    ["'goto' is not supported in Metal", kernel('goto x; x: o[i] = 1;')],
    ["'asm' is not supported in Metal", kernel('asm("nop");')],
    ["'long double' is not supported in Metal: '1.0l'", kernel('o[i] = 1.0l;')],
    ['variadic functions are not supported in Metal', `${PRELUDE}void f(int n, ...);`],
    ["use of undeclared identifier 'printf'", kernel('printf("x");')],
    ["'vector' file not found", `#include <vector>\n${kernel('')}`],
  ],
  'kernel parameters': [
    [
      "parameter 'uint i': no attribute says where it comes from",
      `${PRELUDE}kernel void k(device float* o [[buffer(0)]], uint i) { o[i] = 1; }`,
    ],
    [
      "kernel 'k' must return void",
      `${PRELUDE}kernel float k(device float* o [[buffer(0)]]) { return o[0]; }`,
    ],
    [
      'a buffer argument must be a pointer or reference to device or constant memory',
      `${PRELUDE}kernel void k(thread float* o [[buffer(0)]]) { *o = 1; }`,
    ],
    [
      'a buffer argument must be a pointer or reference to device or constant memory',
      `${PRELUDE}kernel void k(device float* o [[buffer(0)]], float c [[buffer(1)]]) { *o = c; }`,
    ],
    [
      'a buffer argument must be a pointer or reference to device or constant memory',
      `${PRELUDE}kernel void k(threadgroup float* t [[buffer(0)]]) { t[0] = 1; }`,
    ],
    [
      'a threadgroup argument must be a pointer or reference to threadgroup memory',
      `${PRELUDE}kernel void k(device float* t [[threadgroup(0)]]) { t[0] = 1; }`,
    ],
    [
      "parameter 'device float* b': buffer index 0 is taken by 'device float* a'",
      `${PRELUDE}kernel void k(device float* a [[buffer(0)]], device float* b [[buffer(0)]]) { *a = *b; }`,
    ],
    ['buffer index 31 is above 30', `${PRELUDE}kernel void k(device float* a [[buffer(31)]]) { *a = 1; }`],
    [
      "'later' is no constant index",
      `${PRELUDE}kernel void k(device float* a [[buffer(later)]]) { *a = 1; }`,
    ],
    ["unknown attribute 'bufer'", `${PRELUDE}kernel void k(device float* a [[bufer(0)]]) { *a = 1; }`],
    [
      "unknown attribute 'thread_pos_in_grid'",
      `${PRELUDE}kernel void k(device float* a [[buffer(0)]], uint i [[thread_pos_in_grid]]) { a[i] = 1; }`,
    ],
    [
      'a thread position must be ushort or uint',
      `${PRELUDE}kernel void k(device float* a [[buffer(0)]], float i [[thread_position_in_grid]]) { a[0] = i; }`,
    ],
    [
      'a thread position must be a vector of ushort or uint',
      `${PRELUDE}kernel void k(device float* a [[buffer(0)]], int2 i [[thread_position_in_grid]]) { a[0] = i.x; }`,
    ],
    [
      "there are two kernels 'k'",
      `${PRELUDE}kernel void k(device float* a) { *a = 1; }\nnamespace n { kernel void k(device float* a) { *a = 1; } }`,
    ],
    [
      'there is no kernel \'g\' for host_name "g_1"',
      `${PRELUDE}template <int N> void f() {}\ntemplate [[host_name("g_1")]] kernel void g<1>();`,
    ],
  ],
  'overloads are not guessed': [
    ["call to 'max' is ambiguous", kernel('o[i] = max(1, 2u);')],
    ["call to 'max' is ambiguous", kernel('o[i] = max(o[i], 1);')],
    ["call to 'exp' is ambiguous", kernel('o[i] = exp(1);')],
    ['as_type: the types differ in size', kernel('half q = as_type<half>(o[i]); o[i] = q;')],
    ["use of undeclared identifier 'foo'", kernel('o[i] = foo;')],
  ],
  'simdgroups, barriers, atomics': [
    ['simdgroup', kernel('S s; s = simd_sum(s);', 'struct S { int a; };')],
    ['8 rows', kernel('simdgroup_matrix<float, 16, 16> m;')],
    ['simdgroup_matrix has elements of type half, bfloat or float', kernel('simdgroup_matrix<int, 8, 8> m;')],
    [
      "no matching function for call to 'simdgroup_load'",
      kernel('simdgroup_matrix<half, 8, 8> m; simdgroup_load(m, o, 8);'),
    ],
    [
      "no matching function for call to 'simdgroup_load'",
      kernel('float a[64]; simdgroup_matrix<float, 8, 8> m; simdgroup_load(m, a, 8);'),
    ],
    ["no matching function for call to 'threadgroup_barrier'", kernel('threadgroup_barrier();')],
    [
      "no matching function for call to 'atomic_fetch_add_explicit'",
      `${PRELUDE}kernel void k(device uint* o [[buffer(0)]]) { atomic_fetch_add_explicit(o, 1u, memory_order_relaxed); }`,
    ],
    [
      "no matching function for call to 'atomic_fetch_add_explicit'",
      `${PRELUDE}kernel void k(device atomic_uint* o [[buffer(0)]]) { atomic_fetch_add_explicit(o, 1u, memory_order_seq_cst); }`,
    ],
  ],
  'what is not supported is named': [
    [
      'not supported: texture2d',
      `${PRELUDE}kernel void k(texture2d<float> t [[texture(0)]], device float* o [[buffer(0)]]) { o[0] = 1; }`,
    ],
    ['not supported: texture3d', kernel('texture3d<half, access::write> t;')],
    ['not supported: sampler', `${PRELUDE}constexpr sampler s(filter::linear);`],
    [
      'not supported: vertex functions',
      `${PRELUDE}vertex float4 v(device float4* p [[buffer(0)]]) { return p[0]; }`,
    ],
    ['not supported: fragment functions', `${PRELUDE}[[fragment]] float4 f() { return 1; }`],
  ],
};

for (const [rule, rows] of Object.entries(RULES)) {
  describe(rule, () => {
    test.each(rows.map(([message, program]) => ({ message, program })))(
      '$message',
      async ({ message, program }) => {
        const outcome = await check(program);
        const errors = errorsOf(outcome);
        expect(outcome.ok).toBe(false);
        expect(errors.map((error) => error.message).join('\n')).toContain(message);
        expect(
          errors.every((error) => error.file === 'program.metal' && error.line <= program.split('\n').length),
        ).toBe(true);
      },
    );
  });
}

describe('names that came later', () => {
  test.each([
    [
      '3.0',
      "'bfloat' needs Metal 3.1; this program is compiled as Metal 3.0",
      'bfloat b = bfloat(1.0f); o[i] = b;',
    ],
    ['3.0', "'bfloat4' needs Metal 3.1; this program is compiled as Metal 3.0", 'bfloat4 b; o[i] = 1;'],
    ['3.0', "'1.0bf' needs Metal 3.1", 'auto b = 1.0bf; o[i] = b;'],
    ['3.0', "'BFLT_MAX' needs Metal 3.1", 'o[i] = BFLT_MAX;'],
    ['3.0', "'simdgroup_bfloat8x8' needs Metal 3.1", 'simdgroup_bfloat8x8 b; o[i] = 1;'],
    [
      '3.1',
      "'atomic_thread_fence' needs Metal 3.2",
      'atomic_thread_fence(mem_flags::mem_device, memory_order_acquire); o[i] = 1;',
    ],
  ] as const)('Metal %s: %s', async (mslVersion, message, body) => {
    const outcome = await check(kernel(body), { mslVersion });
    expect(
      errorsOf(outcome)
        .map((error) => error.message)
        .join('\n'),
    ).toContain(message);
    expect((await check(kernel(body), { mslVersion: '3.2' })).ok).toBe(true);
  });
});
