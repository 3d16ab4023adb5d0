// Variables in the constant address space. What a program defines there must lie in `const __global` for the compiler; where
// the program may hand on its address, it sees a reference in the constant address space.

import type { Local } from './locals.js';
import { at, next, previous, splitList } from './navigate.js';
import type { Unit } from './unit.js';

const DATA = 'const __global';

/** Respells the words `constant` that say where a variable lies: those behind the last `*`, or all. */
export function respellSpace(unit: Unit, begin: number, name: number): void {
  let depth = 0;
  for (let position = name; position >= begin; position -= 1) {
    const token = at(unit, position);
    if (token.source === '>' || token.source === ')') depth += 1;
    else if (token.source === '<' || token.source === '(') depth -= 1;
    else if (depth === 0 && ['*', '&'].includes(token.source)) break;
    else if (depth === 0 && token.source === 'constant') token.text = DATA;
  }
}

/** `constant T a[2] = {...}, b = ...;` outside of classes and templates. */
export function placeConstant(unit: Unit, local: Local, stop: number): void {
  const { begin, specifiers, type, declarator } = local;
  const references: string[] = [];
  for (const range of splitList(unit, declarator, stop)) {
    let name = range.begin;
    while (['*', 'const', 'constant', 'volatile'].includes(at(unit, name).source)) name = next(unit, name);
    if (at(unit, name).kind !== 'identifier') return;
    const isPointer = name > range.begin && at(unit, range.begin).source === '*';
    const isArray = at(unit, next(unit, name)).source === '[';
    respellSpace(unit, isPointer ? range.begin : begin, name);
    const word = at(unit, type).source;
    if (specifiers.has('constexpr') || isPointer) {
      (isArray ? unit.constantArrays : unit.constantObjects).add(at(unit, name).source);
      continue;
    }
    if (!isArray && !unit.classes.has(word)) {
      unit.constantObjects.add(at(unit, name).source);
      continue;
    }
    const token = at(unit, name);
    const data = `__msl_data_${token.source}`;
    token.text = data;
    const bare = `__MSL_CONSTANT ::metal::__bare<decltype(${data})>&`;
    references.push(`static ${bare} ${token.source} = (${bare})${data};`);
  }
  if (references.length > 0) at(unit, stop).suffix += ` ${references.join(' ')}`;
}

/** Remembers functions that take pointers or references to constant memory. */
export function noteConstantParameters(unit: Unit, name: string, open: number): void {
  for (const { begin, end } of splitList(unit, open + 1, at(unit, open).match)) {
    const words = unit.tokens.slice(begin, end).map((token) => token.source);
    if (words.includes('constant') && (words.includes('&') || words.includes('*')))
      unit.takeConstants.add(name);
  }
}

/** `f(name)` with a function that takes references to constant memory, and `&name`. */
export function convertObjects(unit: Unit): void {
  const calls: { close: number; takes: boolean }[] = [];
  unit.tokens.forEach((token, index) => {
    // Instantiations that were taken out may stand in thousands in a row.
    if (token.removed) return;
    while (calls.length > 0 && (calls.at(-1)?.close ?? 0) <= index) calls.pop();
    if (token.source === '(' && token.match > index) {
      let callee = previous(unit, index);
      if (at(unit, callee).source === '>') {
        let depth = 0;
        do {
          if (at(unit, callee).source === '>') depth += 1;
          else if (at(unit, callee).source === '<') depth -= 1;
          callee = previous(unit, callee);
        } while (depth > 0 && callee > 0 && ![';', '{', '}'].includes(at(unit, callee).source));
      }
      calls.push({ close: token.match, takes: unit.takeConstants.has(at(unit, callee).source) });
    }
    if (token.kind !== 'identifier' || token.text !== token.source) return;
    if (!unit.constantObjects.has(token.source)) return;
    const before = previous(unit, index);
    const after = at(unit, next(unit, index)).source;
    const isArgument =
      ['(', ','].includes(at(unit, before).source) &&
      [',', ')'].includes(after) &&
      (calls.at(-1)?.takes ?? false);
    const isAddress =
      at(unit, before).source === '&' &&
      at(unit, before - 1).kind === 'operator' &&
      ![')', ']', '>'].includes(at(unit, before - 1).source);
    if (isArgument || isAddress) token.text = `__msl_in_constant(${token.source})`;
  });
}

/** An array that is constexpr lies in `__global`; where it is handed on, it is one in the constant address space. */
export function convertArrays(unit: Unit): void {
  if (unit.constantArrays.size === 0) return;
  unit.tokens.forEach((token, index) => {
    if (token.kind !== 'identifier' || token.removed || token.text !== token.source) return;
    if (!unit.constantArrays.has(token.source)) return;
    const before = at(unit, previous(unit, index));
    const after = at(unit, next(unit, index)).source;
    if (['.', '->', '::'].includes(before.source) || before.kind === 'identifier') {
      if (before.source !== 'return') return;
    }
    if (['=', ';'].includes(after) && before.source === '>') return;
    if (after === '[' && before.source !== '&') return;
    if (before.source === '(' && ['sizeof', 'decltype', 'alignof'].includes(at(unit, index - 2).source))
      return;
    token.text = `__msl_in_constant(${token.source})`;
  });
}
