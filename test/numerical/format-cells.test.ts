// Formats x dtypes x paths, for a part of the formats: which one, the partials that decode them decide, so that a change to any of them tries
// others. `npm run test:exhaustive` has all of them.

import { describe, expect, it } from 'vitest';
import { CELL_FORMATS, formatCells } from '../support/format-cells.js';
import { hostDevice } from '../support/host-kernels.js';
import { partOfFormats } from '../support/part-of-formats.js';

const PARTS = 30;
const part = partOfFormats(PARTS);
const device = hostDevice();

describe(`formats, part ${part} of ${PARTS}, in all dtypes and paths`, () => {
  it.each(CELL_FORMATS.filter((_, at) => at % PARTS === part))('%s', async (format) => {
    const verdicts = await formatCells(device, format);
    expect(verdicts).toHaveLength(9);
    expect(verdicts.filter(({ error, unlike }) => !(error <= 2e-6) || unlike.length > 0)).toEqual([]);
  });
});
