// Orders the instructions of a block of LLVM's representation so that given groups of them stand together: each comes as late
// as it may, and all else stays where it is.

import { operandsOf, resultOf } from './functions.js';

/** An instruction by its position, or a whole group by its number; its instructions have no positions of their own. */
export interface Scheduled {
  readonly position: number;
  readonly group?: number;
}

const LOAD = /^ +%\S+ = load (?!atomic |volatile )/u;
const MEMORY =
  /^ +(?:%(?:"[^"]*"|\S+) = )?(?:store|load|fence|cmpxchg|atomicrmw|(?:tail |musttail |notail )?call|va_arg) /u;
/** Calls that read and write nothing: of Metal's arithmetic, and those that stand for matrix instructions. */
const PURE =
  /@(?:__msl_(?:product_\w+|turn|exchange)|llvm\.(?:fma|fmuladd|[su]min|[su]max|f?abs|sqrt|fshl|fshr|ctpop|ctlz|cttz|bswap|bitreverse|minnum|maxnum|floor|ceil|trunc|rint|copysign|fpto[su]i\.sat)\.|llvm\.nvvm\.(?:fma|fmax|fmin|ex2|lg2|rcp|sqrt|rsqrt|add|mul|div|f2|read\.ptx\.sreg)\b)/u;

/** The positions that each instruction needs to come before it. */
export function dependencies(body: readonly string[]): number[][] {
  const definitions = new Map<string, number>();
  let written: number | undefined;
  let read: number[] = [];
  return body.map((line, position) => {
    const needs = operandsOf(line).flatMap((name) => definitions.get(name) ?? []);
    if (MEMORY.test(line) && !PURE.test(line)) {
      if (written !== undefined) needs.push(written);
      if (LOAD.test(line)) {
        read.push(position);
      } else {
        needs.push(...read);
        [written, read] = [position, []];
      }
    }
    const result = resultOf(line);
    if (result !== undefined) definitions.set(result, position);
    return needs;
  });
}

/** Groups must not depend on each other in a circle. */
export function schedule(body: readonly string[], groups: readonly (readonly number[])[]): Scheduled[] {
  if (groups.length === 0) return body.map((_, position) => ({ position }));
  const needs = dependencies(body);
  const groupOf = new Map(
    groups.flatMap((positions, group) => positions.map((position) => [position, group])),
  );
  const done = new Set<number>();
  const result: Scheduled[] = [];
  const place = (position: number): void => {
    if (done.has(position)) return;
    const group = groupOf.get(position);
    const members = group === undefined ? [position] : (groups[group] ?? []);
    for (const member of members) done.add(member);
    for (const need of members.flatMap((member) => needs[member] ?? [])) place(need);
    result.push(group === undefined ? { position } : { position, group });
  };
  body.forEach((_, position) => {
    const group = groupOf.get(position);
    if (group === undefined || position === Math.max(...(groups[group] ?? []))) place(position);
  });
  return result;
}
