// The manifest's schema: what is in `manifest.json` beside the kernels, and the reader that checks it. Hosts, runners and later
// runs of the generator rely on it, so it changes with its version number only.

import { z } from 'zod';
import { MoegenError } from '../errors.js';
import { LAYER_PATHS } from '../plan/layer.js';
import { ACTIVATION_DTYPES } from '../spec/dtypes.js';

const formula = z.string();

/** Members in order; offsets and sizes in bytes. */
const struct = z.strictObject({
  name: z.string(),
  fields: z.array(
    z.strictObject({
      name: z.string(),
      element: z.string(),
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
  element: z.string(),
  /** The MSL type of one element as declared in the text. */
  type: z.string(),
  struct: struct.optional(),
  /** Half precision that is declared as ushort. */
  asBits: z.literal(true).optional(),
  shape: z.array(formula),
  access: z.enum(['read', 'write', 'read_write', 'argument']),
  note: z.string(),
  /** What the contract leaves open about the contents: elements that nobody reads, what threadgroups' order decides. */
  open: z
    .array(z.enum(['gaps', 'order']))
    .readonly()
    .optional(),
  /** Name of the bool constant without which the kernel has no such argument. */
  condition: z.string().optional(),
});

const functionConstant = z.strictObject({
  index: z.int().nonnegative(),
  name: z.string(),
  type: z.enum(['uint', 'bool', 'float']),
  note: z.string(),
  value: z.union([z.number(), z.boolean()]).optional(),
});

const dispatch = z.strictObject({
  threadgroups: z.tuple([formula, formula, formula]),
  indirect: z.string().optional(),
  threadsPerThreadgroup: z.tuple([z.int(), z.int(), z.int()]),
});

const tile = z.strictObject({
  blockM: z.int(),
  blockN: z.int(),
  blockK: z.int(),
  simdgroupsM: z.int(),
  simdgroupsN: z.int(),
});

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits');

const kernel = z.strictObject({
  name: z.string(),
  family: z.string(),
  /** Path below the manifest's folder, with forward slashes. */
  file: z.string(),
  summary: z.string(),
  axes: z.record(z.string(), z.string()),
  mslVersion: z.enum(['3.0', '3.1', '3.2', '4.0']),
  constants: z.array(functionConstant),
  bindings: z.array(binding),
  dispatch,
  tile: tile.optional(),
  threadgroupBytes: z.int().nonnegative(),
  /** Of everything that the text depends on: templates, plan, formatter. */
  inputs: sha256,
  /** Of the text. */
  sha256,
  /** Version of the Apple compiler that accepted this text, or that none has seen it. */
  xcrun: z.string(),
});

const count = z.int().nonnegative();
const dtype = z.enum(ACTIVATION_DTYPES);

/** How the MoE layers of a model run with the kernels. */
const model = z.strictObject({
  modelType: z.string(),
  numLayers: count,
  denseLayers: z.array(count),
  groups: z.array(
    z.strictObject({
      layers: z.array(count),
      constants: z.record(z.string(), z.union([z.number(), z.boolean()])),
      tensors: z.array(
        z.strictObject({ role: z.string(), tensor: z.string(), shape: z.array(count), binding: z.string() }),
      ),
      runs: z.array(
        z.strictObject({
          path: z.enum(LAYER_PATHS),
          activation: dtype,
          weight: z.string(),
          intermediate: dtype,
          tile: z.string(),
          kernels: z.array(z.string()),
        }),
      ),
    }),
  ),
});

const manifest = z.strictObject({
  schemaVersion: z.literal(1),
  generator: z.strictObject({ name: z.literal('moegen'), version: z.string() }),
  kernels: z.array(kernel),
  /** Only where the set is made for a model. */
  model: model.optional(),
});

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export type Manifest = DeepReadonly<z.output<typeof manifest>>;
export type ManifestKernel = DeepReadonly<z.output<typeof kernel>>;

/** Reads a manifest's text; `where` is its file, for errors. */
export function parseManifest(text: string, where: string): Manifest {
  const result = manifest.safeParse(parseJson(text, where));
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
