// `const thread float&` becomes a reference without an address space, since nothing else binds to temporaries. So that it
// still refuses objects in device and threadgroup memory, deleted overloads for these stand beside the function.

import { at, closingAngle, rewritten, type Range } from './navigate.js';
import type { Unit } from './unit.js';
import { ADDRESS_SPACES } from './words.js';

/** A function with parameters that lost their `thread`. */
export interface ThreadReferences {
  /** First token of the declaration, position of the name, end of the parameter list. */
  readonly begin: number;
  readonly name: number;
  readonly end: number;
  readonly parameters: readonly Range[];
}

const REFUSED = ['device', 'threadgroup'];

/** Works on the finished program: what is copied must not change any more. */
export function refuseOtherSpaces(unit: Unit): void {
  if (unit.threadReferences.length === 0) return;
  const uses = countUses(unit);
  for (const reference of unit.threadReferences) {
    const name = at(unit, reference.name).source;
    // An overload of its own may serve other spaces, and a name that is passed around must stay unambiguous.
    if (uses.get(name) !== 0) continue;
    const first = at(unit, reference.begin);
    const deleted = reference.parameters.flatMap((parameter) =>
      REFUSED.map((space) => overload(unit, reference, parameter, ADDRESS_SPACES.get(space) ?? '')),
    );
    first.prefix = `${deleted.join(' ')} ${first.prefix}`;
  }
}

/** How often each name stands where it is neither called nor the one declaration. */
function countUses(unit: Unit): Map<string, number> {
  const uses = new Map(unit.threadReferences.map((reference) => [at(unit, reference.name).source, -1]));
  const declared = new Set(unit.threadReferences.map((reference) => reference.name));
  unit.tokens.forEach((token, index) => {
    const known = token.kind === 'identifier' ? uses.get(token.source) : undefined;
    if (known === undefined) return;
    if (declared.has(index)) uses.set(token.source, known + 1);
    else if (!isCalled(unit, index)) uses.set(token.source, known + 1);
  });
  return uses;
}

function isCalled(unit: Unit, index: number): boolean {
  const open = at(unit, index + 1);
  const close = open.source === '<' ? closingAngle(unit, index + 1) : index;
  if (at(unit, close + 1).source !== '(') return false;
  // A type in front of the name makes it a declaration.
  const before = at(unit, index - 1);
  return before.kind !== 'identifier' || ['return', 'else', 'case', 'do'].includes(before.source);
}

function overload(unit: Unit, { begin, end }: ThreadReferences, parameter: Range, space: string): string {
  const before = rewritten(unit, begin, parameter.begin);
  const after = rewritten(unit, parameter.end, end);
  return `${before} ${space} ${rewritten(unit, parameter.begin, parameter.end)} ${after} = delete;`;
}
