// The flat form of kernels, for hosts with neither function constants nor indirect dispatch, such as those that compile and call
// Metal from Python: constants are macros, every buffer is always bound, and a grid has room for the most tiles that there can be, of
// which those beyond the last one leave at once.

import { buffer } from './bindings.js';
import type { Binding, KernelPlan, TemplateValue } from './types.js';

/** `bound`: constants and buffers are bound by the host, and some grids lie in buffers. */
export const KERNEL_FORMS = ['bound', 'flat'] as const;
export type KernelForm = (typeof KERNEL_FORMS)[number];

/** The macro that holds a constant's value in the flat form; of a bool 0 or 1. */
export function constantMacro(name: string): string {
  return `MOE_${name.toUpperCase()}`;
}

interface Dispatched {
  readonly bindings: readonly Pick<Binding, 'index'>[];
  readonly dispatch: { readonly indirect?: string | undefined };
}

/** The buffer of the grid, as an argument: there a kernel in the flat form reads how many tiles there are. */
export function gridArguments({ bindings, dispatch }: Dispatched): Omit<Binding, 'struct'>[] {
  if (dispatch.indirect === undefined) return [];
  const index = Math.max(-1, ...bindings.map((binding) => binding.index)) + 1;
  return [{ index, ...buffer(dispatch.indirect, 'u32', ['3'], { note: 'the second: number of tiles' }) }];
}

export function flatPlan(plan: KernelPlan): KernelPlan {
  const { indirect, ...dispatch } = plan.dispatch;
  if (indirect === undefined) return plan;
  const rows = plan.terms['rows'] as Readonly<Record<string, TemplateValue>> | undefined;
  if (rows === undefined) throw new Error(`${plan.name} has no rows of tiles`);
  return {
    ...plan,
    bindings: [...plan.bindings, ...gridArguments(plan)],
    dispatch,
    terms: { ...plan.terms, rows: { ...rows, isFlat: true, grid: indirect } },
  };
}
