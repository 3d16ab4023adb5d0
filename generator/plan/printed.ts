// A plan's template with what it prints: the compiler checks that it is what the template, and its partials, ask for.

import type { TemplateTerms } from './template-terms.js';
import type { KernelPlan, TemplateValue } from './types.js';

export function printed<Name extends keyof TemplateTerms>(
  template: Name,
  terms: TemplateTerms[Name],
): Pick<KernelPlan, 'template' | 'terms'> {
  return { template, terms: terms as unknown as Readonly<Record<string, TemplateValue>> };
}
