// The tensors of a checkpoint by module: `x.weight`, `x.scales` and their like belong to x, whatever they are called.

import type { Tensor } from '../tensor.js';

/** By what of a module they are, such as `weight` or `weight_scale`; a tensor that is a module's only name is its `weight`. */
export type Parts = ReadonlyMap<string, Tensor>;

const DOTTED =
  /^(.+)\.(weight|scales|biases|global_scale|weight_(?:packed|scale|scale_inv|scale_2|global_scale|zero_point|shape|g_idx)|input_scale|input_global_scale|scale|qweight|qzeros|g_idx|bias)$/;
const UNDERSCORED = /^(.+)_(blocks|scales|bias)$/;

export function modulesOf(tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Parts> {
  const modules = new Map<string, Map<string, Tensor>>();
  for (const [name, tensor] of tensors) {
    const [, module = name, part = 'weight'] = DOTTED.exec(name) ?? UNDERSCORED.exec(name) ?? [];
    const parts = modules.get(module) ?? new Map<string, Tensor>();
    modules.set(module, parts.set(part, tensor));
  }
  return modules;
}
