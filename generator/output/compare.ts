// Compares the output folder with what a set of kernels says, without writing: the whole pipeline runs, formatter included, and
// every difference is named.

import { buildManifest, serialiseManifest } from '../manifest/build.js';
import { sha256 } from '../manifest/digest.js';
import { listFiles, readText } from './files.js';
import { mergeEntries, readRecordedState, renderTexts, type KernelSet } from './kernel-set.js';
import { MANIFEST_FILE } from './paths.js';

interface ChangedFile {
  readonly file: string;
  /** A unified diff from what is there to what belongs there, cut short. */
  readonly diff: string;
}

export interface Comparison {
  readonly missing: readonly string[];
  readonly changed: readonly ChangedFile[];
  /** Kernels that no manifest lists. */
  readonly unexpected: readonly string[];
  readonly compared: number;
}

const DIFF_LINES = 24;

export async function compareSet(set: KernelSet, outDir: string): Promise<Comparison> {
  const recorded = await readRecordedState(outDir);
  const expected = await renderTexts(set, set.kernels);
  const hashes = new Map([...expected].map(([file, text]) => [file, sha256(text)]));
  const manifest = buildManifest(
    set.version,
    mergeEntries(set, hashes, recorded.manifest),
    set.request.model,
  );
  expected.set(MANIFEST_FILE, serialiseManifest(manifest));

  const missing: string[] = [];
  const changed: ChangedFile[] = [];
  for (const [file, text] of expected) {
    const found = readText(outDir, file);
    if (found === undefined) missing.push(file);
    else if (found !== text) changed.push({ file, diff: await shortDiff(file, found, text) });
  }
  const listed = new Set([...manifest.kernels.map((kernel) => kernel.file), MANIFEST_FILE]);
  const files = listFiles(outDir);
  const unexpected = files.filter(
    (file) => file.endsWith('.metal') && !listed.has(file) && !isInNestedSet(file, files),
  );
  return { missing, changed, unexpected, compared: expected.size };
}

/** A folder with a manifest of its own is another set: that of a model. */
function isInNestedSet(file: string, files: readonly string[]): boolean {
  return files.some(
    (other) => other.endsWith(`/${MANIFEST_FILE}`) && file.startsWith(other.slice(0, -MANIFEST_FILE.length)),
  );
}

async function shortDiff(file: string, found: string, expected: string): Promise<string> {
  const { createTwoFilesPatch } = await import('diff');
  const patch = createTwoFilesPatch(`found/${file}`, `expected/${file}`, found, expected, '', '', {
    context: 2,
  });
  const lines = patch.trimEnd().split('\n').slice(1);
  const rest = lines.length - DIFF_LINES;
  return rest > 0 ? [...lines.slice(0, DIFF_LINES), `... ${rest} more lines`].join('\n') : lines.join('\n');
}
