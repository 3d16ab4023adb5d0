// Turns a context into the text of its kernel. Pure: no file, device, clock or variable is touched, and the same context gives
// the same bytes.

import { assertBalanced } from './balance.js';
import type { TemplateContext } from './context.js';
import type { TemplateEnvironment } from './environment.js';

export function renderKernel(environment: TemplateEnvironment, context: TemplateContext): string {
  const { template } = context.banner;
  const text = environment.render(template, context);
  assertBalanced({ kernel: context.name, template, text });
  return text;
}
