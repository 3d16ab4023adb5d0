// Compares the output folder with what a set of kernels says, without writing: the whole pipeline runs, formatter included, and
// every difference is named.

import { buildManifest, serialiseManifest } from '../manifest/build.js';
import { sha256 } from '../manifest/digest.js';
import { listFiles, readText } from './files.js';
import { mergeEntries, readRecordedState, renderTexts, type KernelSet } from './kernel-set.js';
import { MANIFEST_FILE } from './paths.js';
import { unlistedKernels } from './unlisted.js';

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
  const manifest = buildManifest(set.version, mergeEntries(set, hashes, recorded.manifest), set.request);
  expected.set(MANIFEST_FILE, serialiseManifest(manifest));
  const unexpected = unlistedKernels(listFiles(outDir), manifest);
  return { ...(await compareTexts(expected, outDir)), unexpected, compared: expected.size };
}

/** What lies in a folder beside the texts that belong there. */
export async function compareTexts(
  expected: ReadonlyMap<string, string>,
  outDir: string,
): Promise<Pick<Comparison, 'missing' | 'changed'>> {
  const missing: string[] = [];
  const changed: ChangedFile[] = [];
  for (const [file, text] of expected) {
    const found = readText(outDir, file);
    if (found === undefined) missing.push(file);
    else if (found !== text) changed.push({ file, diff: await shortDiff(file, found, text) });
  }
  return { missing, changed };
}

/** Edits up to which a whole diff is sought: of large files with many of them it would take minutes. */
const MAX_EDITS = 400;

async function shortDiff(file: string, found: string, expected: string): Promise<string> {
  const { createTwoFilesPatch } = await import('diff');
  const patch = createTwoFilesPatch(`found/${file}`, `expected/${file}`, found, expected, '', '', {
    context: 2,
    maxEditLength: MAX_EDITS,
  });
  if (patch === undefined) return firstDifference(file, found, expected);
  const lines = patch.trimEnd().split('\n').slice(1);
  const rest = lines.length - DIFF_LINES;
  return rest > 0 ? [...lines.slice(0, DIFF_LINES), `... ${rest} more lines`].join('\n') : lines.join('\n');
}

/** The first line that differs, and how many there are in all. */
function firstDifference(file: string, found: string, expected: string): string {
  const [before, after] = [found.split('\n'), expected.split('\n')];
  const differs = Array.from({ length: Math.max(before.length, after.length) }, (_, at) => at).filter(
    (at) => before[at] !== after[at],
  );
  const first = differs[0] ?? 0;
  return [
    `--- found/${file}`,
    `+++ expected/${file}`,
    `@@ -${first + 1},1 +${first + 1},1 @@`,
    `-${before[first] ?? ''}`,
    `+${after[first] ?? ''}`,
    `... ${differs.length} lines differ, more than are shown`,
  ].join('\n');
}
