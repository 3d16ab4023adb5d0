// The words of Metal that mean something else, or nothing, in the dialect that stock clang compiles.

/** Metal's address spaces, and how the compiler spells them. */
export const ADDRESS_SPACES: ReadonlyMap<string, string> = new Map([
  ['device', '__global'],
  ['threadgroup', '__local'],
  ['constant', '__MSL_CONSTANT'],
  ['thread', ''],
]);

/** Names that are free in Metal but taken in the compiler's dialect; the library's headers define the renamed types. */
const TAKEN =
  'local global generic private pipe read_only write_only read_write vec_step addrspace_cast event_t queue_t sampler_t ' +
  'clk_event_t reserve_id_t atomic_int atomic_uint atomic_float atomic_bool atomic_ulong atomic_long atomic_flag ' +
  'atomic_double atomic_size_t atomic_ptrdiff_t atomic_intptr_t atomic_uintptr_t image1d_t image2d_t image3d_t';

export const RENAMED: ReadonlyMap<string, string> = new Map(
  TAKEN.split(' ').map((word) => [word, `msl_${word}`]),
);

const SCALARS = 'bool char uchar short ushort int uint long ulong half float bfloat'.split(' ');
const OTHER_SCALARS =
  'void size_t ptrdiff_t int8_t uint8_t int16_t uint16_t int32_t uint32_t int64_t uint64_t unsigned signed';

/** Names of vector types with the number of their components. */
export const VECTOR_TYPES: ReadonlyMap<string, number> = new Map(
  SCALARS.flatMap((scalar) => [2, 3, 4].map((size) => [`${scalar}${size}`, size] as const)),
);

/** Scalar and vector types that need no declaration. */
export const BUILTIN_TYPES: ReadonlySet<string> = new Set([
  ...SCALARS,
  ...OTHER_SCALARS.split(' '),
  ...VECTOR_TYPES.keys(),
]);

export function isMatrixType(word: string): boolean {
  return /^(?:float|half)[234]x[234]$/u.test(word);
}

/** Class templates of the library; a `<` behind them opens arguments even where it could compare. */
export const LIBRARY_TEMPLATES: ReadonlySet<string> = new Set([
  'vec',
  'array',
  'integral_constant',
  'bool_constant',
  'conditional_t',
  'simdgroup_matrix',
]);
