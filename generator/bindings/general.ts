// How layers run with a set that serves no model in particular: for each pair of types and each path the stages in order, each with
// the kernels it may be. Which one it is follows from the block: its router, its activation, whether it has a shared expert.

import { ACTIVATION_DTYPES, type ActivationDtype } from '../description/dtypes.js';
import { projectionFormat, WEIGHT_FORMAT_NAMES } from '../description/weights.js';
import type { Manifest, ManifestKernel } from '../manifest/schema.js';
import { SINGLE_BUILD_EXPERTS } from '../plan/families/index-build.js';
import { FAMILIES, type FamilyName } from '../plan/families/table.js';
import { layerFamilies, runSizes, type LayerPath } from '../plan/layer.js';
import { runMemory } from '../plan/run-buffers.js';
import type { RunDraft, StageDraft } from './drafts.js';

interface Types {
  readonly activation: ActivationDtype;
  readonly weight: string;
  readonly intermediate: ActivationDtype;
}

export function generalRuns({ kernels, selection }: Manifest): RunDraft[] {
  const weights = expertFormats(kernels);
  const types = ACTIVATION_DTYPES.flatMap((activation) =>
    weights.flatMap((weight) =>
      [...new Set([activation, 'f32'] as const)].map((intermediate) => ({
        activation,
        weight,
        intermediate,
      })),
    ),
  );
  return types.flatMap((own) =>
    selection.flatMap(({ path, tile }) =>
      expertLimits(path).flatMap((maxExperts) => generalRun(kernels, own, { path, tile, maxExperts }) ?? []),
    ),
  );
}

/** In the order of the table. */
function expertFormats(kernels: readonly ManifestKernel[]): string[] {
  const experts = kernels.filter(({ family }) => family === 'gate_up');
  const present = new Set(experts.map(({ axes }) => axes['weight']));
  return WEIGHT_FORMAT_NAMES.filter((name) => present.has(name));
}

/** In ascending order: the first run that takes so many experts is the one. */
function expertLimits(path: LayerPath): (number | null)[] {
  return path === 'skinny' ? [SINGLE_BUILD_EXPERTS, null] : [null];
}

type Way = Pick<RunDraft, 'path' | 'tile' | 'maxExperts'>;

/** Nothing where the set lacks a stage that every layer has. */
function generalRun(kernels: readonly ManifestKernel[], types: Types, way: Way): RunDraft | undefined {
  const shape = {
    hasSingleBuild: way.maxExperts !== null,
    hasAdjugate: false,
    hasLatent: false,
    hasShared: true,
    hasSharedSigmoid: true,
    hasSharedMix: false,
    norms: [],
  };
  const all = layerFamilies(shape, way.path).map((family): StageDraft => ({
    condition: conditionOf(family),
    kernels: kernels.filter((kernel) => suits(kernel, family, types, way)),
  }));
  const stages = all.filter((stage) => stage.kernels.length > 0);
  if (all.some(({ condition, kernels: own }) => condition === null && own.length === 0)) return undefined;
  const { phases, buffers } = runMemory(stages.map(everyBinding), allTrue(stages));
  const constants = runSizes(stages.flatMap((stage) => stage.kernels));
  return { ...types, ...way, constants: { ...constants }, stages, phases, buffers };
}

/** A block without a shared expert leaves its stages out. Barriers and memory are right without them too. */
function conditionOf(family: FamilyName): string | null {
  if (family === 'shared_sigmoid') return 'has_shared_sigmoid';
  return /^(decode_)?shared_/.test(family) ? 'has_shared_expert' : null;
}

function suits(kernel: ManifestKernel, family: FamilyName, types: Types, { tile }: Way): boolean {
  if (kernel.family !== family) return false;
  const projection = FAMILIES[family].projection;
  const wanted: Readonly<Record<string, string>> = {
    activation: types.activation,
    intermediate: types.intermediate,
    tile,
    ...(projection !== undefined && {
      weight: projectionFormat(projection, types.weight, types.activation).name,
    }),
  };
  return Object.entries(wanted).every(([axis, value]) => (kernel.axes[axis] ?? value) === value);
}

/** A kernel with all that one of the stage may be bound to: variants of a router differ in their parameters. */
function everyBinding({ kernels }: StageDraft): Pick<ManifestKernel, 'bindings' | 'dispatch'> {
  const bindings = new Map(
    kernels.flatMap((kernel) => kernel.bindings.map((own) => [own.name, own] as const)),
  );
  const [first] = kernels;
  if (first === undefined) throw new Error('a stage has a kernel');
  return { bindings: [...bindings.values()], dispatch: first.dispatch };
}

function allTrue(stages: readonly StageDraft[]): Readonly<Record<string, boolean>> {
  const conditions = stages.flatMap(({ kernels }) =>
    kernels.flatMap(({ bindings }) => bindings.map(({ condition = '' }) => condition)),
  );
  return Object.fromEntries(conditions.map((name) => [name, true]));
}
