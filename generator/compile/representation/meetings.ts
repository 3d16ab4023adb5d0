// Lanes that meet in two branches meet twice. Optimisers merge equal calls in two branches, also of functions that they
// must not move: in LLVM's representation every function and call that lanes may meet in says that it is not to be merged.

const CONVERGENT = /^(attributes #\d+ = \{[^\n]*?)\bconvergent\b/gmu;

export function keepMeetingsApart(representation: string): string {
  return representation.replace(CONVERGENT, '$1convergent nomerge');
}
