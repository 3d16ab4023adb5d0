// A manifest of a set as that of the same set in the flat form, for the languages that need it.

import { ELEMENT_TYPES } from '../description/dtypes.js';
import type { Manifest, ManifestKernel } from '../manifest/schema.js';
import { gridArguments } from '../plan/flat.js';

export function flatManifest(manifest: Manifest): Manifest {
  return { ...manifest, form: 'flat', kernels: manifest.kernels.map(flatKernel) };
}

function flatKernel(kernel: ManifestKernel): ManifestKernel {
  const { threadgroups, threadsPerThreadgroup } = kernel.dispatch;
  const added = gridArguments(kernel).map((binding) => ({
    ...binding,
    type: ELEMENT_TYPES[binding.element].msl,
  }));
  const bindings = [...kernel.bindings, ...added];
  return { ...kernel, bindings, dispatch: { threadgroups, threadsPerThreadgroup } };
}
