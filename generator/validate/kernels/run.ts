// Runs kernels on a device, each on every case of its family, and compares what they write with the float64 references.

import type {
  Check,
  CheckReport,
  Device,
  DispatchResult,
  Job,
  LoadedLibrary,
  Subnormals,
} from '../../native/types.js';
import type { KernelPlan } from '../../plan/types.js';
import { compareValues, type Mismatch } from '../compare.js';
import { decodeElements } from '../elements.js';
import { buildJob, type Contents, type JobOptions } from '../job.js';
import { createRandom, type Random } from '../random.js';
import { memoryMismatches, type MemoryMismatch } from '../threadgroup-memory.js';
import { countUlps, sumUlps, type UlpCounts } from '../ulps.js';
import type { KernelCase } from './cases.js';
import { takesOrdered } from './expert-weights.js';
import { isMixtureOfGiven } from './dropin-mixture-inputs.js';
import { compactIdsTrials } from './compact-ids-trials.js';
import { convertTrials } from './convert-trials.js';
import type { BlockFamily, FamilyName } from '../../plan/families/table.js';
import { combineTrials, downTrials } from './down-trials.js';
import {
  decodeGateUpTrials,
  gateUpTrials,
  sharedGateUpTrials,
  sharedSigmoidTrials,
} from './gate-up-trials.js';
import { indexBuildTrials, indexCountTrials, indexScanTrials, indexScatterTrials } from './index-trials.js';
import { latentInTrials, latentOutTrials, sharedDownTrials } from './projection-trials.js';
import { routerLogitsTrials, routerSelectTrials } from './router-trials.js';
import { dropInAssignmentTrials } from './dropin-assignment-trials.js';
import { dropInConvertTrials } from './dropin-convert-trials.js';
import { dropInDispatchTrials } from './dropin-dispatch-trials.js';
import { dropInEntropyTrials } from './dropin-entropy-trials.js';
import { dropInDecodeTrials, dropInMixtureTrials } from './dropin-mixture-trials.js';
import { dropInRouterTrials } from './dropin-router-trials.js';
import { dropInAggregateTrials, dropInGateUpTrials } from './dropin-shared-trials.js';
import type { Trial, TrialBuilder } from './trial.js';

const TRIALS: Readonly<Record<Exclude<FamilyName, BlockFamily>, TrialBuilder>> = {
  router_logits: routerLogitsTrials,
  batched_router_logits: routerLogitsTrials,
  router_select: routerSelectTrials,
  index_build: indexBuildTrials,
  index_count: indexCountTrials,
  index_scan: indexScanTrials,
  index_scatter: indexScatterTrials,
  gate_up: gateUpTrials,
  down: downTrials,
  skinny_gate_up: gateUpTrials,
  skinny_down: downTrials,
  combine: combineTrials,
  decode_combine: combineTrials,
  decode_gate_up: decodeGateUpTrials,
  decode_down: downTrials,
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
  compact_ids: compactIdsTrials,
  dropin_router: dropInRouterTrials,
  dropin_dispatch: dropInDispatchTrials,
  dropin_assignments: dropInAssignmentTrials,
  dropin_entropy: dropInEntropyTrials,
  dropin_mixture: dropInMixtureTrials,
  dropin_decode: dropInDecodeTrials,
  dropin_scatter: dropInMixtureTrials,
  dropin_aggregate: dropInAggregateTrials,
  dropin_gate_up: dropInGateUpTrials,
  dropin_convert: dropInConvertTrials,
};

const EXPERT_FAMILIES = /^(?:decode_|skinny_)?(?:gate_up|down)$/u;
/** Those that sum in the promised order and store the sum, or what is computed from it alone. */
const ORDERED_FAMILIES = /^(?:decode_|skinny_)?(?:shared_)?(?:gate_up|down)$|^(?:decode_)?latent_in$/u;

/** More experts than these for a token matter to those who choose, sort or add them up: products take each by itself. */
const MOST_SLOTS = 64;

/** Whether the kernel multiplies with the weights of experts that were chosen before. */
function isGivenExperts(plan: KernelPlan): boolean {
  return EXPERT_FAMILIES.test(plan.family) || isMixtureOfGiven(plan);
}

function concerns(plan: KernelPlan, { isSparse, numbers, routing, topK }: KernelCase): boolean {
  const isGiven = isGivenExperts(plan);
  if (isSparse) return isGiven;
  if (isGiven && (routing === 'ties' || topK > MOST_SLOTS)) return false;
  return numbers !== 'ordered' || (ORDERED_FAMILIES.test(plan.family) && takesOrdered(plan));
}

/** Given experts show nothing more when checked with more of them for a token: each is one more row like the others. */
const CHECKED_SLOTS = 8;

function isChecked(plan: KernelPlan, { isChecked: isCheckedCase, topK }: KernelCase): boolean {
  return isCheckedCase && (topK <= CHECKED_SLOTS || !isGivenExperts(plan));
}

/** What a kernel must do on a case; a family without trials cannot be validated, and none is let through. */
export function trialsOf(plan: KernelPlan, sizes: KernelCase, random: Random): readonly Trial[] {
  const builders: Readonly<Partial<Record<FamilyName, TrialBuilder>>> = TRIALS;
  const builder = builders[plan.family];
  if (builder === undefined) throw new Error(`the family ${plan.family} has no trials`);
  if (!concerns(plan, sizes)) return [];
  return builder(plan, sizes, random);
}

