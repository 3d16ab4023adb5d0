// How the buffers of a layer's kernels are made from the tensors of a checkpoint: one recipe for each buffer. The schema is the only
// definition; hosts read recipes in the manifest, `moegen validate --model` follows them.

import { z } from 'zod';
import { TENSOR_ROLES } from './block.js';
import { ACTIVATION_DTYPES } from './dtypes.js';
import { PLANE_SUFFIXES } from './weights.js';

/**
 * - copy: the bytes of the tensor, as they lie
 * - convert: each number in the element type of the binding, rounded to nearest even where that holds fewer bits
 * - affine: codes and zero points of an integer matrix into MLX's affine planes, row by row [columns, terms]: codes lowest bits first, for
 *   each group its scale, and the offset -zero * scale, exactly
 */
const RECIPE_OPERATIONS = ['copy', 'convert', 'affine'] as const;

/**
 * Whose words lie how, and what the zero points mean; `gptq` stores them less one, `int8` has signed bytes, codes and zero points, and
 * `int8_tensor` one scale for the matrix.
 */
const integerLayout = z.strictObject({
  kind: z.enum(['gptq', 'gptq_v2', 'awq', 'compressed-tensors', 'int8', 'int8_tensor']),
  bits: z.union([z.literal(2), z.literal(3), z.literal(4), z.literal(8)]),
  columns: z.int().positive(),
  terms: z.int().positive(),
  /** Terms of a group, of which the last may hold fewer; null for a row. */
  group: z.int().positive().nullable(),
  scaleType: z.enum(ACTIVATION_DTYPES),
});

export const tensorRecipe = z.strictObject({
  role: z.enum(TENSOR_ROLES),
  /** Of a matrix, the plane that the buffer holds. */
  plane: z.enum(PLANE_SUFFIXES).optional(),
  operation: z.enum(RECIPE_OPERATIONS),
  /** Names in the file, `{layer}` and `{expert}` standing for numbers: `weight`, and for `affine` also `scales`, `zeros`, `groups`. */
  tensors: z.record(z.string(), z.string()),
  /** Element type of the tensor `weight`, as the file spells it. */
  type: z.string(),
  /** There is a tensor for each expert; they go one after the other, in their order. */
  perExpert: z.boolean(),
  /** Number of the first expert, where it is not 0. */
  firstExpert: z.int().positive().optional(),
  /** The tensor `weight` is transposed first. */
  isTransposed: z.literal(true).optional(),
  /** Of the tensor `weight` only this row is taken. */
  row: z.int().nonnegative().optional(),
  /** Of an integer matrix, as it lies in the file. */
  layout: integerLayout.readonly().optional(),
});

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export type IntegerLayout = DeepReadonly<z.output<typeof integerLayout>>;
export type TensorRecipe = DeepReadonly<z.output<typeof tensorRecipe>>;
