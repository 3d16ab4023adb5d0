// The kernels of a layer on one of its paths as steps of a job, with a name in the pool for every buffer.

import { blockConstants } from '../plan/constants.js';
import { layerKernels, runSizes, tileFor, type LayerPath } from '../plan/layer.js';
import type { KernelPlan } from '../plan/types.js';
import type { MoeBlock } from '../description/block.js';
import type { ActivationDtype, ElementType } from '../description/dtypes.js';
import type { FormatMix } from '../description/weights.js';
import type { Fixture } from '../reference/fixture.js';
import { encodeElements } from './elements.js';
import type { Inputs, Step, StepValues } from './job.js';
import { tokenIds } from './rounding.js';

export interface StepChoice {
  readonly activation: ActivationDtype;
  readonly weight: string;
  readonly mix?: FormatMix;
  readonly intermediate: ActivationDtype;
}

/** The pool's names for what a path writes: all rows in one buffer, or each in its own. */
export function outputNames(path: LayerPath, numTokens: number): string[] {
  if (path !== 'decode') return [`output (${path})`];
  return Array.from({ length: numTokens }, (_, token) => rowName('output', token));
}

/** What came out of each path, given what came out of each of its buffers. */
export function tokenOutputs(
  names: readonly (readonly string[])[],
  buffers: readonly Uint8Array[],
): Uint8Array[] {
  return names.map((own, at) => {
    const first = names.slice(0, at).flat().length;
    return Buffer.concat(buffers.slice(first, first + own.length));
  });
}

/** The row of a token in a buffer of its own: where rows begin in a common one, no buffer may begin. */
function rowName(name: string, token: number): string {
  return `${name} (token ${token})`;
}

/** What a call gives beside the parameters, for kernels that take all tokens and for those that take one. */
export function tokenInputs(plans: readonly KernelPlan[], fixture: Fixture): Inputs {
  const elements = new Map(
    plans.flatMap((plan) => plan.bindings.map(({ name, element }) => [name, element] as const)),
  );
  const { x, hiddenSize, extra } = fixture;
  const rows = (name: string, values: Float64Array) =>
    rowsOf(name, elements.get(name) ?? 'f32', values, hiddenSize);
  return {
    ...rows('hidden_states', x),
    ...rows('router_states', extra?.routerX ?? x),
    token_marks: encodeElements('u32', Array.from(extra?.tokenMarks ?? [])),
    token_ids: encodeElements('u32', tokenIds(fixture)),
  };
}

/** Rows of a buffer together, and each by itself. */
function rowsOf(name: string, element: ElementType, values: Float64Array, width: number): Inputs {
  const rows = Array.from({ length: values.length / width }, (_, token) => {
    const row = values.subarray(token * width, (token + 1) * width);
    return [rowName(name, token), encodeElements(element, row)] as const;
  });
  return { [name]: encodeElements(element, values), ...Object.fromEntries(rows) };
}

export type UnloadedStep = Omit<Step, 'library'>;

/** Buffers that each path has for itself. */
const OWN_BUFFERS = [
  'output',
  'topk_ids',
  'topk_weights',
  'intermediate',
  'adjugate_intermediate',
  'latent_states',
  'routed_latent',
  'shared_intermediate',
  'shared_output',
  'shared_sigmoid',
  'logits',
  'expert_output',
  'normed_router_states',
  'expert_states',
  'shared_states',
  'shared_product',
  'mix_logits',
  'routed_sum',
  'normed_latent',
  'chunk_counts',
  'expert_offsets',
  'tile_map',
  'gate_up_threadgroups',
  'down_threadgroups',
  'adjugate_gate_up_threadgroups',
  'adjugate_down_threadgroups',
  'sorted_assignments',
  'row_of_assignment',
];

/** Of these the decode path has one for each token. */
const TOKEN_ROWS = ['hidden_states', 'router_states', 'output'];

/**
 * The decode path takes one token after the other, each with its own row of the input and the output; `keepsTokens` gives each its own
 * buffers between the steps too, so that the steps of all tokens may be cut at the same place.
 */
export function layerSteps(
  plans: readonly KernelPlan[],
  numTokens: number,
  block: MoeBlock,
  choice: StepChoice,
  path: LayerPath,
  keepsTokens = false,
): UnloadedStep[] {
  const tile = tileFor(numTokens, block);
  const kernels = layerKernels(plans, block, { ...choice, path, tile });
  const values: StepValues = {
    ...blockConstants(block),
    num_tokens: path === 'decode' ? 1 : numTokens,
    ...runSizes(kernels),
  };
  const named = (owner: string) =>
    Object.fromEntries(OWN_BUFFERS.map((name) => [name, `${name} (${owner})`]));
  if (path !== 'decode') return kernels.map((plan) => ({ plan, values, names: named(path) }));
  return Array.from({ length: numTokens }, (_, token) => token).flatMap((token) =>
    kernels.map((plan) => ({
      plan,
      values,
      names: {
        ...named(keepsTokens ? `${path}, token ${token}` : path),
        ...Object.fromEntries(TOKEN_ROWS.map((name) => [name, rowName(name, token)])),
      },
      offsets: { token_ids: token, token_marks: token },
    })),
  );
}
