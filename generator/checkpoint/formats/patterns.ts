// Names of modules against the lists in which configurations leave some of them out, or single them out. Each tool has its own way
// to write them: regular expressions behind `re:`, file patterns with stars, and names that stand for a module wherever it lies.

/** Whether a pattern means the module, or one that it lies in. */
export function matches(pattern: string, module: string): boolean {
  if (pattern.startsWith('re:')) return new RegExp(`^(?:${pattern.slice('re:'.length)})`).test(module);
  const steps = pattern.split('*').map((text) => text.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`(?:^|\\.)${steps.join('.*')}(?:\\.|$)`).test(module);
}

export function matchesAny(patterns: readonly string[], modules: readonly string[]): boolean {
  return patterns.some((pattern) => modules.some((module) => matches(pattern, module)));
}
