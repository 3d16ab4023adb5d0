// Formats x dtypes x paths, for a part of the formats: which one, the partials that decode them decide, so that a change to any of them tries
// others. `npm run test:exhaustive` has all of them.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CELL_FORMATS, formatCells } from '../support/format-cells.js';
import { hostDevice } from '../support/host-kernels.js';

const PARTS = 30;
const FOLDER = path.resolve(import.meta.dirname, '../../templates/partials/formats');

function partOfText(): number {
  const digest = createHash('sha256');
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.hbs'),
  );
  for (const file of files.sort()) digest.update(readFileSync(path.join(FOLDER, file)));
  return digest.digest().readUInt32LE(0) % PARTS;
}

const part = partOfText();
const device = hostDevice();

describe(`formats, part ${part} of ${PARTS}, in all dtypes and paths`, () => {
  it.each(CELL_FORMATS.filter((_, at) => at % PARTS === part))('%s', async (format) => {
    const verdicts = await formatCells(device, format);
    expect(verdicts).toHaveLength(9);
    expect(verdicts.filter(({ error, unlike }) => !(error <= 2e-6) || unlike.length > 0)).toEqual([]);
  });
});
