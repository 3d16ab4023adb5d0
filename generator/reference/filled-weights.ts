// The weights of a block whose parameters are filled by rule, each filled when it is asked for.

import { MoegenError } from '../errors.js';
import type { MoeBlock, TensorRole } from '../spec/block.js';
import { fillParameter } from './parameter-fill.js';
import type { BlockWeights, Values } from './weights.js';

export interface FilledParameter {
  readonly shape: readonly number[];
  /** Values lie in [-scale, scale). A table of integers has no scale and holds zeros. */
  readonly scale: number | null;
}

/** `where` names the file that lists the parameters. */
export function filledWeights(
  parameters: Readonly<Record<string, FilledParameter>>,
  block: MoeBlock,
  where: string,
): BlockWeights {
  const nameOf = (role: TensorRole): string => {
    const tensor = block.tensors[role];
    if (tensor === undefined) throw missing(`the block to have a tensor in the role ${role}`, where);
    return tensor.name;
  };
  const parameterOf = (name: string, role: TensorRole): FilledParameter => {
    const parameter = parameters[name];
    if (parameter === undefined) throw missing(`a parameter "${name}" in the role ${role}`, where);
    return parameter;
  };
  return {
    tensor: (role) => {
      const name = nameOf(role);
      const parameter = parameterOf(name, role);
      return fill(name, parameter, 0, elementCount(parameter.shape));
    },
    expert: (role, expert) => {
      const pattern = nameOf(role);
      const name = pattern.replace('{expert}', String(expert));
      const parameter = parameterOf(name, role);
      if (name !== pattern) return fill(name, parameter, 0, elementCount(parameter.shape));
      const perExpert = elementsPerExpert(parameter.shape, block);
      return fill(name, parameter, expert * perExpert, perExpert);
    },
  };
}

function fill(name: string, { scale }: FilledParameter, start: number, count: number): Values {
  return scale === null ? new Float32Array(count) : fillParameter(name, start, count, scale);
}

/** The first dimension counts experts, some of them perhaps without weights, or the rows of all experts together. */
function elementsPerExpert(shape: readonly number[], block: MoeBlock): number {
  const [leading = 1, ...rest] = shape;
  const isPerExpert = leading === block.numExperts || leading === block.numExperts + block.numZeroExperts;
  return isPerExpert ? elementCount(rest) : elementCount(shape) / block.numExperts;
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

function missing(what: string, where: string): MoegenError {
  return new MoegenError('reference/missing-parameter', `expected ${what}, found none`, {
    where,
    help: 'check that the configuration and the parameters belong to the same model',
  });
}
