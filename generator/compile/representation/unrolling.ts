// Programs ask for loops to be unrolled, so that a GPU keeps arrays in registers. A processor has few of these and a cache
// instead: there the choice is the optimizer's, which is as fast in the end and spends a third of the time on the program.

/** How `#pragma unroll`, `#pragma clang loop unroll(full)` and `unroll_count(n)` reach the optimizer: nodes to which loops refer. */
const UNROLL = /^(!\d+ = !\{!"llvm\.loop\.unroll\.)(?:full"|count", i32 \d+)\}/gmu;

/** Leaves it to the optimizer which loops it unrolls. Values do not depend on it. */
export function chooseUnrolling(representation: string): string {
  return representation.replace(UNROLL, '$1left_to_choice"}');
}
