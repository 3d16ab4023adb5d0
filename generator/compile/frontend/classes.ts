// Methods of user classes. Those of thread and of constant memory work on the compiler's generic space, which includes both:
// where a class has one of each, one serves.

import { at, closingAngle, next, remove, sources } from './navigate.js';
import type { Declaration } from './declarations.js';
import type { ClassBody } from './shape.js';
import type { Unit } from './unit.js';
import { ADDRESS_SPACES } from './words.js';

/** The class being read. */
export interface OwnClass extends ClassBody {
  readonly methods: Method[];
}

/** The name of a method for constant objects that does something else than its namesakes. */
export const OF_CONSTANT = '__msl_constant_';

/** A method: those of one key differ by the address space alone. */
interface Method {
  readonly key: string;
  readonly name: string;
  readonly space: string;
  readonly body: string;
  readonly begin: number;
  readonly nameAt: number;
  /** Position behind its last token. */
  readonly end: number;
}

export function openClass(body: ClassBody): OwnClass {
  return { ...body, methods: [] };
}

/** Remembers a method that is no static one. */
export function noteMethod(
  unit: Unit,
  own: OwnClass,
  { begin, shape, templates }: Declaration,
  nameAt: number,
): void {
  const close = at(unit, shape.parameters).match;
  const qualifiers: string[] = [];
  for (let position = next(unit, close); position < shape.stop; position = next(unit, position)) {
    const word = at(unit, position).source;
    if (!['const', 'volatile'].includes(word) && !ADDRESS_SPACES.has(word)) break;
    qualifiers.push(word);
  }
  const space = qualifiers.find((word) => ADDRESS_SPACES.has(word)) ?? 'thread';
  const constness = qualifiers.includes('const') ? 'const' : '';
  const header = templates.map((open) => sources(unit, open, closingAngle(unit, open)).join(' ')).join(' ');
  const key = `${header}|${sources(unit, nameAt, close).join(' ')}|${constness}`;
  const stop = at(unit, shape.stop);
  const end = stop.source === '{' ? stop.match + 1 : shape.stop + 1;
  const body = sources(unit, shape.stop, end).join(' ');
  own.methods.push({
    key,
    name: methodName(unit, nameAt, shape.parameters),
    space,
    body,
    begin,
    nameAt,
    end,
  });
}

/** The name; all conversion functions are `operator`. */
function methodName(unit: Unit, nameAt: number, parameters: number): string {
  const words = sources(unit, nameAt, parameters);
  return /^\w/u.test(words[1] ?? '') ? 'operator' : words.join('');
}

/** Notes which methods constant objects have, and takes out those that another one serves for. */
export function mergeConstantMethods(unit: Unit, own: OwnClass): void {
  const ofThread = new Map(
    own.methods.filter(({ space }) => space === 'thread').map((each) => [each.key, each]),
  );
  for (const method of own.methods) {
    if (method.space !== 'constant') continue;
    const twins = own.methods.filter(({ key, space }) => key === method.key && space !== 'threadgroup');
    const isSame = twins.every(({ body }) => body === method.body);
    if (!isSame || !unit.constantMethods.has(method.name))
      unit.constantMethods.set(method.name, isSame ? 'same' : 'different');
    const isNamed = /^\w+$/u.test(method.name) && method.name !== 'operator';
    if (!isSame && isNamed && method.name !== own.name) {
      at(unit, method.nameAt).text = `${OF_CONSTANT}${method.name}`;
      continue;
    }
    const served = ofThread.get(method.key);
    if (served === undefined) {
      ofThread.set(method.key, method);
      continue;
    }
    remove(unit, method.begin, method.end);
    for (let position = method.begin; position < method.end; position += 1) {
      const token = at(unit, position);
      token.prefix = '';
      token.suffix = '';
    }
  }
}
