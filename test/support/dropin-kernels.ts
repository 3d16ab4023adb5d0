// Runs one drop-in kernel on given numbers, for tests that say themselves what must come out.

import type { Device, LoadedLibrary } from '../../generator/native/types.js';
import { evaluateFormula } from '../../generator/plan/formula.js';
import { dropInName } from '../../generator/plan/names.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import type { ActivationDtype } from '../../generator/description/dtypes.js';
import { decodeElements, encodeElements } from '../../generator/validate/elements.js';
import { buildJob, type JobOptions } from '../../generator/validate/job.js';
import { elementOf } from '../../generator/validate/kernels/trial.js';
import { allPlans, hostDevice, kernelTexts } from './host-kernels.js';

export interface DropInRun {
  readonly values: Readonly<Record<string, number>>;
  /** Those that the kernel has no buffer for are left out. */
  readonly inputs: Readonly<Record<string, ArrayLike<number>>>;
  readonly outputs: readonly string[];
  /** Another launch than the documented one. */
  readonly threadgroups?: readonly [number, number, number];
  readonly threads?: number;
  readonly options?: JobOptions;
  /** Other weights than those of the audited kernel. */
  readonly weight?: string;
}

const device: Device = hostDevice();
const plans = allPlans('ushort', true).filter(({ file }) => file !== undefined);
const libraries = new Map<string, Promise<LoadedLibrary>>();

function findKernel(kernel: string, dtype: ActivationDtype, weight: string | undefined): KernelPlan {
  const name = dropInName(kernel, dtype, weight);
  const plan = plans.find((candidate) => candidate.name === name);
  if (plan === undefined) throw new Error(`no kernel ${name}`);
  return plan;
}

function load(plan: KernelPlan, instrument: boolean): Promise<LoadedLibrary> {
  const key = `${plan.folder}/${plan.file ?? ''} ${String(instrument)}`;
  const own = plans.filter(({ file, folder }) => file === plan.file && folder === plan.folder);
  const known =
    libraries.get(key) ??
    kernelTexts(own).then((texts) => device.load({ source: texts.textOf(plan), instrument }));
  libraries.set(key, known);
  return known;
}

/** The outputs asked for, as numbers, and what the checks found. */
export async function runDropIn(kernel: string, dtype: ActivationDtype, run: DropInRun) {
  const plan = findKernel(kernel, dtype, run.weight);
  const isWatched = run.options?.checks !== undefined || run.options?.count === true;
  const library = await load(plan, isWatched);
  const inputs = Object.fromEntries(
    plan.bindings.flatMap(({ name, element }) => {
      const values = run.inputs[name];
      return values === undefined ? [] : [[name, encodeElements(element, values)]];
    }),
  );
  const job = buildJob([{ plan, library, values: run.values }], inputs, run.outputs, run.options);
  const dispatches = job.dispatches.map((dispatch) => ({
    ...dispatch,
    threadgroups: run.threadgroups ?? dispatch.threadgroups,
    threadsPerThreadgroup:
      run.threads === undefined ? dispatch.threadsPerThreadgroup : ([run.threads, 1, 1] as const),
  }));
  const result = await device.run({ ...job, dispatches });
  const outputs = run.outputs.map((name, position) => {
    const bytes = result.outputs[position] ?? new Uint8Array();
    return [name, elementsOf(plan, name, bytes, run.values)] as const;
  });
  return {
    outputs: Object.fromEntries(outputs),
    reports: result.reports,
    counters: result.dispatches[0]?.counters,
  };
}

/** Without the bytes that a small buffer has more than its elements take. */
function elementsOf(
  plan: KernelPlan,
  name: string,
  bytes: Uint8Array,
  values: DropInRun['values'],
): Float64Array {
  const shape = plan.bindings.find((binding) => binding.name === name)?.shape ?? [];
  const count = shape.reduce((product, extent) => product * evaluateFormula(extent, values), 1);
  return decodeElements(elementOf(plan, name), bytes).slice(0, count);
}
