// The entry of validation: many kernels, or many fixtures, on one device, a few at a time, with a word after each.

import { availableParallelism } from 'node:os';
import type { MoegenError } from '../errors.js';
import type { Check, Device, LoadedLibrary, Subnormals } from '../native/types.js';
import type { KernelPlan } from '../plan/types.js';
import type { MoeBlock } from '../description/block.js';
import type { LayerBlocks } from '../description/models/index.js';
import {
  isRefusal,
  validateBlock,
  validateFixture,
  type FixtureOptions,
  type FixtureVerdict,
  type KernelSource,
} from './fixtures.js';
import { SYNTHETIC_TOKENS, syntheticFixture } from './synthetic.js';
import { kernelFormats } from '../description/weights.js';
import { hasOwnDtype, kernelCases, rareCases, sparseCases, type KernelCase } from './kernels/cases.js';
import { validateKernel, type KernelVerdict } from './kernels/run.js';

export interface KernelTexts {
  readonly plans: readonly KernelPlan[];
  /** The kernel's file as it is generated, and the name that diagnostics give it. */
  textOf(plan: KernelPlan): { readonly path: string; readonly text: string };
}

export interface ValidateOptions {
  readonly seed: number;
  readonly checks: readonly Check[];
  readonly subnormals?: Subnormals | undefined;
  readonly onVerdict?: (verdict: KernelVerdict) => void;
  /** Without it, all of its activation dtype. */
  readonly casesOf?: (plan: KernelPlan) => readonly KernelCase[];
}

/** Verdicts in the order of the plans. */
export async function validateKernels(
  device: Device,
  texts: KernelTexts,
  options: ValidateOptions,
): Promise<KernelVerdict[]> {
  const load = loader(device, texts, options.checks.length > 0);
  return mapConcurrently(texts.plans, async (plan) => {
    const cases = options.casesOf?.(plan) ?? casesOf(device, plan);
    const verdict = await validateKernel(device, await load(plan), plan, cases, options);
    options.onVerdict?.(verdict);
    return verdict;
  });
}

/** The texts of the set that is specialised for a block. */
export type BlockTexts = (
  block: MoeBlock,
  choice: Pick<FixtureOptions, 'activation' | 'weight' | 'mix'>,
) => Promise<KernelTexts>;

export interface BlockRunOptions extends FixtureOptions {
  readonly onVerdict?: (verdict: FixtureVerdict) => void;
  /** Told of each block that cannot be computed in the activation's dtype; without it, the first one ends it all. */
  readonly onRefusal?: (refusal: MoegenError) => void;
}

/** Verdicts in the order of the files, without those that are refused; a file that cannot be read or run ends it all. */
export async function validateFixtures(
  device: Device,
  textsOf: BlockTexts,
  files: readonly string[],
  options: BlockRunOptions,
): Promise<FixtureVerdict[]> {
  const source = kernelSource(device, textsOf, options.checks.length > 0);
  return judgeInTurn(files, options, (file) => validateFixture(device, source, file, options));
}

/** One verdict for each of a model's different blocks, with parameters filled by rule. */
export async function validateModel(
  device: Device,
  textsOf: BlockTexts,
  model: { readonly name: string; readonly layers: LayerBlocks; readonly numTokens?: number | undefined },
  options: BlockRunOptions,
): Promise<FixtureVerdict[]> {
  const source = kernelSource(device, textsOf, options.checks.length > 0);
  return judgeInTurn(model.layers.blocks, options, ({ block, layers, formats }) => {
    const layer = layers[0] ?? 0;
    const name = `${model.name}, layer ${layer}`;
    const fixture = syntheticFixture({ name, layer, numTokens: model.numTokens ?? SYNTHETIC_TOKENS }, block);
    const own = formats === undefined ? {} : { weight: formats.gate_up ?? options.weight, mix: formats };
    return validateBlock(device, source, { fixture, block }, { ...options, ...own });
  });
}

async function judgeInTurn<T>(
  subjects: readonly T[],
  { onVerdict, onRefusal }: BlockRunOptions,
  judge: (subject: T) => Promise<FixtureVerdict>,
): Promise<FixtureVerdict[]> {
  const verdicts: FixtureVerdict[] = [];
  for (const subject of subjects) {
    try {
      const verdict = await judge(subject);
      onVerdict?.(verdict);
      verdicts.push(verdict);
    } catch (error) {
      if (onRefusal === undefined || !isRefusal(error)) throw error;
      onRefusal(error);
    }
  }
  return verdicts;
}

/** The kernels of a block with the texts of its set. */
export function kernelSource(device: Device, textsOf: BlockTexts, instrument: boolean): KernelSource {
  return async (block, choice) => {
    const texts = await textsOf(block, choice);
    return { plans: texts.plans, load: loader(device, texts, instrument) };
  };
}

/** Each file is compiled when one of its kernels is first asked for, and once. */
function loader(
  device: Device,
  texts: KernelTexts,
  instrument: boolean,
): (plan: KernelPlan) => Promise<LoadedLibrary> {
  const loaded = new Map<string, Promise<LoadedLibrary>>();
  return (plan) => {
    const source = texts.textOf(plan);
    const known = loaded.get(source.path) ?? device.load({ source, instrument });
    loaded.set(source.path, known);
    return known;
  };
}

/** Compiling one kernel overlaps with running another. */
async function mapConcurrently<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let position = next++; position < items.length; position = next++) {
      const item = items[position];
      if (item !== undefined) results[position] = await map(item);
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work));
  return results;
}

/** Rare sizes and numbers once for each way to reach a weight: other dense dtypes lie in the same places. */
function casesOf({ name }: Device, plan: KernelPlan): KernelCase[] {
  const terms = groupTerms(plan);
  const isOwn = terms > 1 || hasOwnDtype(plan);
  return [
    ...kernelCases(plan.axes['activation'] ?? 'f32', terms),
    ...(isOwn ? rareCases(terms) : []),
    ...(isOwn && name === 'host' ? sparseCases(terms) : []),
  ];
}

/** Terms of which a row of the kernel's weights holds whole groups. */
export function groupTerms({ axes }: KernelPlan): number {
  const [format] = kernelFormats([axes['weight'] ?? '']);
  return format?.groupTerms ?? 1;
}
