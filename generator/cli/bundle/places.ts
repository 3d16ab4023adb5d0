// Where things lie in a bundle, which holds a command with all it needs for a machine with a GPU and nothing else.

import path from 'node:path';

/** Names the folder of compiled kernels to commands that run from a bundle. */
export const BUNDLE_VARIABLE = 'MOEGEN_BUNDLE';

export const NODE = 'node';
export const PACKAGE = 'moegen';
export const KERNELS = 'kernels';
/** What the command line names; the command runs here. */
export const FILES = 'files';
export const SCRIPT = 'run';

const ADDON = 'cuda.node';

export function bundlePlaces(kernels: string): { readonly addon: string; readonly programs: string } {
  return { addon: path.join(kernels, ADDON), programs: kernels };
}
