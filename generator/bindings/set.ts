// A manifest as the bindings of every language see it: tables of kernels, formulas and runs, whose rows name each other by their
// positions. What is the same in several runs stands once.

import { MoegenError } from '../errors.js';
import type { Manifest, ManifestKernel } from '../manifest/schema.js';
import { parseFormula, type FormulaTree } from '../plan/formula.js';
import { modelRun, type RunDraft, type StageDraft } from './drafts.js';
import { generalRuns } from './general.js';
import { Table } from './table.js';

/** Position in `BindingSet.formulas`. */
type FormulaAt = number;

/** A function constant that is bound when the pipeline is made. */
interface ConstantRow {
  readonly index: number;
  readonly name: string;
  readonly type: string;
}

interface BindingRow {
  readonly index: number;
  readonly name: string;
  /** Not a buffer but a value, which is set as bytes. */
  readonly isValue: boolean;
  /** Empty where it is bound in any case. */
  readonly condition: string;
}

interface KernelRow {
  readonly name: string;
  readonly file: string;
  /** Position in `BindingSet.constants`. */
  readonly constants: number;
  /** Position in `BindingSet.bindings`. */
  readonly bindings: number;
  readonly grid: readonly FormulaAt[];
  /** Buffer with the grid; empty where the formulas say it. */
  readonly indirect: string;
  readonly threads: readonly number[];
}

interface StageRow {
  /** Empty where the stage always runs. */
  readonly condition: string;
  readonly choices: readonly { readonly kernel: number; readonly scoring: string; readonly glu: string }[];
}

interface MemoryRow {
  readonly name: string;
  readonly use: string;
  readonly bytes: FormulaAt;
  /** Of scratch; -1 of all else. */
  readonly slot: number;
}

interface ValueRow {
  readonly name: string;
  readonly value: number;
}

interface RunRow {
  readonly path: string;
  readonly tile: string;
  readonly activation: string;
  readonly weight: string;
  readonly intermediate: string;
  readonly maxExperts: number;
  /** Before which a barrier stands where its phase is not that of the step before it. */
  readonly steps: readonly { readonly stage: number; readonly phase: number }[];
  /** Position in `BindingSet.memories`. */
  readonly memory: number;
  /** Position in `BindingSet.values`. */
  readonly values: number;
}

export interface BindingSet {
  readonly version: string;
  readonly modelType: string;
  /** What every place in a buffer is a multiple of, in bytes. */
  readonly alignment: number;
  readonly formulas: readonly FormulaTree[];
  /** Sizes that follow from others, in this order. */
  readonly sizes: readonly { readonly name: string; readonly formula: FormulaAt }[];
  readonly rules: readonly {
    readonly path: string;
    readonly tile: string;
    readonly value: FormulaAt;
    readonly limit: FormulaAt;
  }[];
  readonly constants: readonly (readonly ConstantRow[])[];
  readonly bindings: readonly (readonly BindingRow[])[];
  /** Those that runs use. */
  readonly kernels: readonly KernelRow[];
  readonly stages: readonly StageRow[];
  readonly buffers: readonly MemoryRow[];
  /** Positions in `buffers`. */
  readonly memories: readonly (readonly number[])[];
  /** Values of constants that are those of a way to run. */
  readonly values: readonly (readonly ValueRow[])[];
  readonly runs: readonly RunRow[];
  /** Layers with the same block, and their runs; a general set has one group for any layer. */
  readonly groups: readonly { readonly layers: readonly number[]; readonly runs: readonly number[] }[];
}

/** More experts than any kernel takes. */
const ANY_EXPERTS = 0xffff_ffff;

export function bindingSet(manifest: Manifest, where: string): BindingSet {
  const { selection, sizes, model } = manifest;
  if (selection.length === 0) throw tooOld(where);
  const tables = new Tables();
  const named = new Map(manifest.kernels.map((kernel) => [kernel.name, kernel]));
  const groups =
    model === undefined
      ? [{ layers: [], drafts: generalRuns(manifest) }]
      : model.groups.map(({ layers, runs }) => ({ layers, drafts: runs.map((run) => modelRun(run, named)) }));
  const rows = groups.map(({ layers, drafts }) => ({
    layers,
    runs: drafts.map((draft) => tables.run(draft)),
  }));
  const rules = selection.map(({ path, tile, when }) => ({
    path,
    tile,
    value: tables.formula(when?.value ?? '0'),
    limit: tables.formula(when?.limit ?? '0'),
  }));
  return {
    version: manifest.generator.version,
    modelType: model?.modelType ?? '',
    alignment: Math.max(1, ...manifest.kernels.map(({ requires }) => requires?.alignment ?? 1)),
    sizes: Object.entries(sizes).map(([name, formula]) => ({ name, formula: tables.formula(formula) })),
    rules,
    groups: rows,
    ...tables.rows(),
  };
}

