// Temporaries lie in no address space for the compiler; in Metal they are thread memory. Beside a function that takes
// `const thread T&` stand overloads that take temporaries, and hand them on as thread memory. See also forwarders.ts.

import type { Declaration } from './declarations.js';
import { at, closingAngle, previous, rewritten, sources, splitList, type Range } from './navigate.js';
import type { Token } from './tokens.js';
import type { Unit } from './unit.js';
import { ADDRESS_SPACES, BUILTIN_TYPES } from './words.js';

/** A function with parameters that are `const thread T&`. */
export interface TemporaryReferences {
  readonly declaration: Declaration;
  readonly name: number;
  readonly parameters: readonly Range[];
}

/** More would double the number of overloads again. */
const MOST_REFERENCES = 3;

/** The parameters between parentheses that are `const thread T&` for a T that is no scalar or vector by name. */
export function temporaryReferences(unit: Unit, open: number): Range[] {
  return splitList(unit, open + 1, at(unit, open).match).filter((range) => {
    const words = sources(unit, range.begin, endOfDeclarator(unit, range));
    if (!words.includes('thread') || !words.includes('const') || !words.includes('&')) return false;
    return !words.some((word) => ['*', '&&', '(', '[', '...'].includes(word));
  });
}

function endOfDeclarator(unit: Unit, { begin, end }: Range): number {
  for (let position = begin; position < end; position += 1) {
    if (at(unit, position).source === '=') return position;
  }
  return end;
}

/** Adds the overloads; what is copied must not change any more. */
export function acceptTemporaries(unit: Unit): void {
  const passed = namesPassedAround(unit);
  for (const reference of unit.temporaryReferences) {
    const { declaration, name, parameters } = reference;
    const isFree = declaration.scope.ownClass === undefined;
    // A name that is passed around must stay unambiguous.
    if (isFree && passed.has(at(unit, name).source)) continue;
    const last = endOfFunction(unit, declaration);
    const overloads = subsets(parameters.slice(0, MOST_REFERENCES)).map((chosen) =>
      overload(unit, reference, new Set(chosen.map((range) => range.begin))),
    );
    last.suffix += ` ${overloads.join(' ')}`;
  }
}

function endOfFunction(unit: Unit, { shape }: Declaration): Token {
  const stop = at(unit, shape.stop);
  return stop.source === '{' ? at(unit, stop.match) : stop;
}

/** All subsets but the empty one. */
function subsets(ranges: readonly Range[]): Range[][] {
  return ranges.reduce<Range[][]>(
    (all, range) => [...all, [range], ...all.map((subset) => [...subset, range])],
    [],
  );
}

function namesPassedAround(unit: Unit): Set<string> {
  const declared = new Set(unit.temporaryReferences.map(({ name }) => name));
  const names = new Set<string>();
  for (const { name } of unit.temporaryReferences) names.add(at(unit, name).source);
  const passed = new Set<string>();
  unit.tokens.forEach((token, index) => {
    if (token.kind !== 'identifier' || !names.has(token.source) || declared.has(index)) return;
    const after = at(unit, index + 1).source;
    if (token.source === 'operator' || after === '(') return;
    if (['.', '->'].includes(at(unit, index - 1).source)) return;
    const close = after === '<' ? closingAngle(unit, index + 1) : -1;
    if (close < 0 || at(unit, close + 1).source !== '(') passed.add(token.source);
  });
  return passed;
}

function overload(unit: Unit, reference: TemporaryReferences, chosen: ReadonlySet<number>): string {
  const { declaration, name } = reference;
  const { begin, shape, scope } = declaration;
  const open = shape.parameters;
  const own = scope.ownClass?.name ?? '';
  const isConstructor = own !== '' && at(unit, name).source === own;
  const isAssignment = at(unit, name).source === 'operator' && at(unit, open - 1).source === '=';
  const list = splitList(unit, open + 1, at(unit, open).match);
  // The class's own special members would change with one more of their kind; a template is none.
  const special = (isConstructor || isAssignment) && list.length === 1 && isOfClass(unit, list[0], own);
  const names = list.map((range, index) => parameterName(unit, range) ?? `p${index}_`);
  const parameters = list.map((range, index) => {
    const suffix = parameterName(unit, range) === undefined ? ` p${index}_` : '';
    if (!chosen.has(range.begin)) return named(unit, range, suffix);
    return special ? `const U_&& ${names[index] ?? ''}` : temporary(unit, range, suffix);
  });
  const values = list.map((range, index) => {
    const pack = sources(unit, range.begin, range.end).includes('...') ? '...' : '';
    const value = names[index] ?? '';
    return chosen.has(range.begin) ? `__msl_thread(${value})` : `${value}${pack}`;
  });
  const template = special
    ? `template <class U_, class = metal::enable_if_t<__is_same(metal::__bare<U_>, ${own})>> `
    : '';
  const callee = rewritten(unit, name, open) + explicitArguments(unit, declaration);
  const call = `${callee}(${values.join(', ')})`;
  const body = isConstructor ? `: ${call} {}` : `{ return ${call}; }`;
  const head = `${rewritten(unit, begin, open)}(${parameters.join(', ')})`;
  return `${template}${head} ${qualifiers(unit, declaration)} ${body}`;
}

