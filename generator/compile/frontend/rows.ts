// Finds the kernels whose threads never wait for each other. The host runs rows of such threads in one call, which the
// compiler may turn into vector instructions. Names decide: whatever a kernel mentions is taken for a call to every function
// of that name. The engine notices a kernel that waits all the same, and runs it thread by thread.

import type { Token } from './tokens.js';
import type { Instantiation, Unit } from './unit.js';

const WAITS =
  /^(?:simd_|quad_|simdgroup_|quadgroup_|threadgroup_barrier$|make_filled_simdgroup|matmul2d$|tensor_ops$|__metal_)/u;

/** Called without their name: operators, and constructors by whatever names their class. */
const OPERATOR = 'operator';

/** Notes what the body of a function mentions. */
export function noteMentions(unit: Unit, name: string, body: Iterable<Token>): void {
  let mentions = unit.mentions.get(name);
  if (!mentions) unit.mentions.set(name, (mentions = new Set()));
  for (const token of body) if (token.kind === 'identifier') mentions.add(token.source);
}

/** The function constants that a kernel may use: by their names, whatever these mean where they stand. */
export function constantsOf(unit: Unit, { definition, expression }: Instantiation): number[] {
  const visited = new Set<string>();
  const pending = [definition.split('::').at(-1) ?? '', ...(expression.match(/[A-Za-z_]\w*/gu) ?? [])];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (visited.has(name)) continue;
    visited.add(name);
    pending.push(...(unit.mentions.get(name) ?? []));
  }
  const used = unit.constants.filter(({ name }) => visited.has(name)).map(({ index }) => index);
  return [...new Set(used)].sort((a, b) => a - b);
}

export function runsInRows(unit: Unit, { definition, expression }: Instantiation): boolean {
  const visited = new Set<string>();
  const pending = [definition, OPERATOR, ...unit.classes, ...(expression.match(/[A-Za-z_]\w*/gu) ?? [])];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (visited.has(name)) continue;
    visited.add(name);
    if (WAITS.test(name)) return false;
    pending.push(...(unit.mentions.get(name) ?? []));
  }
  return true;
}
