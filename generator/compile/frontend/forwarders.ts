// Methods without an address space work on thread memory, and temporaries are that in Metal; for the compiler they lie in no
// address space. Beside such a method stands one for temporaries, which hands on everything.

import type { OwnClass } from './classes.js';
import type { Declaration } from './declarations.js';
import { at, closingAngle, next, rewritten, sources, splitList } from './navigate.js';
import { explicitArguments } from './temporaries.js';
import type { Unit } from './unit.js';

/** Operators of one or two operands that leave them alone. */
const OPERATORS = new Set('+ - * / % & | ^ ~ ! < > == != <= >= && || << >> []'.split(' '));

/** Remembers the method for `rewriteClassEnd`. */
export function forwardTemporaries(
  unit: Unit,
  own: OwnClass,
  declaration: Declaration,
  nameAt: number,
): void {
  const { parameters } = declaration.shape;
  const isOperator = at(unit, nameAt).source === 'operator';
  const operator = isOperator ? sources(unit, nameAt + 1, parameters).join('') : '()';
  const isConst = at(unit, next(unit, at(unit, parameters).match)).source === 'const';
  const constness = isConst ? 'const ' : '';
  if (operator === '()') own.forwarders.add(method(unit, own, declaration, nameAt, constness));
  else if (/^\w/u.test(operator)) own.forwarders.add(conversion(unit, own, declaration, nameAt, constness));
  else if (OPERATORS.has(operator)) {
    const count = splitList(unit, parameters + 1, at(unit, parameters).match).length;
    const name = rewritten(unit, nameAt, parameters);
    const self = (type: string): string => `((${constness}__private ${type}&)*this).${name}`;
    own.forwarders.add(
      count === 1
        ? write('class A_', `${name}(A_&& a_)`, constness, `${self(own.name)}(static_cast<A_&&>(a_))`)
        : write(`class S_ = ${own.name}`, `${name}()`, constness, `${self('S_')}()`),
    );
  }
}

function method(
  unit: Unit,
  own: OwnClass,
  declaration: Declaration,
  nameAt: number,
  constness: string,
): string {
  const name = rewritten(unit, nameAt, declaration.shape.parameters);
  const given = explicitArguments(unit, declaration);
  const header = given === '' ? '' : `${headerText(unit, declaration)}, `;
  const callee = given === '' ? name : `template ${name}${given}`;
  const call = `((${constness}__private ${own.name}&)*this).${callee}(static_cast<A_&&>(a_)...)`;
  return write(`${header}class... A_`, `${name}(A_&&... a_)`, constness, call);
}

function write(header: string, head: string, constness: string, call: string): string {
  const write = (space: string): string =>
    `template <${header}> constexpr auto ${head} ${constness}${space}&& -> decltype(${call}) { return ${call}; }`;
  return write('__private ') + write('');
}

function headerText(unit: Unit, declaration: Declaration): string {
  const open = declaration.templates.at(-1) ?? -1;
  return rewritten(unit, open + 1, closingAngle(unit, open));
}

/** A conversion is told apart by its type alone: the original must say that it is not for temporaries. */
function conversion(
  unit: Unit,
  own: OwnClass,
  { begin, shape }: Declaration,
  nameAt: number,
  constness: string,
): string {
  const name = rewritten(unit, nameAt, shape.parameters);
  const head = `${rewritten(unit, begin, nameAt)} ${name}() ${constness}`;
  const body = ` { return ((${constness}__private ${own.name}&)*this).${name}(); }`;
  return `${head} __private &&${body} ${head} &&${body}`;
}
