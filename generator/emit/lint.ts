// The lint of templates as one call: what syntax forbids, then what the values of sample contexts show.

import { describeProblem } from './ast.js';
import type { TemplateContext } from './context.js';
import { lintSyntax } from './syntax-lint.js';
import type { TemplateSet } from './templates.js';
import { lintValues } from './value-lint.js';

/** Each problem as `file:line:column: message`; none when the templates are sound. */
export function lintTemplates(templates: TemplateSet, samples: readonly TemplateContext[]): string[] {
  const syntax = lintSyntax(templates);
  const problems = syntax.length > 0 ? syntax : lintValues(templates, samples);
  return problems.map(describeProblem);
}
