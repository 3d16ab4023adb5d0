// A set of kernels on its way to the output folder: which of them are as recorded there, and the texts of those that are not.
// Rendering and formatting are loaded only when some kernel needs them.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ContextOptions } from '../emit/context.js';
import { readTemplateSources, type TemplateSources } from '../emit/sources.js';
import { MoegenError } from '../errors.js';
import { buildKernelEntry, kernelFile, NOT_COMPILED_WITH_XCRUN } from '../manifest/build.js';
import { digestInputs, digestShared, sha256 } from '../manifest/digest.js';
import type { Manifest, ManifestKernel } from '../manifest/schema.js';
import type { ModelDescription } from '../plan/model.js';
import type { KernelPlan } from '../plan/types.js';
import { readBytes, readText } from './files.js';
import { MANIFEST_FILE } from './paths.js';

export interface SetRequest extends ContextOptions {
  readonly plans: readonly KernelPlan[];
  /** The package's root: its templates and its package.json are inputs. */
  readonly packageDir: string;
  /** Whether a recorded kernel belongs to what was asked for; if it does and has no plan any more, it goes. */
  readonly covers: (kernel: ManifestKernel) => boolean;
  /** How the layers of the model run that the set is made for. */
  readonly model?: ModelDescription;
}

export interface PlannedKernel {
  readonly plan: KernelPlan;
  readonly file: string;
  readonly inputs: string;
}

export interface KernelSet {
  readonly request: SetRequest;
  readonly version: string;
  readonly templates: TemplateSources;
  readonly kernels: readonly PlannedKernel[];
}

export interface RecordedState {
  readonly text: string | undefined;
  /** Absent where there is none or it cannot be understood. */
  readonly manifest: Manifest | undefined;
  readonly fault: MoegenError | undefined;
}

export function prepareSet(request: SetRequest): KernelSet {
  const { version, versions } = readVersions(request.packageDir);
  const templates = readTemplateSources(path.join(request.packageDir, 'templates'));
  const shared = digestShared({ templates, versions });
  const kernels = request.plans.map((plan) => ({
    plan,
    file: kernelFile(plan),
    inputs: digestInputs(plan, request, shared),
  }));
  return { request, version, templates, kernels };
}

export async function readRecordedState(outDir: string): Promise<RecordedState> {
  const text = readText(outDir, MANIFEST_FILE);
  if (text === undefined) return { text, manifest: undefined, fault: undefined };
  const { parseManifest } = await import('../manifest/schema.js');
  try {
    return { text, manifest: parseManifest(text, path.join(outDir, MANIFEST_FILE)), fault: undefined };
  } catch (error) {
    if (!(error instanceof MoegenError)) throw error;
    return { text, manifest: undefined, fault: error };
  }
}

/** The texts of files, rendered and laid out; of each file, all kernels must be given. */
export async function renderTexts(
  set: KernelSet,
  kernels: readonly PlannedKernel[],
): Promise<Map<string, string>> {
  if (kernels.length === 0) return new Map();
  const { renderFiles } = await import('./render-files.js');
  const files = [...kernelsByFile(kernels)].map(
    ([file, own]) => [file, own.map(({ plan }) => plan)] as const,
  );
  const { bf16Storage = 'ushort', form = 'bound' } = set.request;
  const options = { bf16Storage, form };
  return new Map(await renderFiles({ templates: set.templates, options, files }));
}

export function kernelsByFile<T extends { readonly file: string }>(kernels: readonly T[]): Map<string, T[]> {
  const files = new Map<string, T[]>();
  for (const kernel of kernels) {
    const own = files.get(kernel.file);
    if (own === undefined) files.set(kernel.file, [kernel]);
    else own.push(kernel);
  }
  return files;
}

/** The manifest entries of a set, with recorded kernels that were not asked for kept as they are. */
export function mergeEntries(
  set: KernelSet,
  hashes: ReadonlyMap<string, string>,
  recorded: Manifest | undefined,
): ManifestKernel[] {
  const before = new Map(recorded?.kernels.map((kernel) => [kernel.name, kernel]));
  const entries = set.kernels.map(({ plan, file, inputs }) => {
    const hash = hashes.get(file) ?? '';
    const old = before.get(plan.name);
    const xcrun = old?.sha256 === hash ? old.xcrun : NOT_COMPILED_WITH_XCRUN;
    return buildKernelEntry(plan, set.request, { inputs, sha256: hash, xcrun });
  });
  return [...entries, ...keptKernels(set, recorded)];
}

/** A file is written as a whole: what it held before and the set does not know is gone. */
function keptKernels(set: KernelSet, recorded: Manifest | undefined): ManifestKernel[] {
  const planned = new Set(set.kernels.map(({ plan }) => plan.name));
  const files = new Set(set.kernels.map(({ file }) => file));
  return (recorded?.kernels ?? []).filter(
    (kernel) => !planned.has(kernel.name) && !files.has(kernel.file) && !set.request.covers(kernel),
  );
}

/** Hashes of the files that need no rendering: their kernels, the inputs of each and their bytes are as recorded. */
export function currentHashes(
  set: KernelSet,
  outDir: string,
  recorded: Manifest | undefined,
): Map<string, string> {
  const before = kernelsByFile(recorded?.kernels ?? []);
  const hashes = new Map<string, string>();
  for (const [file, kernels] of kernelsByFile(set.kernels)) {
    const old = before.get(file) ?? [];
    if (!isRecorded(kernels, old)) continue;
    const bytes = readBytes(outDir, file);
    const hash = bytes === undefined ? undefined : sha256(bytes);
    if (hash !== undefined && old.every((kernel) => kernel.sha256 === hash)) hashes.set(file, hash);
  }
  return hashes;
}

function isRecorded(kernels: readonly PlannedKernel[], old: readonly ManifestKernel[]): boolean {
  const inputs = new Map(old.map((kernel) => [kernel.name, kernel.inputs]));
  return (
    kernels.length === old.length && kernels.every((kernel) => inputs.get(kernel.plan.name) === kernel.inputs)
  );
}

/** Packages whose version may change the bytes of a kernel. */
const SHAPING_PACKAGES = ['@wasm-fmt/clang-format', 'handlebars'];

function readVersions(packageDir: string): { version: string; versions: Record<string, string> } {
  const file = path.join(packageDir, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  const shaping = SHAPING_PACKAGES.map((name) => [name, manifest.dependencies[name] ?? ''] as const);
  return {
    version: manifest.version,
    versions: Object.fromEntries(shaping),
  };
}
