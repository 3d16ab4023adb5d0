// Names of modules against the lists in which configurations leave some of them out, or single them out. Each tool has its own way
// to write them: regular expressions behind `re:`, file patterns with stars, and names that stand for a module wherever it lies.

import { MoegenError } from '../../errors.js';

/** Whether a pattern means the module, or one that it lies in. */
export function matches(pattern: string, module: string): boolean {
  if (pattern.startsWith('re:')) return expressionOf(pattern.slice('re:'.length)).test(module);
  const steps = pattern.split('*').map((text) => text.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`(?:^|\\.)${steps.join('.*')}(?:\\.|$)`).test(module);
}

/** Python's expressions, but for what JavaScript has none of; flags may stand in front. Throws `checkpoint/unknown-quantization`. */
function expressionOf(text: string): RegExp {
  const [, flags = '', body = text] = /^\(\?([is]+)\)(.*)$/s.exec(text) ?? [];
  try {
    return new RegExp(`^(?:${body.replaceAll('(?P<', '(?<')})`, flags);
  } catch (cause) {
    throw new MoegenError(
      'checkpoint/unknown-quantization',
      `expected an expression for names of modules, got "${text}"`,
      {
        where: 'quantization_config',
        help: 'write it in the syntax that JavaScript and Python share',
        cause,
      },
    );
  }
}

export function matchesAny(patterns: readonly string[], modules: readonly string[]): boolean {
  return patterns.some((pattern) => modules.some((module) => matches(pattern, module)));
}
