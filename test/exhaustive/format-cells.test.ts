// Every weight format in every dtype and on every path, of which `npm test` tries a part.

import { describe, expect, it } from 'vitest';
import { CELL_FORMATS, formatCells } from '../support/format-cells.js';
import { hostDevice } from '../support/host-kernels.js';

const device = hostDevice();

describe('formats in all dtypes and paths', () => {
  it.each(CELL_FORMATS)('%s', async (format) => {
    const verdicts = await formatCells(device, format);
    expect(verdicts).toHaveLength(9);
    expect(verdicts.filter(({ error, unlike }) => !(error <= 2e-6) || unlike.length > 0)).toEqual([]);
  });
});
