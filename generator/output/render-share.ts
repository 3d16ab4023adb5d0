// Renders and lays out the kernels of some files. It is what every thread does that takes part in writing a large set.

import { toContext, type ContextOptions } from '../emit/context.js';
import { createEnvironment } from '../emit/environment.js';
import { renderKernel } from '../emit/render.js';
import type { TemplateSources } from '../emit/sources.js';
import { assembleFile } from '../format/assemble.js';
import { createMslFormatter } from '../format/format.js';
import type { KernelPlan } from '../plan/types.js';

export interface RenderShare {
  readonly templates: TemplateSources;
  readonly options: ContextOptions;
  /** Each file with all its kernels. */
  readonly files: readonly (readonly [string, readonly KernelPlan[]])[];
}

export type RenderedFile = readonly [file: string, text: string];

export async function renderShare({ templates, options, files }: RenderShare): Promise<RenderedFile[]> {
  const environment = createEnvironment(templates);
  const format = await createMslFormatter();
  const plans = files.flatMap(([, own]) => own);
  const texts = format(plans.map((plan) => renderKernel(environment, toContext(plan, options))));
  const textOf = new Map(plans.map((plan, at) => [plan, texts[at] ?? '']));
  return files.map(([file, own]) => {
    const kernels = own.map((plan) => ({ kernel: plan.name, text: textOf.get(plan) ?? '' }));
    return [file, assembleFile(file, kernels)];
  });
}
