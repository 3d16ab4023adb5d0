// Models whose block no description can say truly, with what to do instead.

interface RefusedModel {
  readonly types: readonly [string, ...string[]];
  /** A clause that follows the name. */
  readonly reason: string;
  readonly help: string;
}

export const REFUSED_MODELS: readonly RefusedModel[] = [
  {
    types: ['grove_moe'],
    reason:
      'neighbouring experts share an adjugate expert, which works beside them under their weights, times 0.05; ' +
      'a kernel multiplies one matrix for each expert, all of one width, and a block has no second kind of experts',
    help:
      'lay the matrices of the adjugate expert beside those of each of its experts (its down matrix times its factor, 0.05), ' +
      'and pass the wider block with --spec block.json',
  },
];
