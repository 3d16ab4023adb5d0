// From options to plans: the kernels that were asked for, or an error that names the nearest there is.

import picomatch from 'picomatch';
import type { MslVersion } from '../compile/types.js';
import { MoegenError } from '../errors.js';
import { kernelFile } from '../manifest/build.js';
import type { ManifestKernel } from '../manifest/schema.js';
import { planKernels } from '../plan/plan.js';
import type { KernelPlan } from '../plan/types.js';
import type { MoeBlock } from '../description/block.js';
import type { GenerationSpec } from '../description/generation.js';
import { ACTIVATION_DTYPES, type ActivationDtype, type Bf16Storage } from '../description/dtypes.js';
import { GENERAL_FORMAT_NAMES, splitWeights, WEIGHT_FORMAT_NAMES } from '../description/weights.js';
import { suggest } from '../description/nearest.js';

export interface Selection {
  readonly dtype: readonly ActivationDtype[];
  /** Weight formats, and `projection=format` where one is chosen by itself. */
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
  weights: GENERAL_FORMAT_NAMES,
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

export function chosenAmong(plans: readonly KernelPlan[], glob: string): KernelPlan[] {
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
  const { dtype, everyPair = false } = selection;
  const { names, mix } = splitWeights(selection.weights);
  const weights = names.length > 0 ? names : dtype;
  return { activations: dtype, weights, mix, everyPair, bf16Storage, mslVersion };
}

/** One kernel by its name, among all that there are. */
export function findPlan(name: string): KernelPlan {
  // The formats that few ask for are planned only where the name is none of the others.
  const general = findNamed(name, EVERYTHING.weights);
  if ('name' in general) return general;
  const plan = findNamed(name, WEIGHT_FORMAT_NAMES);
  if ('name' in plan) return plan;
  throw noMatch(name, plan);
}

function findNamed(name: string, weights: readonly string[]): KernelPlan | KernelPlan[] {
  const plans = selectPlans({ ...EVERYTHING, weights });
  return plans.find((candidate) => candidate.name === name) ?? plans;
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
