// Where the rows of a product come from and where its results go, in the words of templates and of kernels' heads.

import type { RowSource } from '../rows.js';

interface RowUse {
  readonly source: RowSource;
  /** The input is the tokens' own: rows of the product are assignments, which share them. */
  readonly isGathered: boolean;
  /** Tiles of rows of one expert, as sentences call their rows. */
  readonly inWords: string;
}

export function rowTerms({ source, isGathered, inWords }: RowUse) {
  return {
    source,
    isAssignment: source === 'assignment',
    isTile: source === 'tile',
    // A plan in the flat form says otherwise.
    isFlat: false,
    grid: '',
    inWords,
    assignment: source === 'assignment' ? 'r' : 'assignment of row r',
    inputRow: inputRow(source, isGathered),
    resultRow: source === 'assignment' ? 'assignment' : 'first_row',
    tileInWords: source === 'tile' ? 'tile of the tile map' : 'block_m tokens',
  };
}

/** A partial in `rows/input_rows`. */
type InputRow = 'assignment' | 'token_of_assignment' | 'row' | 'token_of_row';

function inputRow(source: RowSource, isGathered: boolean): InputRow {
  if (source === 'assignment') return isGathered ? 'token_of_assignment' : 'assignment';
  return source === 'tile' && isGathered ? 'token_of_row' : 'row';
}
