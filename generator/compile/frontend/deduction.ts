// `thread T&` with a type parameter T: the compiler would deduce T with the address space of the argument. A parameter of
// its own takes what is deduced, and T is that without the address space.

import type { Declaration } from './declarations.js';
import { at, closingAngle, next, sources, splitList, type Range } from './navigate.js';
import type { Unit } from './unit.js';

const AROUND = new Set(['thread', 'const', 'volatile', 'typename']);

export function deduceBareReferences(unit: Unit, declaration: Declaration, name: string): void {
  const open = declaration.templates.at(-1);
  if (open === undefined || at(unit, next(unit, open)).source === '>') return;
  const close = closingAngle(unit, open);
  const header = splitList(unit, open + 1, close);
  const { parameters } = declaration.shape;
  const list = splitList(unit, parameters + 1, at(unit, parameters).match);
  for (const range of header) {
    const type = typeParameter(unit, range);
    if (type < 0) continue;
    const word = at(unit, type).source;
    const bare = list.map((parameter) => bareReference(unit, parameter, word));
    if (!bare.some((position) => position >= 0)) continue;
    const isDeduced = list.some(
      (parameter, index) =>
        (bare[index] ?? -1) < 0 && sources(unit, parameter.begin, parameter.end).includes(word),
    );
    let first = true;
    for (const position of bare) {
      if (position < 0) continue;
      const token = at(unit, position);
      if (first && !isDeduced) {
        token.text = `__msl_of_${word}`;
        first = false;
      } else token.text = `::metal::type_identity_t<${word}>`;
    }
    if (isDeduced) continue;
    at(unit, type).text = `__msl_of_${word}`;
    for (let position = type + 1; position < close; position += 1) {
      const token = at(unit, position);
      if (token.source === word) token.text = `::metal::remove_addrspace_t<__msl_of_${word}>`;
    }
    const key = `${declaration.scope.ownClass?.open ?? declaration.scope.namespaces.join('::')} ${name}(${sources(unit, parameters, at(unit, parameters).match).join(' ')} ${word}`;
    const fallback = unit.deduced.has(key) ? '' : ` = ::metal::__of_thread<__msl_of_${word}>`;
    unit.deduced.add(key);
    at(unit, close).prefix += `, typename ${word}${fallback}`;
  }
}

/** Position of the name in `typename T` and `class T = U`; -1 for anything else. */
function typeParameter(unit: Unit, { begin, end }: Range): number {
  const words = sources(unit, begin, end);
  if (!['typename', 'class'].includes(words[0] ?? '') || words[1] === '...' || words[1] === undefined)
    return -1;
  return next(unit, begin);
}

/** Position of the type in `const thread T& x` and `thread T (&x)[4]`; -1 for any other parameter. */
function bareReference(unit: Unit, { begin, end }: Range, word: string): number {
  let type = -1;
  for (let position = begin; position < end; position = next(unit, position)) {
    const { source } = at(unit, position);
    if (AROUND.has(source)) continue;
    if (source === word && type < 0) type = position;
    else {
      const isReference = source === '&' || (source === '(' && at(unit, position + 1).source === '&');
      return isReference && type >= 0 && sources(unit, begin, end).includes('thread') ? type : -1;
    }
  }
  return -1;
}
