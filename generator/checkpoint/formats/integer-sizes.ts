// Bits and groups of integer weights, module by module, as GPTQ and AutoRound write them: one pair for all, and patterns of names with what
// they change.

import { matches, matchesAny } from './patterns.js';

export interface IntegerSizes {
  readonly bits: number;
  /** Terms with a common scale; null for a row. */
  readonly group: number | null;
}

/** What a module has, or null where it is not quantised; and what others of the checkpoint have, which its shapes may tell. */
export interface Sizes {
  readonly own: IntegerSizes | null;
  readonly others: readonly IntegerSizes[];
}

export type SizesOf = (module: string) => Sizes;

interface Changed {
  readonly bits?: number | undefined;
  readonly group_size?: number | null | undefined;
  readonly desc_act?: boolean | null | undefined;
}

interface Section {
  readonly bits: number;
  readonly group_size: number | null;
  readonly desc_act?: boolean | null | undefined;
}

/** As a tool calls the format: scales are half, and zero points are stored. */
export function integerFormat({ bits, group }: IntegerSizes): string {
  return `int${bits}_${group === null ? 'channel' : `g${group}`}_f16_asym`;
}

/** An absent group keeps that of all modules, as absent bits do. */
function applied(whole: Section, { bits, group_size: group }: Changed): IntegerSizes {
  return { bits: bits ?? whole.bits, group: group === undefined ? whole.group_size : group };
}

/**
 * `dynamic`: the first pattern that a module's name begins with decides. Behind a minus the module is left as it is; behind a plus, or
 * nothing, it has the sizes that are said.
 */
export function gptqSizes(
  section: Section & { readonly dynamic?: Readonly<Record<string, Changed>> | null | undefined },
) {
  const patterns = Object.entries(section.dynamic ?? {}).map(([pattern, changed]) => ({
    isLeft: pattern.startsWith('-:'),
    expression: `re:${pattern.replace(/^[-+]:/, '')}`,
    changed,
  }));
  const found = (modules: readonly string[]) =>
    patterns.find(({ expression }) => matchesAny([expression], modules));
  const others = [section, ...patterns.filter(({ isLeft }) => !isLeft).map(({ changed }) => changed)].map(
    (changed) => applied(section, changed),
  );
  return {
    sizesOf: (modules: readonly string[]): Sizes => {
      const pattern = found(modules);
      if (pattern?.isLeft === true) return { own: null, others };
      return { own: applied(section, pattern?.changed ?? {}), others };
    },
    isReordered: (modules: readonly string[]): boolean =>
      found(modules)?.changed.desc_act ?? section.desc_act ?? false,
  };
}

/** `extra_config`: the name of a module before an expression that may start anywhere in it; 16 bits and more are not quantised. */
export function autoRoundSizes(
  section: Section & { readonly extra_config?: Readonly<Record<string, Changed>> | null | undefined },
): (modules: readonly string[]) => Sizes {
  const entries = Object.entries(section.extra_config ?? {});
  const others = [section, ...entries.map(([, changed]) => changed)]
    .map((changed) => applied(section, changed))
    .filter(({ bits }) => bits < UNQUANTISED_BITS);
  return (modules) => {
    const named = entries.find(([name]) => modules.includes(name));
    const meant = entries.find(([name]) => modules.some((module) => matches(asPattern(name), module)));
    const own = applied(section, (named ?? meant)?.[1] ?? {});
    return { own: own.bits < UNQUANTISED_BITS ? own : null, others };
  };
}

const UNQUANTISED_BITS = 16;

/** A name as it is, or an expression that may start anywhere. */
function asPattern(module: string): string {
  return /[\\*^$()[\]|+?]/.test(module) ? `re:.*(?:${module})` : module;
}
