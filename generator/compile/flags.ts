// Every compiler flag, in one table per purpose.

import type { MslVersion } from './types.js';

/** What a program is compiled for. */
export type CompileTarget = 'host' | 'host-instrumented' | 'ptx' | 'ptx-ordered';

const EXTENSIONS = [
  '-all',
  '+cl_khr_fp16',
  // Only the library uses it, inside of precise functions; programs that say `double` are rejected before.
  '+cl_khr_fp64',
  '+__opencl_c_fp64',
  '+__cl_clang_function_pointers',
  '+__cl_clang_bitfields',
  '+__cl_clang_variadic_functions',
  '+__opencl_c_generic_address_space',
  '+__opencl_c_program_scope_global_variables',
].join(',');

const LANGUAGE = [
  '-x',
  'cl',
  '-cl-std=clc++2021',
  '-cl-no-stdinc',
  '-cl-fp32-correctly-rounded-divide-sqrt',
  '-fdeclspec',
  '-fno-strict-aliasing',
  '-ffp-contract=on',
  // Floats beyond an integer's range become its nearest number, as on GPUs.
  '-fno-strict-float-cast-overflow',
  '-Xclang',
  `-cl-ext=${EXTENSIONS}`,
  // The key of the precompiled header says all that the compiler would check, and does not mind moved files.
  '-Xclang',
  '-fno-validate-pch',
  // half and bfloat round after every operation.
  '-Xclang',
  '-ffloat16-excess-precision=none',
  '-Xclang',
  '-fbfloat16-excess-precision=none',
] as const;

const DIAGNOSTICS = [
  '-Wno-everything',
  '-Wc++11-narrowing',
  '-Wimplicit-float-conversion',
  '-ferror-limit=0',
  '-fno-caret-diagnostics',
  '-fno-color-diagnostics',
  '-fno-diagnostics-show-option',
  '-fno-elide-type',
] as const;

/** Whether subnormals count as zeros is chosen when kernels run: nothing may be computed beforehand that depends on it. */
const SUBNORMALS = '-fdenormal-fp-math=dynamic';

const HOST = ['-O2', '-fPIC', '-fvisibility=hidden', '-fno-ident', SUBNORMALS] as const;

/** Outlined callbacks see every access; vectorised code would merge some of them. */
const WATCH_ACCESSES = [
  '-fsanitize=kernel-hwaddress',
  '-mllvm',
  '-hwasan-instrument-with-calls=1',
  '-mllvm',
  '-hwasan-instrument-stack=0',
  '-mllvm',
  '-hwasan-instrument-atomics=0',
  '-mllvm',
  '-hwasan-kernel-mem-intrinsic-prefix=1',
  '-fno-vectorize',
  '-fno-slp-vectorize',
] as const;

/** Indices of arrays are compared with their lengths. The driver knows the option for C++ alone. */
const WATCH_INDICES = [
  '-Xclang',
  '-fsanitize=array-bounds',
  '-Xclang',
  '-fsanitize-recover=array-bounds',
] as const;

/** Accesses to a thread's own variables by way of pointers, as far as the optimiser sees which variable it is. */
const WATCH_LOCALS = [
  '-Xclang',
  '-fsanitize=local-bounds',
  '-Xclang',
  '-fsanitize-recover=local-bounds',
] as const;

const INSTRUMENT = [
  ...WATCH_ACCESSES,
  ...WATCH_INDICES,
  '-gline-tables-only',
  '-DMSL_INSTRUMENTED=1',
] as const;

const PTX = [
  '-O2',
  '--target=nvptx64-nvidia-cuda',
  '-march=sm_90',
  '-Xclang',
  '-target-feature',
  '-Xclang',
  '+ptx80',
];

/** Instructions of float take subnormals for zeros, operands and results; those of half and double keep them. */
export const FLUSH_ON_CUDA = ['-Xclang', '-fdenormal-fp-math-f32=preserve-sign,preserve-sign'] as const;