class Tables {
  readonly #formulas = new Table<FormulaTree>();
  readonly #stages = new Table<StageRow>();
  readonly #buffers = new Table<MemoryRow>();
  readonly #memories = new Table<readonly number[]>();
  readonly #values = new Table<readonly ValueRow[]>();
  readonly #runs = new Table<RunRow>();
  readonly #constants = new Table<readonly ConstantRow[]>();
  readonly #bindings = new Table<readonly BindingRow[]>();
  readonly #kernels = new Table<KernelRow>();

  formula(text: string): FormulaAt {
    return this.#formulas.add(parseFormula(text));
  }

  #kernel({ name, file, constants, bindings, dispatch }: ManifestKernel): number {
    return this.#kernels.add({
      ...{ name, file },
      constants: this.#constants.add(
        constants.flatMap(({ index, name: constant, type, value }) =>
          value === undefined ? [{ index, name: constant, type }] : [],
        ),
      ),
      bindings: this.#bindings.add(
        presentBindings(bindings, constants).map(({ index, name: buffer, access, condition = '' }) => ({
          ...{ index, name: buffer, condition },
          isValue: access === 'argument',
        })),
      ),
      grid: dispatch.threadgroups.map((formula) => this.formula(formula)),
      indirect: dispatch.indirect ?? '',
      threads: dispatch.threadsPerThreadgroup,
    });
  }

  run({ stages, phases, buffers, constants, maxExperts, ...draft }: RunDraft): number {
    const { path, tile, activation, weight, intermediate } = draft;
    const memory = buffers.map(({ name, use, bytes, slot = -1 }) =>
      this.#buffers.add({ name, use, bytes: this.formula(bytes), slot }),
    );
    const values = Object.entries(constants).map(([name, value]) => ({ name, value: Number(value) }));
    return this.#runs.add({
      ...{ path, tile, activation, weight, intermediate },
      maxExperts: maxExperts ?? ANY_EXPERTS,
      steps: stages.map((stage, at) => ({ stage: this.#stage(stage), phase: phases[at] ?? 0 })),
      memory: this.#memories.add(memory),
      values: this.#values.add(values),
    });
  }

  rows(): Pick<
    BindingSet,
    'formulas' | 'constants' | 'bindings' | 'kernels' | 'stages' | 'buffers' | 'memories' | 'values' | 'runs'
  > {
    return {
      formulas: this.#formulas.rows,
      constants: this.#constants.rows,
      bindings: this.#bindings.rows,
      kernels: this.#kernels.rows,
      stages: this.#stages.rows,
      buffers: this.#buffers.rows,
      memories: this.#memories.rows,
      values: this.#values.rows,
      runs: this.#runs.rows,
    };
  }

  #stage({ condition, kernels }: StageDraft): number {
    const choices = kernels.map((kernel) => ({
      kernel: this.#kernel(kernel),
      scoring: kernels.length > 1 ? (kernel.axes['scoring'] ?? '') : '',
      glu: kernels.length > 1 || condition !== null ? (kernel.axes['glu'] ?? '') : '',
    }));
    return this.#stages.add({ condition: condition ?? '', choices });
  }
}

/** A condition that is baked in is no question any more. */
function presentBindings(
  bindings: ManifestKernel['bindings'],
  constants: ManifestKernel['constants'],
): ManifestKernel['bindings'] {
  const values = new Map(constants.map(({ name, value }) => [name, value]));
  return bindings.flatMap(({ condition, ...binding }) => {
    const value = condition === undefined ? true : values.get(condition);
    if (value === false) return [];
    return [{ ...binding, ...(condition !== undefined && value === undefined && { condition }) }];
  });
}

function tooOld(where: string): MoegenError {
  return new MoegenError('bindings/old-manifest', 'expected a manifest that says how layers run', {
    where,
    help: 'generate the set again with this version of moegen',
  });
}
