// Turns plans and their texts into the manifest: what a host needs to load, bind and dispatch each kernel, and what a later
// run needs to see whether anything changed.

import type { ContextOptions } from '../emit/context.js';
import { bindingType, mslType } from '../emit/msl-type.js';
import type { KernelForm } from '../plan/flat.js';
import { parseFormula, type FormulaTree } from '../plan/formula.js';
import type { ModelDescription } from '../plan/model.js';
import { requirementsOf } from '../plan/requirements.js';
import { rulesOf, type SelectionRule } from '../plan/selection.js';
import { MAX_TILES } from '../plan/sizes.js';
import type { Binding, KernelPlan } from '../plan/types.js';
import type { Bf16Storage } from '../description/dtypes.js';
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
  const { name, family, summary, axes, mslVersion, constants, dispatch, tile, rows, threadgroupBytes } = plan;
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
    ...(rows && { rows }),
    threadgroupBytes,
    requires: requirementsOf(plan),
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
  { model, form }: { readonly model?: ModelDescription; readonly form?: KernelForm } = {},
): Manifest {
  const selection = rulesOf(kernels);
  return {
    schemaVersion: 1,
    generator: { name: 'moegen', version },
    kernels: [...kernels].sort((a, b) => (a.name < b.name ? -1 : 1)),
    formulas: formulaTrees(kernels, model, selection),
    sizes: SIZES,
    selection: [...selection],
    ...(form !== undefined && form !== 'bound' && { form }),
    ...(model && { model }),
  };
}

/** Of tiles at most: only the routing decides how many there are. */
const SIZES = { max_tiles: MAX_TILES, num_tiles: 'max_tiles' } as const;

/** Every formula that occurs, once. */
function formulaTrees(
  kernels: readonly ManifestKernel[],
  model: ModelDescription | undefined,
  selection: readonly SelectionRule[],
): Record<string, FormulaTree> {
  const ofKernels = kernels.flatMap(({ bindings, dispatch }) => [
    ...bindings.flatMap(({ shape, matrix = [] }) => [...shape, ...matrix]),
    ...dispatch.threadgroups,
  ]);
  const ofRuns = (model?.groups ?? []).flatMap(({ runs }) =>
    runs.flatMap(({ buffers }) => buffers.map(({ bytes }) => bytes)),
  );
  const ofRules = selection.flatMap(({ when }) => (when === null ? [] : [when.value, when.limit]));
  const formulas = new Set([...ofKernels, ...ofRuns, ...ofRules, ...Object.values(SIZES)]);
  return Object.fromEntries([...formulas].map((formula) => [formula, parseFormula(formula)]));
}

/** The manifest's text: keys sorted at every level, so that the same content has the same bytes. */
export function serialiseManifest(manifest: Manifest): string {
  const sorted = withSortedKeys(manifest) as Readonly<Record<string, object>>;
  const sections = Object.entries(sorted).map(([key, value]) =>
    BY_LINES.includes(key)
      ? byLines(key, value)
      : JSON.stringify({ [key]: value }, undefined, 2).slice(2, -2),
  );
  return `{\n${sections.join(',\n')}\n}\n`;
}

/** Sections of many small entries, which have a line each. */
const BY_LINES: readonly string[] = ['formulas', 'selection'];

function byLines(key: string, entries: object): string {
  const [open, close] = Array.isArray(entries) ? ['[', ']'] : ['{', '}'];
  const lines = Object.entries<unknown>({ ...entries }).map(([name, entry]) => {
    const text = JSON.stringify(entry);
    return Array.isArray(entries) ? `    ${text}` : `    ${JSON.stringify(name)}: ${text}`;
  });
  return `  "${key}": ${open}\n${lines.join(',\n')}\n  ${close}`;
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
  const { tile, rows, threadgroupBytes, mslVersion } = plan;
  return {
    ...{ name, family, folder, template, summary, axes, constants, bindings, dispatch },
    ...(tile && { tile }),
    ...(rows && { rows }),
    threadgroupBytes,
    mslVersion,
    file: kernelFile(plan),
  };
}
