// Vectors of more components than Metal's, which programs declare by the compiler's own attribute. `V(x)` converts the
// elements of another one, where the compiler would take it for a cast of the whole.

import { at, sources, splitList } from './navigate.js';
import type { Unit } from './unit.js';

export function respellWideVectors(unit: Unit): void {
  const names = new Set<string>();
  unit.tokens.forEach(({ source }, index) => {
    if (source !== 'ext_vector_type') return;
    let begin = index;
    while (![';', '{', '}', ''].includes(at(unit, begin - 1).source)) begin -= 1;
    const words = sources(unit, begin, index);
    if (words[0] === 'using') names.add(words[1] ?? '');
    else if (words[0] === 'typedef') names.add(words.at(words.indexOf('__attribute__') - 1) ?? '');
  });
  if (names.size === 0) return;
  unit.tokens.forEach((token, index) => {
    const open = at(unit, index + 1);
    if (!names.has(token.source) || open.source !== '(' || open.match <= index + 2) return;
    if (['typedef', 'operator'].includes(at(unit, index - 1).source)) return;
    if (splitList(unit, index + 2, open.match).length === 1) token.text = `__msl_wide<${token.source}>`;
  });
}
