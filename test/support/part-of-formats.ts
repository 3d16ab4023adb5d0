import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const FOLDER = path.resolve(import.meta.dirname, '../../templates/partials/formats');

/** Which of so many parts of the formats is tried: the partials that decode them decide, so that a change to any of them tries others. */
export function partOfFormats(parts: number): number {
  const digest = createHash('sha256');
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.hbs'),
  );
  for (const file of files.sort()) digest.update(readFileSync(path.join(FOLDER, file)));
  return digest.digest().readUInt32LE(0) % parts;
}
