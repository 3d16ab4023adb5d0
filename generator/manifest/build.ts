// Turns plans and their texts into the manifest: what a host needs to load, bind and dispatch each kernel, and what a later
// run needs to see whether anything changed.

import type { ContextOptions } from '../emit/context.js';
import { bindingType, mslType } from '../emit/msl-type.js';
import type { ModelDescription } from '../plan/model.js';
import type { Binding, KernelPlan } from '../plan/types.js';
import type { Bf16Storage } from '../spec/dtypes.js';
import type { Manifest, ManifestKernel } from './schema.js';

export const NOT_COMPILED_WITH_XCRUN = 'not compiled with xcrun';

export interface TextRecord {
  readonly inputs: string;
  readonly sha256: string;
  readonly xcrun: string;
}

/** Where a kernel lies, seen from the output folder. */
export function kernelFile({ folder, file, name }: Pick<KernelPlan, 'folder' | 'file' | 'name'>): string {
  return `${folder}/${file ?? name}.metal`;
}

export function buildKernelEntry(
  plan: KernelPlan,
  { bf16Storage = 'ushort' }: ContextOptions,
  record: TextRecord,
): ManifestKernel {
  const { name, family, summary, axes, mslVersion, constants, dispatch, tile, threadgroupBytes } = plan;
  return {
    name,
    family,
    file: kernelFile(plan),
    summary,
    axes,
    mslVersion,
    constants,
    bindings: plan.bindings.map((binding) => bindingEntry(binding, bf16Storage)),
    dispatch,
    ...(tile && { tile }),
    threadgroupBytes,
    ...record,
  };
}

/** Of a struct, each member has its MSL type too. */
function bindingEntry(binding: Binding, bf16Storage: Bf16Storage): ManifestKernel['bindings'][number] {
  const { struct, ...rest } = binding;
  const fields = struct?.fields.map((field) => ({ ...field, type: mslType(field.element, bf16Storage) }));
  return {
    ...rest,
    type: bindingType(binding, bf16Storage),
    ...(struct && { struct: { ...struct, fields: fields ?? [] } }),
  };
}

export function buildManifest(
  version: string,
  kernels: readonly ManifestKernel[],
  model?: ModelDescription,
): Manifest {
  return {
    schemaVersion: 1,
    generator: { name: 'moegen', version },
    kernels: [...kernels].sort((a, b) => (a.name < b.name ? -1 : 1)),
    ...(model && { model }),
  };
}

/** The manifest's text: keys sorted at every level, so that the same content has the same bytes. */
export function serialiseManifest(manifest: Manifest): string {
  return `${JSON.stringify(withSortedKeys(manifest), undefined, 2)}\n`;
}

function withSortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withSortedKeys);
  const source = value as Readonly<Record<string, unknown>>;
  const sorted: Record<string, unknown> = {};
  for (const key of Object.keys(source).sort()) sorted[key] = withSortedKeys(source[key]);
  return sorted;
}

/** What people and programs outside may see of a plan: all of it but its template's words. */
export function describePlan(plan: KernelPlan): Omit<KernelPlan, 'terms'> & { readonly file: string } {
  const { name, family, folder, template, summary, axes, constants, bindings, dispatch } = plan;
  const { tile, threadgroupBytes, mslVersion } = plan;
  return {
    ...{ name, family, folder, template, summary, axes, constants, bindings, dispatch },
    ...(tile && { tile }),
    threadgroupBytes,
    mslVersion,
    file: kernelFile(plan),
  };
}
