// The one place where kernels get their names: `moe_`, the stage, its variants, the dtypes, the tile. What changes the text of
// a kernel is in its name; sizes are not. Drop-in kernels have the names that their hosts know.

import type { ActivationDtype } from '../description/dtypes.js';

export function kernelName(...parts: readonly string[]): string {
  return ['moe', ...parts.filter((part) => part !== '')].join('_');
}

/** A drop-in kernel keeps its name in f16 and bears any other activation dtype; with other weights than its own, it bears both. */
export function dropInName(kernel: string, activation: ActivationDtype, otherWeight = ''): string {
  if (otherWeight !== '') return `${kernel}_${activation}_${otherWeight}`;
  return activation === 'f16' ? kernel : `${kernel}_${activation}`;
}
