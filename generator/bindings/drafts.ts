// What a run of a layer is before it becomes rows of tables: of a model as its manifest says it, of a general set as composed.

import type { Manifest, ManifestKernel } from '../manifest/schema.js';

/** One step of a run. */
export interface StageDraft {
  /** Name of the bool constant without which the stage is left out; null where it always runs. */
  readonly condition: string | null;
  /** Those that it may be, told apart by the axes `scoring` and `glu`. */
  readonly kernels: readonly ManifestKernel[];
}

type ModelRun = NonNullable<Manifest['model']>['groups'][number]['runs'][number];

export interface RunDraft extends Pick<
  ModelRun,
  'path' | 'tile' | 'activation' | 'weight' | 'intermediate' | 'phases' | 'constants'
> {
  /** The run is for at most so many experts; null for any number. */
  readonly maxExperts: number | null;
  readonly stages: readonly StageDraft[];
  readonly buffers: readonly Pick<ModelRun['buffers'][number], 'name' | 'use' | 'bytes' | 'slot'>[];
}

export function modelRun(run: ModelRun, kernels: ReadonlyMap<string, ManifestKernel>): RunDraft {
  const stages = run.kernels.map((name) => {
    const kernel = kernels.get(name);
    if (kernel === undefined) throw new Error(`the manifest has a run with ${name}, but no such kernel`);
    return { condition: null, kernels: [kernel] };
  });
  return { ...run, maxExperts: null, stages };
}
