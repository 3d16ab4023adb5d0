// The one place where kernels get their names: `moe_`, the stage, its variants, the dtypes, the tile. What changes the text of
// a kernel is in its name; sizes are not.

export function kernelName(...parts: readonly string[]): string {
  return ['moe', ...parts.filter((part) => part !== '')].join('_');
}
