// Finds the landmarks of one declaration: its parameter list, class bodies, initialiser, and the `;` or `{` that ends it.

import { at, closingAngle, previous, sources } from './navigate.js';
import type { Unit } from './unit.js';

export interface ClassBody {
  readonly open: number;
  readonly name: string;
  readonly isUnion: boolean;
}

export interface Shape {
  /** Position of the `;` or of the `{` of a function body. */
  readonly stop: number;
  /** Position of the `(` of a function's parameters, or -1. */
  readonly parameters: number;
  readonly classBodies: readonly ClassBody[];
  /** Positions of the `{` of enumerations. */
  readonly enumBodies: readonly number[];
  /** `struct`, `class`, `union` or `enum`, where the declaration starts with one. */
  readonly classKey: string | undefined;
  /** Position of the `=` of a variable's initialiser, or -1. */
  readonly equals: number;
}

const CLASS_KEYS = new Set(['struct', 'class', 'union', 'enum']);
const BEFORE_CLASS_KEY = new Set([
  'inline',
  'static',
  'constexpr',
  'const',
  'constant',
  'typedef',
  'volatile',
]);
const NOT_PARAMETERS = new Set([
  '__attribute__',
  'decltype',
  'alignas',
  'noexcept',
  'explicit',
  '__declspec',
  'requires',
]);

interface Walk {
  position: number;
  parameters: number;
  equals: number;
  declaratorGroup: boolean;
  inInitialisers: boolean;
  classKey: string | undefined;
  readonly classBodies: ClassBody[];
  readonly enumBodies: number[];
}

export function findShape(unit: Unit, begin: number, end: number): Shape {
  const walk: Walk = {
    position: begin,
    parameters: -1,
    equals: -1,
    declaratorGroup: false,
    inInitialisers: false,
    classKey: undefined,
    classBodies: [],
    enumBodies: [],
  };
  while (walk.position < end && !step(unit, walk, begin));
  const { parameters, equals, classBodies, enumBodies, classKey } = walk;
  return { stop: Math.min(walk.position, end), parameters, classBodies, enumBodies, classKey, equals };
}

/** Moves one landmark further; true at the end of the declaration. */
function step(unit: Unit, walk: Walk, begin: number): boolean {
  const token = at(unit, walk.position);
  if (token.removed) {
    walk.position += 1;
    return false;
  }
  const settled = walk.equals >= 0 || walk.declaratorGroup;
  switch (token.source) {
    case ';':
      return true;
    case '(':
      group(unit, walk, settled);
      return false;
    case '[':
      walk.position = token.match > walk.position ? token.match + 1 : walk.position + 1;
      return false;
    case '{':
      return brace(unit, walk, begin, settled);
    case '<':
      walk.position = settled || walk.parameters >= 0 ? walk.position + 1 : afterAngles(unit, walk.position);
      return false;
    case '=':
      if (walk.equals < 0) walk.equals = walk.position;
      break;
    case ':':
      if (walk.parameters >= 0 && !settled) walk.inInitialisers = true;
      break;
    case 'operator':
      if (walk.parameters < 0) {
        operatorName(unit, walk);
        return false;
      }
      break;
    default:
      noteClassKey(unit, walk, begin, settled);
  }
  walk.position += 1;
  return false;
}

/** `struct` and its like count where nothing but specifiers stands in front of them. */
function noteClassKey(unit: Unit, walk: Walk, begin: number, settled: boolean): void {
  const word = at(unit, walk.position).source;
  if (!CLASS_KEYS.has(word) || walk.parameters >= 0 || settled || walk.classKey !== undefined) return;
  if (sources(unit, begin, walk.position).every((other) => BEFORE_CLASS_KEY.has(other))) walk.classKey = word;
}

function afterAngles(unit: Unit, position: number): number {
  if (at(unit, previous(unit, position)).kind !== 'identifier') return position + 1;
  const close = closingAngle(unit, position);
  return close > 0 ? close + 1 : position + 1;
}

function group(unit: Unit, walk: Walk, settled: boolean): void {
  const open = walk.position;
  const before = at(unit, previous(unit, open));
  const isDeclarator = ['*', '&'].includes(at(unit, open + 1).source);
  walk.position = at(unit, open).match > open ? at(unit, open).match + 1 : open + 1;
  if (walk.parameters >= 0) return;
  if (NOT_PARAMETERS.has(before.source) || (before.kind !== 'identifier' && before.source !== '>')) {
    // `void (*f)(...)`: a variable whose declarator stands in parentheses.
    if (isDeclarator) walk.declaratorGroup = true;
  } else if (!settled && !isDeclarator) walk.parameters = open;
}

function brace(unit: Unit, walk: Walk, begin: number, settled: boolean): boolean {
  const open = walk.position;
  const close = at(unit, open).match;
  const before = at(unit, previous(unit, open));
  const past = close > open ? close + 1 : open + 1;
  if (walk.classKey !== undefined && walk.parameters < 0) {
    if (walk.classKey === 'enum') walk.enumBodies.push(open);
    else walk.classBodies.push(classBody(unit, begin, open));
    walk.position = past;
    return false;
  }
  const initialiser = walk.inInitialisers && (before.kind === 'identifier' || before.source === '>');
  if (settled || walk.parameters < 0 || (initialiser && !['const', 'noexcept'].includes(before.source))) {
    walk.position = past;
    return false;
  }
  return true;
}

function classBody(unit: Unit, begin: number, open: number): ClassBody {
  let position = begin;
  while (position < open && !['struct', 'class', 'union'].includes(at(unit, position).source)) position += 1;
  const isUnion = at(unit, position).source === 'union';
  position += 1;
  while (position < open) {
    const token = at(unit, position);
    if (token.source === 'alignas' || token.source === '__attribute__')
      position = at(unit, position + 1).match + 1;
    else if (token.removed) position += 1;
    else break;
  }
  const name = position < open && at(unit, position).kind === 'identifier' ? at(unit, position).source : '';
  return { open, name, isUnion };
}

/** `operator` with its name; the parameter list follows. */
function operatorName(unit: Unit, walk: Walk): void {
  let position = walk.position + 1;
  if (at(unit, position).source === '(' && at(unit, position + 1).source === ')') position += 2;
  while (at(unit, position).source !== '(' && at(unit, position).kind !== 'end') {
    const token = at(unit, position);
    const named =
      at(unit, position - 1).kind === 'identifier' && at(unit, position - 1).source !== 'operator';
    const close =
      token.source === '<' && named && at(unit, position + 1).source !== '('
        ? closingAngle(unit, position)
        : -1;
    if (close > 0) position = close + 1;
    else if (token.source === '[' && token.match > position) position = token.match + 1;
    else position += 1;
  }
  walk.parameters = position;
  const open = at(unit, position);
  walk.position = open.match > position ? open.match + 1 : position + 1;
}
