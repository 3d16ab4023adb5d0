// Where the rows of a product come from and where its results go, in the words of templates and of kernels' heads.

import type { RowSource } from '../rows.js';
import type { TemplateValue } from '../types.js';

interface RowUse {
  readonly source: RowSource;
  /** The input is the tokens' own: rows of the product are assignments, which share them. */
  readonly isGathered: boolean;
  /** Tiles of rows of one expert, as sentences call their rows. */
  readonly inWords: string;
}

export function rowTerms({ source, isGathered, inWords }: RowUse): Record<string, TemplateValue> {
  return {
    isAssignment: source === 'assignment',
    isTile: source === 'tile',
    isToken: source === 'token',
    // A plan in the flat form says otherwise.
    isFlat: false,
    tileCount: '',
    inWords,
    assignment: source === 'assignment' ? 'r' : 'assignment of row r',
    inputRow: inputRow(source, isGathered, 'thread_index'),
    tileInputRow: inputRow(source, isGathered, 'row'),
    resultRow: source === 'assignment' ? 'assignment' : 'first_row',
    tileInWords: source === 'tile' ? 'tile of the tile map' : 'block_m tokens',
  };
}

function inputRow(source: RowSource, isGathered: boolean, row: string): string {
  switch (source) {
    case 'assignment':
      return isGathered ? 'assignment / top_k' : 'assignment';
    case 'tile':
      return isGathered ? `sorted_assignments[first_row + ${row}] / top_k` : `first_row + ${row}`;
    case 'token':
      return `first_row + ${row}`;
  }
}
