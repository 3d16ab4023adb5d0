// The manifest's schema: what is in `manifest.json` beside the kernels, and the reader that checks it. Hosts, runners and later
// runs of the generator rely on it, so it changes with its version number only.

import { z } from 'zod';
import { MoegenError } from '../errors.js';
import { TENSOR_ROLES } from '../description/block.js';
import { ELEMENT_TYPES, type ElementType } from '../description/dtypes.js';
import { FORMULA_OPERATIONS, type FormulaTree } from '../plan/formula.js';
import { MATH_MODES } from '../plan/requirements.js';
import { PLANE_SUFFIXES } from '../description/weights.js';
import { model, path, tileOrNone } from './schema-model.js';

const formula = z
  .string()
  .describe(
    'Integers, names, + - * /, parentheses, ceil_div(a, b), floor_div(a, b), min(a, b), max(a, b); as a tree in formulas.',
  );

const element = z.enum(Object.keys(ELEMENT_TYPES) as [ElementType, ...ElementType[]]);

/** Members in order; offsets and sizes in bytes. */
const struct = z.strictObject({
  name: z.string(),
  fields: z.array(
    z.strictObject({
      name: z.string(),
      element,
      type: z.string(),
      offset: z.int().nonnegative(),
      size: z.int().positive(),
    }),
  ),
  size: z.int().positive(),
});

const binding = z.strictObject({
  index: z.int().nonnegative(),
  name: z.string(),
  element,
  type: z.string().describe('The MSL type of one element as declared in the text.'),
  struct: struct.optional(),
  asBits: z
    .literal(true)
    .optional()
    .describe('The elements are binary16, declared as ushort: the kernel decodes the bits itself.'),
  shape: z.array(formula),
  access: z
    .enum(['read', 'write', 'read_write', 'argument'])
    .describe('argument: a single value in the constant address space, given anew with every dispatch.'),
  note: z.string(),
  open: z
    .array(z.enum(['gaps', 'order']))
    .readonly()
    .optional()
    .describe(
      'What stays open about the contents that the kernel writes. gaps: elements that nobody reads stay as they were. order: the last bits, or places, depend on the order in which threadgroups arrive.',
    ),
  condition: z
    .string()
    .optional()
    .describe('Name of the bool constant without which the kernel has no such argument.'),
  role: z.enum(TENSOR_ROLES).optional().describe('The parameter of the block that the buffer holds.'),
  plane: z.enum(PLANE_SUFFIXES).optional().describe('Which plane of packed weights.'),
  matrix: z
    .tuple([formula, formula])
    .readonly()
    .optional()
    .describe('Of the plane with the codes: columns and terms of one matrix.'),
});

const functionConstant = z.strictObject({
  index: z.int().nonnegative(),
  name: z.string(),
  type: z.enum(['uint', 'bool', 'float']),
  note: z.string(),
  value: z
    .union([z.number(), z.boolean()])
    .optional()
    .describe('Baked into the text; without it the host binds one when it makes the pipeline.'),
});

const dispatch = z.strictObject({
  threadgroups: z.tuple([formula, formula, formula]),
  indirect: z
    .string()
    .optional()
    .describe(
      'Name of the buffer of three uint32 that holds the grid instead, for only the routing decides it.',
    ),
  threadsPerThreadgroup: z.tuple([z.int(), z.int(), z.int()]),
});

const tile = z.strictObject({
  blockM: z.int(),
  blockN: z.int(),
  blockK: z.int(),
  simdgroupsM: z.int(),
  simdgroupsN: z.int(),
});

const count = z.int().nonnegative();

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits');

