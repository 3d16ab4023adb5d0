// Wraps the operands of every conditional expression in `__msl_value(...)`: the compiler refuses operands that lie in
// different address spaces, Metal does not.

import { at, closingAngle, isOpening, rewritten, sources } from './navigate.js';
import type { Unit } from './unit.js';
import { LIBRARY_TEMPLATES } from './words.js';

const CONSTANT_OPERANDS = new Set(['nullptr', 'true', 'false']);
const STOPS = new Set([';', ',', ')', ']', '}']);

export function wrapConditionals(unit: Unit): void {
  const angles = templateArgumentEnds(unit);
  unit.tokens.forEach((token, index) => {
    if (token.removed || token.source !== '?' || token.kind !== 'operator') return;
    const colon = findColon(unit, index);
    if (colon < 0) return;
    const end = findEnd(unit, colon, angles.get(index) ?? unit.tokens.length);
    wrapOperands(unit, index + 1, colon, end);
  });
}

/** For positions inside a template argument list: where it closes. */
function templateArgumentEnds(unit: Unit): Map<number, number> {
  const ends = new Map<number, number>();
  unit.tokens.forEach((token, index) => {
    if (token.source !== '<' || token.removed) return;
    const name = at(unit, index - 1);
    if (name.kind !== 'identifier' || !(unit.classes.has(name.source) || LIBRARY_TEMPLATES.has(name.source)))
      return;
    const close = closingAngle(unit, index);
    for (let position = index; position < close; position += 1) ends.set(position, close);
  });
  return ends;
}

function findColon(unit: Unit, question: number): number {
  let depth = 0;
  for (let position = question + 1; position < unit.tokens.length;) {
    const token = at(unit, position);
    if (token.source === ':' && depth === 0) return position;
    if (isOpening(token) && token.match > position) {
      position = token.match + 1;
      continue;
    }
    if (token.source === '?') depth += 1;
    else if (token.source === ':') depth -= 1;
    else if (token.source === ';' || token.source === '}') return -1;
    position += 1;
  }
  return -1;
}

/** Position after the third operand; `limit` closes the template argument list that the whole stands in. */
function findEnd(unit: Unit, colon: number, limit: number): number {
  let depth = 0;
  let position = colon + 1;
  while (position < limit) {
    const token = at(unit, position);
    if (isOpening(token) && token.match > position) {
      position = token.match + 1;
      continue;
    }
    if (token.source === '<' && at(unit, position - 1).kind === 'identifier') {
      const close = closingAngle(unit, position);
      if (close > 0 && ['(', '{', '::'].includes(at(unit, close + 1).source)) {
        position = close + 1;
        continue;
      }
    }
    if (STOPS.has(token.source)) return position;
    if (token.source === '?') depth += 1;
    else if (token.source === ':' && depth === 0) return position;
    else if (token.source === ':') depth -= 1;
    position += 1;
  }
  return position;
}

function wrapOperands(unit: Unit, begin: number, colon: number, end: number): void {
  const operands = [
    { begin, end: colon },
    { begin: colon + 1, end },
  ];
  const words = operands.map((operand) => sources(unit, operand.begin, operand.end));
  // Two literals agree already; wrapping them would only hide that they are constants.
  if (!words.some((list) => list.length > 1 || /^[A-Za-z_]/u.test(list[0] ?? ''))) return;
  operands.forEach((operand, index) => {
    const list = words[index] ?? [];
    const first = at(unit, operand.begin);
    if (list.length === 0 || (list.length < 2 && first.kind !== 'identifier')) return;
    if (CONSTANT_OPERANDS.has(list[0] ?? '') || list.includes('?')) return;
    const bitField =
      unit.bitFields.has(list.at(-1) ?? '') && list.every((word) => /^(?:\w+|[.[\]]|->|::)$/u.test(word));
    // A bit field binds to no reference.
    const value = bitField
      ? `static_cast<decltype(${rewritten(unit, operand.begin, operand.end)})>(`
      : '__msl_value(';
    first.prefix = `${value}${first.prefix}`;
    at(unit, operand.end - 1).suffix += ')';
  });
}
