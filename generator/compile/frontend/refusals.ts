// What is not supported, or what a kernel may not do, costs the declarations it stands in and those that use them: they are
// taken out, and the rest of the program is compiled.

import { at, previous } from './navigate.js';
import type { Token } from './tokens.js';
import type { Finding, Instantiation, Unit } from './unit.js';
import { ADDRESS_SPACES, BUILTIN_TYPES } from './words.js';

/** A declaration in a namespace, and the names it gives. */
export interface TopLevel {
  readonly begin: number;
  /** Position behind its last token. */
  readonly end: number;
  readonly names: ReadonlySet<string>;
}

/** What refuses a kernel, by the names of kernels. */
export type RefusedKernels = ReadonlyMap<string, readonly Finding[]>;

/** A pragma between the tokens of a declaration; of a loop, mostly. */
const PRAGMA = /^[ \t]*#[ \t]*pragma\b.*$/gmu;

const NOT_TYPES = new Set(['return', 'else', 'case', 'do', 'goto', 'sizeof', 'throw', 'not', 'and', 'or']);

/** Takes out what is refused. What lies outside of all declarations refuses the whole program. */
export function dropRefused(unit: Unit): RefusedKernels {
  const positions = new Map(unit.tokens.map((token, index) => [token, index]));
  const reasons = new Map<TopLevel, Set<Finding>>();
  for (const finding of unit.findings) {
    if (!finding.refuses) continue;
    const place = declarationAt(unit, positions.get(finding.token) ?? -1);
    if (place === undefined) finding.refuses = false;
    else reasons.set(place, (reasons.get(place) ?? new Set()).add(finding));
  }
  spread(unit, reasons);
  for (const { begin, end } of reasons.keys()) {
    for (let position = begin; position < end; position += 1) {
      const token = at(unit, position);
      token.removed = true;
      token.prefix = '';
      token.suffix = '';
      if (position > begin) token.before = token.before.replace(PRAGMA, '');
    }
  }
  const kernels = new Map<string, Finding[]>();
  const names = refusedNames(unit, reasons);
  for (const instantiation of unit.instantiations) {
    const found = findingsOf(unit, instantiation, { reasons, names, positions });
    if (found.length > 0) kernels.set(instantiation.hostName, found);
  }
  return kernels;
}

/** The declaration in a namespace that a position lies in. */
export function declarationAt(
  { topLevel }: { readonly topLevel: readonly TopLevel[] },
  position: number,
): TopLevel | undefined {
  return topLevel.find(({ begin, end }) => begin <= position && position < end);
}

/** Refuses what uses names that are refused, as long as nothing else has these names. */
function spread(unit: Unit, reasons: Map<TopLevel, Set<Finding>>): void {
  for (let grew = reasons.size > 0; grew;) {
    grew = false;
    const names = refusedNames(unit, reasons);
    for (const declaration of unit.topLevel) {
      if (reasons.has(declaration)) continue;
      const found = new Set<Finding>();
      for (const [name, findings] of names)
        if (mentions(unit, declaration, name)) for (const finding of findings) found.add(finding);
      if (found.size === 0) continue;
      reasons.set(declaration, found);
      grew = true;
    }
  }
}

function refusedNames(
  unit: Unit,
  reasons: ReadonlyMap<TopLevel, ReadonlySet<Finding>>,
): Map<string, ReadonlySet<Finding>> {
  const names = new Map<string, ReadonlySet<Finding>>();
  for (const [declaration, findings] of reasons)
    for (const name of declaration.names) names.set(name, findings);
  for (const declaration of unit.topLevel)
    if (!reasons.has(declaration)) for (const name of declaration.names) names.delete(name);
  return names;
}

function mentions(unit: Unit, { begin, end }: TopLevel, name: string): boolean {
  let isUsed = false;
  for (let position = begin; position < end; position += 1) {
    const token = at(unit, position);
    if (token.source !== name || token.kind !== 'identifier') continue;
    const before = previous(unit, position);
    if (['.', '->'].includes(at(unit, before).source)) continue;
    if (declares(unit, before)) return false;
    isUsed = true;
  }
  return isUsed;
}

/** Whether what stands in front of a name makes it a new one, which hides the other. */
function declares(unit: Unit, before: number): boolean {
  const token = at(unit, before);
  if (token.kind === 'identifier') return !NOT_TYPES.has(token.source);
  if (!['*', '&'].includes(token.source)) return false;
  const type = at(unit, previous(unit, before)).source;
  return BUILTIN_TYPES.has(type) || ADDRESS_SPACES.has(type) || unit.classes.has(type);
}

interface Refused {
  readonly reasons: ReadonlyMap<TopLevel, ReadonlySet<Finding>>;
  readonly names: ReadonlyMap<string, ReadonlySet<Finding>>;
  readonly positions: ReadonlyMap<Token, number>;
}

function findingsOf(
  unit: Unit,
  { hostName, token, expression, definition }: Instantiation,
  { reasons, names, positions }: Refused,
): Finding[] {
  const found = new Set(unit.findings.filter(({ kernel }) => kernel === hostName));
  const add = (declaration: TopLevel | undefined): void => {
    for (const finding of (declaration && reasons.get(declaration)) ?? []) found.add(finding);
  };
  // Plain kernels stand where they are defined; of templates all that have the name may be meant.
  add(declarationAt(unit, positions.get(token) ?? -1));
  const words = new Set(expression.match(/[A-Za-z_]\w*/gu) ?? []);
  words.add(definition.split('::').at(-1) ?? '');
  for (const [name, findings] of names)
    if (words.has(name)) for (const finding of findings) found.add(finding);
  return [...found];
}