interface Failure {
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
  /** Errors in steps of the outputs' types. */
  readonly ulps: UlpCounts;
  readonly failures: readonly Failure[];
  readonly reports: readonly CheckReport[];
  /** The kernel, where it takes other threadgroup memory than its plan says. */
  readonly memory: readonly MemoryMismatch[];
}

export interface KernelRunOptions {
  readonly seed: number;
  readonly checks: readonly Check[];
  readonly subnormals?: Subnormals | undefined;
}

export async function validateKernel(
  device: Device,
  library: LoadedLibrary,
  plan: KernelPlan,
  cases: readonly KernelCase[],
  options: KernelRunOptions,
): Promise<KernelVerdict> {
  const trials = cases.flatMap((sizes) =>
    trialsOf(plan, sizes, createRandom(options.seed)).map((trial) => ({ sizes, trial })),
  );
  const outcomes: TrialOutcome[] = [];
  const reports: CheckReport[] = [];
  const dispatches: DispatchResult[] = [];
  for (const withChecks of [true, false]) {
    const checks = withChecks ? options.checks : [];
    for (const batch of batchesOf(trials.filter(({ sizes }) => isChecked(plan, sizes) === withChecks))) {
      const result = await runTrials(device, library, plan, batch, { ...options, checks });
      outcomes.push(...result.outcomes);
      reports.push(...result.reports);
      dispatches.push(...result.dispatches);
    }
  }
  const failures = outcomes.flatMap((outcome) => outcome.failures);
  const memory = memoryMismatches([plan], dispatches);
  return {
    kernel: plan.name,
    ok: failures.length === 0 && reports.length === 0 && memory.length === 0,
    trials: trials.length,
    compared: outcomes.reduce((sum, { compared }) => sum + compared, 0),
    usedShare: Math.max(0, ...outcomes.map((outcome) => outcome.usedShare)),
    ulps: sumUlps(outcomes.map((outcome) => outcome.ulps)),
    failures,
    reports,
    memory,
  };
}

interface TrialOfCase {
  readonly sizes: KernelCase;
  readonly trial: Trial;
}

interface TrialOutcome {
  readonly compared: number;
  readonly usedShare: number;
  readonly ulps: UlpCounts;
  readonly failures: readonly Failure[];
}

/** Bytes of input that one job takes. */
const BATCH_BYTES = 2 ** 26;

function bytesOf(contents: Contents): number {
  if (contents instanceof Uint8Array) return contents.byteLength;
  return contents.reduce((sum, { data }) => sum + data.byteLength, 0);
}

/** A job costs a process: as many trials share one as keep it small. */
function batchesOf(trials: readonly TrialOfCase[]): TrialOfCase[][] {
  const batches: TrialOfCase[][] = [];
  let bytes = Infinity;
  for (const named of trials) {
    const own = Object.values(named.trial.inputs).reduce((sum, contents) => sum + bytesOf(contents), 0);
    if (bytes + own > BATCH_BYTES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(named);
    bytes += own;
  }
  return batches;
}

/** One dispatch for each trial, with buffers of its own; the outputs are those of all expectations, in their order. */
export function trialsJob(
  plan: KernelPlan,
  library: LoadedLibrary,
  trials: readonly Trial[],
  options: JobOptions = {},
): Job {
  const own = (name: string, position: number) => `${name} (trial ${position})`;
  const steps = trials.map(({ values }, position) => ({
    plan,
    library,
    values,
    names: Object.fromEntries(plan.bindings.map(({ name }) => [name, own(name, position)])),
  }));
  const inputs = trials.flatMap((trial, position) =>
    Object.entries(trial.inputs).map(([name, bytes]) => [own(name, position), bytes] as const),
  );
  const outputs = trials.flatMap(({ expectations }, position) =>
    expectations.map(({ output }) => own(output, position)),
  );
  return buildJob(steps, Object.fromEntries(inputs), outputs, { timeoutSeconds: 600, ...options });
}

async function runTrials(
  device: Device,
  library: LoadedLibrary,
  plan: KernelPlan,
  batch: readonly TrialOfCase[],
  { checks, seed, subnormals = 'flush' }: KernelRunOptions,
): Promise<{
  readonly outcomes: TrialOutcome[];
  readonly reports: readonly CheckReport[];
  readonly dispatches: readonly DispatchResult[];
}> {
  const trials = batch.map(({ trial }) => trial);
  const result = await device.run(
    trialsJob(plan, library, trials, { subnormals, ...(checks.length > 0 && { checks, seed }) }),
  );
  const expected = batch.flatMap(({ sizes, trial }) =>
    trial.expectations.map((expectation) => ({ case: sizes.name, expectation })),
  );
  const outcomes = expected.map((item, at) => {
    const got = decodeElements(item.expectation.element, result.outputs[at] ?? new Uint8Array());
    const { compared, mismatches, worst, usedShare } = compareValues(got, item.expectation);
    const ulps = countUlps(item.expectation.element, got, item.expectation);
    const failure = { case: item.case, output: item.expectation.output, mismatches, worst };
    return { compared, usedShare, ulps, failures: mismatches > 0 ? [failure] : [] };
  });
  return { outcomes, reports: result.reports, dispatches: result.dispatches };
}
