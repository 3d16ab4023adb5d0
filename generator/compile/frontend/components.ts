// References and pointers to components of vectors: Metal has none, while the library's classes would allow them. Where a
// program may make one, the object that the component belongs to is handed through a function that refuses vectors.

import { at, closingAngle, isOpening, previous, sources, splitList } from './navigate.js';
import type { Unit } from './unit.js';
import { isMatrixType, VECTOR_TYPES } from './words.js';

const COMPONENT = /^[xyzwrgba]$/u;
const NOT_OPERANDS = new Set(['return', 'case', 'else', 'do']);

/** Which arguments the library's functions write to. */
const LIBRARY: readonly (readonly [string, readonly boolean[]])[] = [
  ['sincos', [false, true]],
  ['frexp', [false, true]],
  ['modf', [false, true]],
];

/** Notes which parameters of a function are references that may write; overloads add to each other. */
export function recordReferences(unit: Unit, name: string, open: number): void {
  const list = splitList(unit, open + 1, at(unit, open).match).map(({ begin, end }) => {
    const words = sources(unit, begin, end);
    const assigned = words.indexOf('=');
    const declared = assigned < 0 ? words : words.slice(0, assigned);
    return declared.includes('&') && !declared.includes('const') && !declared.includes('(');
  });
  const known = unit.references.get(name);
  unit.references.set(name, [...(known ?? []), list]);
}

export function protectComponents(unit: Unit): void {
  for (const [name, list] of LIBRARY) unit.references.set(name, [...(unit.references.get(name) ?? []), list]);
  const vectors = namesOfVectors(unit);
  unit.tokens.forEach((token, index) => {
    if (token.removed) return;
    if (token.source === '&' && isPrefix(unit, index)) protect(unit, vectors, index + 1);
    else if (token.source === '=' && declaresReference(unit, index)) protect(unit, vectors, index + 1);
    else if (token.kind === 'identifier') protectArguments(unit, vectors, index);
  });
}

/** Names of vectors, of arrays of them and pointers to them: their elements are worth a look. */
function namesOfVectors(unit: Unit): Set<string> {
  const names = new Set<string>();
  unit.tokens.forEach((token, index) => {
    const isVector = VECTOR_TYPES.has(token.source) || isMatrixType(token.source) || token.source === 'auto';
    let position = index + 1;
    if (token.source === 'vec') position = closingAngle(unit, index + 1) + 1;
    else if (!isVector) return;
    while (['*', '&', 'const'].includes(at(unit, position).source)) position += 1;
    if (at(unit, position).kind === 'identifier') names.add(at(unit, position).source);
  });
  return names;
}

function isPrefix(unit: Unit, index: number): boolean {
  const before = at(unit, previous(unit, index));
  if (before.kind === 'identifier') return NOT_OPERANDS.has(before.source);
  return before.kind === 'operator' && ![')', ']', '>', '}'].includes(before.source);
}

/** `thread T& name =` without const. */
function declaresReference(unit: Unit, equals: number): boolean {
  const name = previous(unit, equals);
  if (at(unit, name).kind !== 'identifier' || at(unit, previous(unit, name)).source !== '&') return false;
  for (let position = name - 1; position > 0; position -= 1) {
    const word = at(unit, position).source;
    if (word === 'const') return false;
    if ([';', '{', '}', '(', ','].includes(word)) return true;
  }
  return false;
}

function protectArguments(unit: Unit, vectors: ReadonlySet<string>, index: number): void {
  const overloads = unit.references.get(at(unit, index).source);
  if (overloads?.every((list) => !list.includes(true)) ?? true) return;
  const after = index + 1;
  const open = at(unit, after).source === '<' ? closingAngle(unit, after) + 1 : after;
  if (at(unit, open).source !== '(' || open < after) return;
  splitList(unit, open + 1, at(unit, open).match).forEach(({ begin, end }, nth) => {
    const fitting = (overloads ?? []).filter((list) => nth < list.length);
    if (fitting.length > 0 && fitting.every((list) => list[nth])) protect(unit, vectors, begin, end);
  });
}

/** Hands the object whose component the expression at `begin` names through the check; `end` is where it must end. */
function protect(unit: Unit, vectors: ReadonlySet<string>, begin: number, end?: number): void {
  const chain = readChain(unit, begin);
  if (chain === undefined || (end !== undefined && chain.end !== end)) return;
  const step = at(unit, chain.step);
  if (step.source === '[') {
    const owner = at(unit, chain.owner).source;
    if (!vectors.has(owner)) return;
  } else if (!COMPONENT.test(at(unit, chain.step + 1).source)) return;
  const first = at(unit, begin);
  if (step.source === '->') {
    first.prefix = `__msl_whole(*${first.prefix}`;
    step.text = ').';
  } else {
    first.prefix = `__msl_whole(${first.prefix}`;
    at(unit, chain.step - 1).suffix += ')';
  }
}

interface Chain {
  /** Position of the last `.`, `->` or `[`. */
  readonly step: number;
  /** The last name in front of that. */
  readonly owner: number;
  readonly end: number;
}

/** `a.b[c]->d`: names, members, elements and calls. */
function readChain(unit: Unit, begin: number): Chain | undefined {
  let position = begin;
  let step = -1;
  let name = -1;
  let owner = -1;
  const first = at(unit, begin);
  if (first.source === '(' && first.match > begin) position = first.match + 1;
  else if (first.kind !== 'identifier') return undefined;
  for (;;) {
    const token = at(unit, position);
    if (token.source === '.' || token.source === '->') {
      step = position;
      owner = name;
      position += 1;
    } else if (token.source === '[') {
      step = position;
      owner = name;
      position = token.match + 1;
    } else if (isOpening(token) && token.source === '(') position = token.match + 1;
    else if (token.kind === 'identifier' || token.source === '::') {
      if (
        position > begin &&
        !['.', '->', '::'].includes(at(unit, position - 1).source) &&
        token.source !== '::'
      )
        break;
      name = position;
      position += 1;
    } else break;
    if (position <= begin) return undefined;
  }
  const lastIsCall =
    at(unit, position - 1).source === ')' && step >= 0 && at(unit, position - 1).match > step;
  return step < 0 || lastIsCall ? undefined : { step, owner, end: position };
}
