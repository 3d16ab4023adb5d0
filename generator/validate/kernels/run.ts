// Runs kernels on a device, each on every case of its family, and compares what they write with the float64 references.

import type { Check, CheckReport, Device, LoadedLibrary } from '../../native/types.js';
import type { KernelPlan } from '../../plan/types.js';
import { compareValues, type Mismatch } from '../compare.js';
import { decodeElements } from '../elements.js';
import { buildJob } from '../job.js';
import { createRandom, type Random } from '../random.js';
import type { KernelCase } from './cases.js';
import { convertTrials } from './convert-trials.js';
import { combineTrials, decodeDownTrials, downTrials } from './down-trials.js';
import {
  decodeGateUpTrials,
  gateUpTrials,
  sharedGateUpTrials,
  sharedSigmoidTrials,
} from './gate-up-trials.js';
import { indexCountTrials, indexScanTrials, indexScatterTrials } from './index-trials.js';
import { latentInTrials, latentOutTrials, sharedDownTrials } from './projection-trials.js';
import { routerLogitsTrials, routerSelectTrials, routerTrials } from './router-trials.js';
import { seedAssignmentTrials } from './seed-assignment-trials.js';
import { seedConvertTrials } from './seed-convert-trials.js';
import { seedDispatchTrials } from './seed-dispatch-trials.js';
import { seedEntropyTrials } from './seed-entropy-trials.js';
import { seedDecodeTrials, seedMixtureTrials } from './seed-mixture-trials.js';
import { seedRouterTrials } from './seed-router-trials.js';
import { seedAggregateTrials, seedGateUpTrials } from './seed-shared-trials.js';
import type { Trial, TrialBuilder } from './trial.js';

const TRIALS: Readonly<Record<string, TrialBuilder>> = {
  router: routerTrials,
  router_logits: routerLogitsTrials,
  router_select: routerSelectTrials,
  index_count: indexCountTrials,
  index_scan: indexScanTrials,
  index_scatter: indexScatterTrials,
  gate_up: gateUpTrials,
  down: downTrials,
  combine: combineTrials,
  decode_gate_up: decodeGateUpTrials,
  decode_down: decodeDownTrials,
  shared_gate_up: sharedGateUpTrials,
  decode_shared_gate_up: sharedGateUpTrials,
  shared_sigmoid: sharedSigmoidTrials,
  shared_down: sharedDownTrials,
  decode_shared_down: sharedDownTrials,
  latent_in: latentInTrials,
  decode_latent_in: latentInTrials,
  latent_out: latentOutTrials,
  decode_latent_out: latentOutTrials,
  convert: convertTrials,
  seed_router: seedRouterTrials,
  seed_dispatch: seedDispatchTrials,
  seed_assignments: seedAssignmentTrials,
  seed_entropy: seedEntropyTrials,
  seed_mixture: seedMixtureTrials,
  seed_decode: seedDecodeTrials,
  seed_scatter: seedMixtureTrials,
  seed_aggregate: seedAggregateTrials,
  seed_gate_up: seedGateUpTrials,
  seed_convert: seedConvertTrials,
};

/** What a kernel must do on a case; a family without trials cannot be validated, and none is let through. */
export function trialsOf(plan: KernelPlan, sizes: KernelCase, random: Random): readonly Trial[] {
  const builder = TRIALS[plan.family];
  if (builder === undefined) throw new Error(`the family ${plan.family} has no trials`);
  return builder(plan, sizes, random);
}

export interface Failure {
  readonly case: string;
  /** The output that is wrong; nothing where a check reported. */
  readonly output: string;
  readonly mismatches: number;
  readonly worst: Mismatch | undefined;
}

export interface KernelVerdict {
  readonly kernel: string;
  readonly ok: boolean;
  readonly trials: number;
  readonly compared: number;
  /** Largest difference as a share of its bound. */
  readonly usedShare: number;
  readonly failures: readonly Failure[];
  readonly reports: readonly CheckReport[];
}

export interface KernelRunOptions {
  readonly seed: number;
  readonly checks: readonly Check[];
}

export async function validateKernel(
  device: Device,
  library: LoadedLibrary,
  plan: KernelPlan,
  cases: readonly KernelCase[],
  options: KernelRunOptions,
): Promise<KernelVerdict> {
  const failures: Failure[] = [];
  const reports: CheckReport[] = [];
  let [trials, compared, usedShare] = [0, 0, 0];
  for (const sizes of cases) {
    for (const trial of trialsOf(plan, sizes, createRandom(options.seed))) {
      const outcome = await runTrial(device, library, plan, trial, options);
      trials += 1;
      compared += outcome.compared;
      usedShare = Math.max(usedShare, outcome.usedShare);
      failures.push(...outcome.failures.map((failure) => ({ case: sizes.name, ...failure })));
      reports.push(...outcome.reports);
    }
  }
  const ok = failures.length === 0 && reports.length === 0;
  return { kernel: plan.name, ok, trials, compared, usedShare, failures, reports };
}

async function runTrial(
  device: Device,
  library: LoadedLibrary,
  plan: KernelPlan,
  trial: Trial,
  { checks, seed }: KernelRunOptions,
) {
  const names = trial.expectations.map(({ output }) => output);
  const job = buildJob([{ plan, library, values: trial.values }], trial.inputs, names, {
    ...(checks.length > 0 && { checks, seed }),
  });
  const result = await device.run(job);
  const comparisons = trial.expectations.map((expectation, position) => ({
    output: expectation.output,
    ...compareValues(
      decodeElements(expectation.element, result.outputs[position] ?? new Uint8Array()),
      expectation,
    ),
  }));
  return {
    compared: comparisons.reduce((sum, { compared }) => sum + compared, 0),
    usedShare: Math.max(0, ...comparisons.map((comparison) => comparison.usedShare)),
    failures: comparisons.filter(({ mismatches }) => mismatches > 0),
    reports: result.reports,
  };
}