/** Variables larger than a page touch each: no stack ends without the page behind it being noticed. */
const PROBED = '-fstack-clash-protection';

/**
 * The processor that kernels run on. x86-64 needs AVX2, FMA and F16C, and barriers there call the engine from where a
 * function may think that it calls nothing: below the stack pointer nothing is safe. On Arm the half precision
 * instructions stay unused: they would fuse multiplications with additions, where x86-64 rounds twice.
 */
const PROCESSORS: Readonly<Record<string, readonly string[]>> = {
  'linux-x64': ['--target=x86_64-linux-gnu', '-march=x86-64-v3', '-mno-red-zone', PROBED],
  'linux-arm64': ['--target=aarch64-linux-gnu', '-march=armv8.1-a', PROBED],
  'darwin-x64': ['--target=x86_64-apple-macosx11.0', '-march=x86-64-v3', '-mno-red-zone'],
  'darwin-arm64': [
    '--target=arm64-apple-macosx11.0',
    '-march=armv8.1-a',
    '-Xclang',
    '-target-feature',
    '-Xclang',
    '-fullfp16',
  ],
};

/** Flags for the machine that this runs on, or for another one by its Node name (`linux-arm64`). */
export function processorFlags(
  machine = `${process.platform}-${process.arch}`,
): readonly string[] | undefined {
  return PROCESSORS[machine];
}

/** Flags of the second stage, also those of the precompiled header. */
export function compileFlags(target: CompileTarget, processor: readonly string[]): string[] {
  switch (target) {
    case 'host':
      return [...LANGUAGE, ...DIAGNOSTICS, ...HOST, ...processor];
    case 'host-instrumented':
      return [...LANGUAGE, ...DIAGNOSTICS, ...HOST, ...processor, ...INSTRUMENT];
    case 'ptx':
      return [...LANGUAGE, ...DIAGNOSTICS, ...PTX];
    case 'ptx-ordered':
      return [...LANGUAGE, ...DIAGNOSTICS, ...PTX, '-DMSL_MATRIX_ORDERED=1'];
  }
}

/** Flags of the step from LLVM's intermediate representation to an object. */
export function objectFlags(instrumented: boolean, processor: readonly string[]): string[] {
  return [
    '-x',
    'ir',
    ...HOST,
    ...processor,
    ...(instrumented ? [...WATCH_ACCESSES, ...WATCH_LOCALS] : []),
    '-Wno-everything',
  ];
}

/** Leaves a program as it was written, and one that was optimised as it is. */
export const UNOPTIMISED = ['-Xclang', '-disable-llvm-passes'] as const;

/** Flags of the steps towards PTX that start from LLVM's intermediate representation. */
export const PTX_REPRESENTATION = ['-x', 'ir', ...PTX, '-Wno-everything', '-S'] as const;

/** Everything becomes part of its kernel, as on any GPU: a call would keep in memory what it is given by reference. */
export const PTX_INLINE = ['-mllvm', '-inline-threshold=1000000'] as const;

/** For programs that keep variables in memory otherwise: loops that index them go away. */
export const PTX_UNROLL = ['-mllvm', '-unroll-threshold=16000'] as const;

/** Flags of the preprocessor: Metal's predefined macros and nothing of the machine. */
export function preprocessFlags(version: MslVersion): string[] {
  const number = Number(version.replace('.', '')) * 10;
  return [
    '-E',
    '-x',
    'c++',
    '-std=c++17',
    '-nostdinc',
    '-undef',
    '-w',
    '-fno-caret-diagnostics',
    '-fno-color-diagnostics',
    '-D__METAL__=1',
    `-D__METAL_VERSION__=${number}`,
    '-D__METAL_MACOS__=1',
    '-D__HAVE_SIMDGROUP__=1',
    '-D__HAVE_SIMDGROUP_MATRIX__=1',
    '-D__HAVE_QUADGROUP__=1',
    ...(number >= 310 ? ['-D__HAVE_BFLOAT__=1'] : []),
  ];
}