function isOfClass(unit: Unit, range: Range | undefined, own: string): boolean {
  return range !== undefined && sources(unit, range.begin, range.end).includes(own);
}

/** What stands between the parameters and the body, such as `const` or `-> T`. */
function qualifiers(unit: Unit, { shape }: Declaration): string {
  const begin = at(unit, shape.parameters).match + 1;
  let end = begin;
  while (end < shape.stop && at(unit, end).source !== ':') end += 1;
  const close = at(unit, begin - 1);
  // `__private` of a method is the suffix of the parenthesis.
  return `${close.suffix} ${rewritten(unit, begin, end)}`;
}

/** `const thread T& x` as `const T&& x`. */
function temporary(unit: Unit, range: Range, suffix: string): string {
  const end = endOfDeclarator(unit, range);
  const parts: string[] = [];
  for (let position = range.begin; position < end; position += 1) {
    const token = at(unit, position);
    if (token.removed || token.source === 'thread') continue;
    parts.push(
      token.source === '&' ? `${token.prefix}&&${token.suffix}` : token.prefix + token.text + token.suffix,
    );
  }
  return `${parts.join(' ')}${suffix} ${rewritten(unit, end, range.end)}`;
}

function named(unit: Unit, range: Range, suffix: string): string {
  const end = endOfDeclarator(unit, range);
  return `${rewritten(unit, range.begin, end)}${suffix} ${rewritten(unit, end, range.end)}`;
}

/** The name of a parameter, if it has one. */
function parameterName(unit: Unit, range: Range): string | undefined {
  const end = endOfDeclarator(unit, range);
  for (let position = range.begin; position < end; position += 1) {
    // `(&name)[2]` and `(*name)(int)`.
    const isGroup = at(unit, position).source === '(' && ['*', '&'].includes(at(unit, position + 1).source);
    if (isGroup)
      return at(unit, position + 2).kind === 'identifier' ? at(unit, position + 2).source : undefined;
  }
  let last = previous(unit, end);
  while (at(unit, last).source === ']') last = previous(unit, at(unit, last).match);
  const token = at(unit, last);
  const words = sources(unit, range.begin, last + 1).filter(
    (word) => !['const', 'volatile', 'typename', 'struct'].includes(word) && !ADDRESS_SPACES.has(word),
  );
  const isType =
    words.length < 2 || at(unit, previous(unit, last)).source === '::' || BUILTIN_TYPES.has(token.source);
  return token.kind !== 'identifier' || isType ? undefined : token.source;
}

/** Template arguments that the parameters do not tell must be handed on. */
export function explicitArguments(unit: Unit, declaration: Declaration): string {
  const open = declaration.templates.at(-1);
  if (open === undefined) return '';
  const { parameters } = declaration.shape;
  const words = new Set(sources(unit, parameters, at(unit, parameters).match));
  const names = headerNames(unit, open);
  return names.every((name) => words.has(name.replace('...', ''))) ? '' : `<${names.join(', ')}>`;
}

/** The parameters of a template header up to the first without a name. */
function headerNames(unit: Unit, open: number): string[] {
  const names: string[] = [];
  for (const range of splitList(unit, open + 1, closingAngle(unit, open))) {
    const end = endOfDeclarator(unit, range);
    const last = at(unit, previous(unit, end));
    if (last.kind !== 'identifier' || ['typename', 'class', 'auto'].includes(last.source)) break;
    if (previous(unit, end) === range.begin || BUILTIN_TYPES.has(last.source)) break;
    names.push(sources(unit, range.begin, end).includes('...') ? `${last.source}...` : last.source);
  }
  return names;
}
