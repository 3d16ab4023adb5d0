// A block of any model as a fixture without a file: inputs and parameters are filled by rule, and what must come out is what the
// reference says. It shows that the kernels of a `config.json` run, without a checkpoint.

import { MoegenError } from '../errors.js';
import { referenceBlock } from '../reference/block.js';
import { filledWeights, type FilledParameter } from '../reference/filled-weights.js';
import { fillParameter } from '../reference/parameter-fill.js';
import type { Fixture } from '../reference/fixture.js';
import type { CheckpointTensor, MoeBlock, TensorRole } from '../description/block.js';
import { expertsInRole } from '../description/tensors.js';

export const SYNTHETIC_TOKENS = 16;
/** Parameters that a job may hold: some gigabytes, of which there are several copies. */
const MAX_PARAMETERS = 1.5e9;

export function syntheticFixture(
  { name, layer, numTokens }: { readonly name: string; readonly layer: number; readonly numTokens: number },
  block: MoeBlock,
): Fixture {
  const parameters = filledParameters(block);
  const count = Object.values(parameters).reduce((sum, { shape }) => sum + product(shape), 0);
  if (count > MAX_PARAMETERS) {
    throw new MoegenError(
      'validate/too-large',
      `a layer of ${name} has ${count} parameters; at most ${MAX_PARAMETERS} are filled by rule`,
      { where: name, help: 'validate with a configuration of fewer or smaller experts' },
    );
  }
  const x = Float64Array.from(fillParameter('x', 0, numTokens * block.hiddenSize, 2));
  const tokenIds = Array.from({ length: numTokens }, (_, token) => token);
  const extra = {
    routerX: Float64Array.from(fillParameter('router_x', 0, numTokens * block.hiddenSize, 2)),
    tokenMarks: tokenIds.map((token) => token % 2),
  };
  const expected = referenceBlock(block, filledWeights(parameters, block, name), { x, tokenIds, ...extra });
  return {
    path: name,
    modelType: name,
    blockClass: '',
    configText: '',
    layer,
    numTokens,
    hiddenSize: block.hiddenSize,
    x,
    extra,
    expected,
    transformersBf16: expected,
    rowsOk: Array.from({ length: numTokens }, () => true),
    parameters,
  };
}

/** A tensor whose name has a place for the expert's number is one for each expert. */
function filledParameters(block: MoeBlock): Readonly<Record<string, FilledParameter>> {
  const entries = Object.entries(block.tensors).flatMap(([role, tensor]) => {
    const parameter = {
      shape: tensor.shape,
      scale: scaleOf(role, tensor),
      below: block.numExperts + block.numZeroExperts,
    };
    const experts = expertsInRole(role as TensorRole, block);
    const count = tensor.name.includes('{expert}') ? experts : 1;
    return Array.from({ length: count }, (_, expert) => {
      return [tensor.name.replace('{expert}', String(expert)), parameter] as const;
    });
  });
  return Object.fromEntries(entries);
}

/** Powers of two, so that every value is exact in every dtype; a table of integers has none. */
function scaleOf(role: string, { shape }: CheckpointTensor): number | null {
  if (role === 'token_table') return null;
  if (role.endsWith('_bias')) return 0.25;
  if (role.endsWith('_norm') || role === 'expert_scale') return 2;
  return 2 ** Math.round(Math.log2(2 / Math.sqrt(Math.max(...shape.slice(-2)))));
}

function product(shape: readonly number[]): number {
  return shape.reduce((count, extent) => count * extent, 1);
}
