// From options to plans: the kernels that were asked for, or an error that names the nearest there is.

import picomatch from 'picomatch';
import type { MslVersion } from '../compile/types.js';
import { MoegenError } from '../errors.js';
import { kernelFile } from '../manifest/build.js';
import type { ManifestKernel } from '../manifest/schema.js';
import { planKernels } from '../plan/plan.js';
import type { KernelPlan } from '../plan/types.js';
import type { MoeBlock } from '../spec/block.js';
import type { GenerationSpec } from '../spec/generation.js';
import { ACTIVATION_DTYPES, type ActivationDtype, type Bf16Storage } from '../spec/dtypes.js';
import { WEIGHT_FORMAT_NAMES } from '../spec/weights.js';
import { suggest } from './values.js';

export interface Selection {
  readonly dtype: readonly ActivationDtype[];
  readonly weights: readonly string[];
  /** Drop-in kernels with those weights for every activation, not only in the common pairs. */
  readonly everyPair?: boolean;
  readonly kernel: string;
  readonly bf16Storage?: Bf16Storage | undefined;
  readonly msl?: MslVersion | undefined;
  /** The block to specialise for; without one, the general set. */
  readonly block?: MoeBlock;
}

const EVERYTHING: Selection = {
  dtype: ACTIVATION_DTYPES,
  weights: WEIGHT_FORMAT_NAMES,
  everyPair: true,
  kernel: '*',
};

export function selectPlans(selection: Selection): KernelPlan[] {
  return chosenAmong(planAll(selection), selection.kernel);
}

/** The kernels that were asked for with those that lie in the same files, for a file is made as a whole. */
export function selectFiles(selection: Selection): KernelPlan[] {
  const plans = planAll(selection);
  const files = new Set(chosenAmong(plans, selection.kernel).map(kernelFile));
  return plans.filter((plan) => files.has(kernelFile(plan)));
}

function chosenAmong(plans: readonly KernelPlan[], glob: string): KernelPlan[] {
  const chosen = plans.filter((plan) => picomatch.isMatch(plan.name, glob));
  if (chosen.length === 0) throw noMatch(glob, plans);
  return chosen;
}

function planAll(selection: Selection): KernelPlan[] {
  return planKernels({ ...generationOf(selection), block: selection.block ?? null });
}

/** What every set of the selection has in common. */
export function generationOf(selection: Selection): Omit<GenerationSpec, 'block'> {
  const bf16Storage = selection.bf16Storage ?? 'ushort';
  const mslVersion = selection.msl ?? (bf16Storage === 'bfloat' ? '3.1' : '3.0');
  if (bf16Storage === 'bfloat' && mslVersion === '3.0') {
    throw new MoegenError('cli/bfloat-version', "'bfloat' needs MSL 3.1 or newer, got --msl 3.0", {
      where: '--bf16-storage',
      help: 'use --msl 3.1, or --bf16-storage ushort, which has the same bits',
    });
  }
  const { dtype, weights, everyPair = false } = selection;
  return { activations: dtype, weights, everyPair, bf16Storage, mslVersion };
}

/** One kernel by its name, among all that there are. */
export function findPlan(name: string): KernelPlan {
  const plans = selectPlans(EVERYTHING);
  const plan = plans.find((candidate) => candidate.name === name);
  if (plan === undefined) throw noMatch(name, plans);
  return plan;
}

/** Whether a recorded kernel is among those that the selection speaks of. */
export function covers({ dtype, weights, kernel }: Selection): (recorded: ManifestKernel) => boolean {
  const asked: Readonly<Record<string, readonly string[]>> = { activation: dtype, weight: weights };
  return ({ name, axes }) =>
    picomatch.isMatch(name, kernel) &&
    Object.entries(asked).every(([axis, values]) => axes[axis] === undefined || values.includes(axes[axis]));
}

function noMatch(glob: string, plans: readonly KernelPlan[]): MoegenError {
  const names = plans.map((plan) => plan.name);
  return new MoegenError('cli/no-such-kernel', `no kernel matches '${glob}'`, {
    where: 'kernel name',
    help: suggest(glob, names, '`moegen list` names all kernels'),
  });
}
