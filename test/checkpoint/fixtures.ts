// Tiny checkpoints that look like published ones, unpacked where a test can open them. All weights are zero but those of the router, the
// shared expert and the experts 0 and 7 of one layer.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const FOLDER = path.resolve(import.meta.dirname, '../fixtures/checkpoints');

export interface ExpectedLayer {
  readonly layer: number;
  /** Of the names of the layer's MoE block. */
  readonly prefix: string;
  /** SHA-256 of the float64 values of single experts, or of the whole tensor. */
  readonly tensors: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly sha256: Readonly<Record<string, string>> }>
  >;
}

export const EXPECTED = JSON.parse(readFileSync(path.join(FOLDER, 'expected.json'), 'utf8')) as Readonly<
  Record<string, ExpectedLayer>
>;

/** The names of the checkpoints. */
export const CHECKPOINTS = Object.keys(EXPECTED);

export const readConfig = (checkpoint: string) =>
  JSON.parse(
    gunzipSync(readFileSync(path.join(FOLDER, checkpoint, 'config.json.gz'))).toString('utf8'),
  ) as Record<string, unknown>;

export interface Unpacked {
  readonly folder: string;
  readonly remove: () => void;
}

export function emptyFolder(): Unpacked {
  const folder = mkdtempSync(path.join(tmpdir(), 'moegen-checkpoint-'));
  return {
    folder,
    remove: () => {
      rmSync(folder, { recursive: true });
    },
  };
}

export function unpack(checkpoint: string): Unpacked {
  const unpacked = emptyFolder();
  for (const file of readdirSync(path.join(FOLDER, checkpoint))) {
    const bytes = gunzipSync(readFileSync(path.join(FOLDER, checkpoint, file)));
    writeFileSync(path.join(unpacked.folder, file.replace(/\.gz$/, '')), bytes);
  }
  return unpacked;
}
