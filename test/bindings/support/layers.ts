// Layers that bindings are tested with: their contents by the names of the kernels' buffers, and what must come out.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TENSOR_ROLES, type MoeBlock } from '../../../generator/description/block.js';
import type { ActivationDtype } from '../../../generator/description/dtypes.js';
import { blockLayers } from '../../../generator/description/models/index.js';
import { blockConstants } from '../../../generator/plan/constants.js';
import { TENSOR_BINDINGS } from '../../../generator/plan/layer.js';
import { fixtureWeights } from '../../../generator/reference/fixture.js';
import { encodeElements } from '../../../generator/validate/elements.js';
import { syntheticFixture } from '../../../generator/validate/synthetic.js';

export const CONFIG = {
  model_type: 'qwen2_moe',
  hidden_size: 64,
  moe_intermediate_size: 40,
  shared_expert_intermediate_size: 24,
  num_experts: 6,
  num_experts_per_tok: 3,
  norm_topk_prob: true,
  num_hidden_layers: 2,
  decoder_sparse_step: 1,
  hidden_act: 'silu',
};

/** A path each: decode, skinny, batched with low and with wide tiles. */
export const TOKEN_COUNTS = [3, 12, 40, 70] as const;

const NUM_TOKENS = Math.max(...TOKEN_COUNTS);

/** Parameters that are float whatever the activations are. */
const FLOAT_ROLES: readonly string[] = ['router_bias', 'selection_bias', 'output_bias'];

export interface TestLayer {
  readonly block: MoeBlock;
  /** Files by name of the buffer. */
  readonly files: Readonly<Record<string, string>>;
  readonly constants: Readonly<Record<string, number>>;
  /** For all tokens; those of fewer are its first rows. */
  readonly expected: Float64Array;
}

export function testLayer(dtype: ActivationDtype, folder: string): TestLayer {
  const [first] = blockLayers(CONFIG, 'config.json').blocks;
  if (first === undefined) throw new Error('the model has no block');
  const { block } = first;
  const fixture = syntheticFixture({ name: 'test', layer: 0, numTokens: NUM_TOKENS }, block);
  const weights = fixtureWeights(fixture, block);
  mkdirSync(folder, { recursive: true });
  const put = (name: string, element: ActivationDtype, values: ArrayLike<number>) => {
    const file = path.join(folder, `${name}.bin`);
    writeFileSync(file, encodeElements(element, values));
    return [name, file] as const;
  };
  const parameters = TENSOR_ROLES.filter((role) => block.tensors[role] !== undefined).map((role) =>
    put(TENSOR_BINDINGS[role], FLOAT_ROLES.includes(role) ? 'f32' : dtype, weights.tensor(role)),
  );
  const files = Object.fromEntries([...parameters, put('hidden_states', dtype, fixture.x)]);
  const constants = Object.fromEntries(
    Object.entries(blockConstants(block)).map(([name, value]) => [name, Number(value)]),
  );
  return { block, files, constants, expected: fixture.expected };
}

/** The largest error of the first tokens, over the largest magnitude of what is expected of them. */
export function layerError(output: ArrayLike<number>, { expected }: TestLayer, numTokens: number): number {
  const rows = expected.subarray(0, numTokens * CONFIG.hidden_size);
  if (output.length !== rows.length) return Infinity;
  const largest = rows.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return rows.reduce((most, value, at) => Math.max(most, Math.abs(value - (output[at] ?? NaN))), 0) / largest;
}
