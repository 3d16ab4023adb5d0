// Programs ask for whole loops to be unrolled, so that a GPU keeps arrays in registers. A processor has few of these and a cache
// instead: there the choice is the optimizer's, which is as fast in the end and spends a third of the time on the program.

/** How `#pragma unroll` and `#pragma clang loop unroll(full)` reach the optimizer: one node, to which all loops refer. */
const UNROLL_FULLY = /^(!\d+ = !\{!"llvm\.loop\.unroll\.)full"\}/gmu;

/** Leaves it to the optimizer which loops it unrolls. Values do not depend on it. */
export function chooseUnrolling(representation: string): string {
  return representation.replace(UNROLL_FULLY, '$1left_to_choice"}');
}
