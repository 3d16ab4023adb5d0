// Results of several runs into one record for each kernel: what it is, what every run said of it, what its stages moved.

import { kernelFile } from '../manifest/build.js';
import type { KernelPlan } from '../plan/types.js';
import type { Benched, BenchedStage, Validated, Verdict } from './results.js';

interface Run extends Omit<Validated, 'kernels' | 'fixtures'> {
  readonly title: string;
}

export interface StageOfLayer {
  readonly bench: Pick<Benched, 'model' | 'device' | 'machine'>;
  readonly layer: Omit<Benched['layers'][number], 'stages'>;
  readonly stage: BenchedStage;
}

export interface KernelRecord {
  readonly name: string;
  /** Missing of a kernel that is of another set than the one the report is about. */
  readonly plan?: KernelPlan | undefined;
  readonly file?: string | undefined;
  readonly verdicts: readonly { readonly run: Run; readonly verdict: Verdict }[];
  readonly stages: readonly StageOfLayer[];
}

export interface TitledResult {
  readonly title: string;
  readonly result: Validated;
}

interface Results {
  readonly validated: readonly TitledResult[];
  readonly benched: readonly Benched[];
}

export function kernelRecords(plans: readonly KernelPlan[], { validated, benched }: Results): KernelRecord[] {
  const named = new Map(plans.map((plan) => [plan.name, plan]));
  const verdicts = validated.flatMap(({ title, result: { kernels, ...run } }) =>
    kernels.map((verdict) => ({ run: { title, ...run }, verdict })),
  );
  const stages = stagesOf(benched);
  const names = new Set([
    ...verdicts.map(({ verdict }) => verdict.kernel),
    ...stages.map(({ stage }) => stage.kernel),
  ]);
  const byName = grouped(verdicts, ({ verdict }) => verdict.kernel);
  const stagesByName = grouped(stages, ({ stage }) => stage.kernel);
  return [...names].sort().map((name) => {
    const plan = named.get(name);
    return {
      name,
      plan,
      file: plan && kernelFile(plan),
      verdicts: byName.get(name) ?? [],
      stages: stagesByName.get(name) ?? [],
    };
  });
}

/** In the order in which the keys come. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

export function stagesOf(benched: readonly Benched[]): StageOfLayer[] {
  return benched.flatMap(({ layers, ...bench }) =>
    layers.flatMap(({ stages, ...layer }) => stages.map((stage) => ({ bench, layer, stage }))),
  );
}

export interface Summary {
  /** `none`: no run has it. */
  readonly state: 'ok' | 'failed' | 'none';
  /** Of all runs. */
  readonly usedShare: number;
  readonly ulps: number | undefined;
  /** Checks that found nothing, of those that were on. */
  readonly passed: number;
  readonly checked: number;
  /** The largest of all layers that were counted. */
  readonly overFloor: number | undefined;
}

export function summaryOf({ verdicts, stages }: KernelRecord): Summary {
  const ok = verdicts.every(({ verdict }) => verdict.ok);
  const checks = new Set(verdicts.flatMap(({ run }) => run.checks));
  const found = new Set(verdicts.flatMap(({ verdict }) => verdict.reports.map(({ check }) => check)));
  const ulps = verdicts.flatMap(({ verdict }) =>
    verdict.ulps === undefined ? [] : [verdict.ulps.largest ?? Infinity],
  );
  const ratios = stages.flatMap(({ stage }) => (stage.counted === undefined ? [] : [stage.counted.ratio]));
  return {
    state: verdicts.length === 0 ? 'none' : ok ? 'ok' : 'failed',
    usedShare: Math.max(0, ...verdicts.map(({ verdict }) => verdict.usedShare ?? Infinity)),
    ulps: ulps.length === 0 ? undefined : Math.max(...ulps),
    passed: [...checks].filter((check) => !found.has(check)).length,
    checked: checks.size,
    overFloor: ratios.length === 0 ? undefined : Math.max(...ratios),
  };
}
