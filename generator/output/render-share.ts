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
  return files.map(([file, plans]) => {
    const texts = plans.map((plan) => ({
      kernel: plan.name,
      text: format(renderKernel(environment, toContext(plan, options))),
    }));
    return [file, assembleFile(file, texts)];
  });
}
