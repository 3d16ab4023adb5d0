// The weights of a block whose parameters are filled by rule, each filled when it is asked for.

import { MoegenError } from '../errors.js';
import type { MoeBlock, TensorRole } from '../description/block.js';
import { expertsInRole } from '../description/tensors.js';
import { fillParameter } from './parameter-fill.js';
import type { BlockWeights, Values } from './weights.js';

/** In a tensor's name: one tensor for each expert. */
const EXPERT = '{expert}';

export interface FilledParameter {
  readonly shape: readonly number[];
  /** Values lie in [-scale, scale). A table of integers has no scale. */
  readonly scale: number | null;
  /** The integers lie in [0, below); without it all of them are zero. */
  readonly below?: number;
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
  const expert = (role: TensorRole, at: number): Values => {
    const pattern = nameOf(role);
    const name = pattern.replace(EXPERT, String(at));
    const parameter = parameterOf(name, role);
    if (name !== pattern) return fill(name, parameter, 0, elementCount(parameter.shape));
    const perExpert = elementsPerExpert(parameter.shape, expertsInRole(role, block), block);
    return fill(name, parameter, at * perExpert, perExpert);
  };
  return {
    expert,
    tensor: (role) => {
      const name = nameOf(role);
      if (name.includes(EXPERT)) return allExperts(expertsInRole(role, block), (at) => expert(role, at));
      const parameter = parameterOf(name, role);
      return fill(name, parameter, 0, elementCount(parameter.shape));
    },
  };
}

/** One tensor after the other. */
function allExperts(numExperts: number, expert: (at: number) => Values): Values {
  const tensors = Array.from({ length: numExperts }, (_, at) => expert(at));
  const values = new Float32Array(tensors.reduce((count, { length }) => count + length, 0));
  let start = 0;
  for (const tensor of tensors) {
    values.set(tensor, start);
    start += tensor.length;
  }
  return values;
}

function fill(name: string, { scale, below = 1 }: FilledParameter, start: number, count: number): Values {
  if (scale !== null) return fillParameter(name, start, count, scale);
  return fillParameter(name, start, count, below / 2).map((value) => Math.floor(value + below / 2));
}

/** The first dimension counts experts, some of them perhaps without weights, or the rows of all experts together. */
function elementsPerExpert(
  shape: readonly number[],
  numExperts: number,
  { numZeroExperts }: Pick<MoeBlock, 'numZeroExperts'>,
): number {
  const [leading = 1, ...rest] = shape;
  const isPerExpert = leading === numExperts || leading === numExperts + numZeroExperts;
  return isPerExpert ? elementCount(rest) : elementCount(shape) / numExperts;
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