const kernel = z.strictObject({
  name: z.string(),
  family: z.string(),
  file: z.string().describe("Path below the manifest's folder, with forward slashes."),
  summary: z.string(),
  axes: z.record(z.string(), z.string()),
  mslVersion: z.enum(['3.0', '3.1', '3.2', '4.0']),
  constants: z.array(functionConstant),
  bindings: z.array(binding),
  dispatch,
  tile: tile.optional(),
  /** Of kernels that multiply a few rows of input: how many at most, and the columns that a threadgroup computes. */
  rows: z.strictObject({ maxRows: count, columns: count }).optional(),
  threadgroupBytes: z.int().nonnegative(),
  /** Of the host: how the kernel is compiled, and at which multiple of bytes buffers start. Sets of version 0.1 lack it. */
  requires: z.strictObject({ mathMode: z.enum(MATH_MODES), alignment: z.int().positive() }).optional(),
  inputs: sha256.describe(
    'Digest of all that the text depends on: templates, plan, formatter. Equal inputs give an equal text.',
  ),
  sha256: sha256.describe('Digest of the file.'),
  xcrun: z
    .string()
    .describe('Version of the Apple compiler that accepted this text, or that none has seen it.'),
});

const selectionRule = z.strictObject({
  path,
  tile: tileOrNone,
  when: z
    .strictObject({ value: formula, limit: formula })
    .nullable()
    .describe('Holds where value is at most limit; null holds always.'),
});

/** Numbers, names, and operations with two operands: `["ceil_div", ["*", "num_tokens", "top_k"], 256]`. */
const tree: z.ZodType<FormulaTree> = z.lazy(() =>
  z.union([z.number(), z.string(), z.tuple([z.enum(FORMULA_OPERATIONS), tree, tree]).readonly()]),
);

const manifest = z
  .strictObject({
    schemaVersion: z
      .literal(1)
      .describe(
        'Within a version keys are only added. What removes one, renames it or changes its meaning raises the version.',
      ),
    generator: z.strictObject({ name: z.literal('moegen'), version: z.string() }),
    form: z
      .literal('flat')
      .optional()
      .describe(
        'Of sets without function constants and indirect dispatch. Constants without a value are macros, MOE_ and the name in capitals; buffers with a condition are bound in any case.',
      ),
    kernels: z.array(kernel),
    formulas: z
      .record(z.string(), tree)
      .describe(
        'Every formula of this file as a tree, for hosts without a parser: a number, a name, or [operation, left, right]. All values are integers. "/" leaves no rest.',
      ),
    sizes: z
      .record(z.string(), formula)
      .describe(
        'What formulas name beside constants and num_tokens, the number of tokens of a call; max_tiles is what to allocate for. num_tiles is at most that: only the routing decides it, and the indirect arguments hold it.',
      ),
    selection: z
      .array(selectionRule)
      .describe(
        'Which way a layer runs: the first rule that holds, of those whose path the layer has. Matrices that lie as [in, out] have no skinny path.',
      ),
    model: model.optional().describe('Only where the set is made for a model.'),
  })
  .describe('What a host needs to load, bind and dispatch the kernels of moegen.');

/** For programs that check manifests in other languages. */
export function manifestJsonSchema(): object {
  return z.toJSONSchema(manifest, { io: 'output' });
}

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export interface Manifest extends DeepReadonly<Omit<z.output<typeof manifest>, 'formulas'>> {
  readonly formulas: Readonly<Record<string, FormulaTree>>;
}
export type ManifestKernel = DeepReadonly<z.output<typeof kernel>>;

/** Sets of version 0.1 lack what stands beside their kernels. */
const readable = manifest.extend({
  formulas: manifest.shape.formulas.default({}),
  sizes: manifest.shape.sizes.default({}),
  selection: manifest.shape.selection.default([]),
});

/** Reads a manifest's text; `where` is its file, for errors. */
export function parseManifest(text: string, where: string): Manifest {
  const result = readable.safeParse(parseJson(text, where));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw unreadable(`${where}: ${issue?.path.map(String).join('.') ?? ''}`, issue?.message ?? 'invalid');
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw unreadable(where, cause instanceof Error ? cause.message : String(cause));
  }
}

function unreadable(where: string, reason: string): MoegenError {
  return new MoegenError('manifest/unreadable', `expected a manifest that moegen wrote: ${reason}`, {
    where,
    help: 'restore the file from version control, or delete it together with the kernels beside it',
  });
}
