// Kernels in the output folder that no manifest lists: what an older set or a copy left behind.

import type { Manifest } from '../manifest/schema.js';
import { LOCK_FILE, MANIFEST_FILE } from './paths.js';

/** `files`: all of the output folder. */
export function unlistedKernels(files: readonly string[], manifest: Pick<Manifest, 'kernels'>): string[] {
  const listed = new Set(manifest.kernels.map((kernel) => kernel.file));
  // A folder with a manifest of its own is another set, that of a model; so is one to which a run writes its first.
  const folders = files
    .filter((file) => file.endsWith(`/${MANIFEST_FILE}`) || file.endsWith(`/${LOCK_FILE}`))
    .map((file) => file.slice(0, file.lastIndexOf('/') + 1));
  return files.filter(
    (file) =>
      file.endsWith('.metal') && !listed.has(file) && !folders.some((folder) => file.startsWith(folder)),
  );
}
