// Turns a kernel's threadgroup variables into references to memory that the threads of a threadgroup share.

import type { Body } from './bodies.js';
import type { Local } from './locals.js';
import { at, endOfStatement, remove, rewritten, splitList, type Range } from './navigate.js';
import { reportError, reportWarning, type Unit } from './unit.js';
import { ADDRESS_SPACES } from './words.js';

/** The chain of variables that are visible, to add up their sizes at compile time. */
export class ThreadgroupLayout {
  private readonly visible: { readonly key: string; readonly depth: number }[] = [];
  private depth = 0;

  enterBlock(): void {
    this.depth += 1;
  }

  leaveBlock(): void {
    this.depth -= 1;
    while ((this.visible.at(-1)?.depth ?? 0) > this.depth) this.visible.pop();
  }

  /** Adds a variable; returns the key of the one before it. */
  add(key: string): string | undefined {
    const before = this.visible.at(-1)?.key;
    this.visible.push({ key, depth: this.depth });
    return before;
  }
}

export function rewriteThreadgroupVariable(unit: Unit, local: Local, body: Body): void {
  const { begin, declarator } = local;
  const name = at(unit, declarator).source;
  if (!body.isKernel) {
    reportError(unit, at(unit, begin), `threadgroup variable '${name}' can only be declared in a kernel`);
  }
  const end = endOfStatement(unit, begin);
  const type = typeText(unit, local);
  const alignment = alignmentText(unit, local);
  const text = splitList(unit, declarator, end).map((range) => define(unit, range, type, alignment, body));
  remove(unit, begin, end + 1);
  at(unit, begin).prefix = `${text.join(' ')} `;
}

function define(unit: Unit, range: Range, type: string, alignment: string, body: Body): string {
  const name = at(unit, range.begin).source;
  const end = withoutInitialiser(unit, range);
  const dimensions = rewritten(unit, range.begin + 1, end);
  const key = `__msl_threadgroup_${unit.threadgroupVariables}`;
  unit.threadgroupVariables += 1;
  const before = body.layout.add(key);
  const offset = before === undefined ? '0' : `${before}_end`;
  return (
    `typedef ${type} ${key} ${dimensions}; ` +
    `enum : ulong { ${key}_end = __msl_align_up(${offset}, alignof(${key})) + sizeof(${key}) }; ` +
    `static_assert(${key}_end <= 32768, "the kernel's threadgroup variables take more than 32768 bytes"); ` +
    `__local ${key}& ${name} = *(__local ${key}*)__MSL_THREADGROUP(${key}, ${alignment}, "${name}");`
  );
}

/** Some programs initialise threadgroup variables; the hardware does not, and neither does this. */
function withoutInitialiser(unit: Unit, range: Range): number {
  for (let position = range.begin; position < range.end; position += 1) {
    if (at(unit, position).source !== '=') continue;
    const name = at(unit, range.begin);
    reportWarning(unit, name, `the initialiser of threadgroup variable '${name.source}' is ignored`);
    return position;
  }
  return range.end;
}

function typeText(unit: Unit, { type, typeEnd, specifiers }: Local): string {
  const words: string[] = [];
  for (let position = type; position < typeEnd; position += 1) {
    const token = at(unit, position);
    if (!token.removed && !ADDRESS_SPACES.has(token.source)) words.push(token.text);
  }
  return `${specifiers.has('const') ? 'const ' : ''}${words.join(' ')}`;
}

function alignmentText(unit: Unit, { begin, type }: Local): string {
  for (let position = begin; position < type; position += 1) {
    if (at(unit, position).source !== 'alignas') continue;
    return rewritten(unit, position + 2, at(unit, position + 1).match);
  }
  return '1';
}
