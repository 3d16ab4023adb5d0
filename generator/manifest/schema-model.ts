// The part of the manifest's schema that says how the layers of a model run.

import { z } from 'zod';
import { ACTIVATION_DTYPES, ELEMENT_TYPES, type ElementType } from '../description/dtypes.js';
import { tensorRecipe } from '../description/recipes.js';
import { PROJECTIONS } from '../description/weights.js';
import { BUFFER_USES } from '../plan/run-buffers.js';
import { LAYER_PATHS } from '../plan/selection.js';
import { TILE_NAMES } from '../plan/tiles.js';

const count = z.int().nonnegative();
const dtype = z.enum(ACTIVATION_DTYPES);
const constantValues = z.record(z.string(), z.union([z.number(), z.boolean()]));
const elements = Object.keys(ELEMENT_TYPES) as [ElementType, ...ElementType[]];

export const path = z.enum(LAYER_PATHS).describe('The way in which a layer runs.');

export const tileOrNone = z
  .enum([...TILE_NAMES, 'none'])
  .describe('The tiles of the batched path; the other paths have none.');

const runBuffer = z.strictObject({
  name: z.string().describe('The name that the bindings of the kernels have.'),
  use: z
    .enum(BUFFER_USES)
    .describe(
      'input: given with every call. parameter: of the model. scratch: from one kernel of the run to a later one, its contents mean nothing before and after. output: what the run answers.',
    ),
  element: z.enum(elements),
  bytes: z.string().describe('Formula of the bytes to allocate: enough for any routing.'),
  first: count.describe('Position in kernels of the first one that touches the buffer.'),
  last: count.describe('Position in kernels of the last one that touches the buffer.'),
  slot: count
    .optional()
    .describe(
      'Of scratch: buffers of a run with the same slot are never alive in the same phase and may share memory.',
    ),
});

const run = z.strictObject({
  path,
  activation: dtype,
  weight: z.string().describe('Weight format of the experts.'),
  intermediate: dtype.describe('In which type gate_up stores what down reads.'),
  tile: tileOrNone,
  tokens: z
    .strictObject({ from: count, to: count.nullable() })
    .nullable()
    .describe(
      'The numbers of tokens for which this is the run to take, both included; to: null is without end. null: another run is better for each number. Any run is right for any number.',
    ),
  constants: constantValues.describe(
    'Values of all function constants of its kernels, baked in or bound, and of all that formulas name beside num_tokens.',
  ),
  kernels: z.array(z.string()).describe('Names, in the order in which they are dispatched.'),
  phases: z
    .array(count)
    .describe(
      'One for each kernel. Between dispatches of different phases stands a barrier for buffers; those of one phase do not depend on each other and may overlap.',
    ),
  buffers: z.array(runBuffer),
});

/** How the MoE layers of a model run with the kernels. */
export const model = z.strictObject({
  modelType: z.string(),
  numLayers: count,
  denseLayers: z.array(count).describe('Layers without experts, which have no run.'),
  groups: z
    .array(
      z.strictObject({
        layers: z.array(count),
        formats: z
          .partialRecord(z.enum(PROJECTIONS), z.string())
          .optional()
          .describe('Weight format of each projection, where a checkpoint decides it.'),
        constants: constantValues.describe('What the block says about the function constants.'),
        tensors: z.array(
          z.strictObject({
            role: z.string(),
            tensor: z
              .string()
              .describe("In the checkpoint, within the block's module; {expert} stands for a number."),
            shape: z.array(count),
            binding: z.string().describe('Name of the buffer that holds it, row-major.'),
          }),
        ),
        buffers: z
          .array(tensorRecipe.extend({ binding: z.string() }))
          .optional()
          .describe('How each buffer of parameters is made, where the tensors of the checkpoint are known.'),
        runs: z.array(run),
      }),
    )
    .describe('Layers with the same block, one group each.'),
});
