// Warns about functions that reach themselves, which GPUs do not support. Metal's compiler lets it pass where the call is
// never made, so this is no error. Only functions that names tell apart take part: no members, templates or overloads.

import { reportError, reportWarning, type Unit } from './unit.js';

export function findRecursion(unit: Unit): void {
  const reported = new Set<string>();
  for (const [name, record] of unit.calls) {
    if (record.definitions > 1 || reported.has(name)) continue;
    const cycle = findCycle(unit, name);
    if (cycle === undefined) continue;
    for (const member of cycle) reported.add(member);
    reportWarning(
      unit,
      record.token,
      `'${name}' calls itself${cycle.length > 1 ? ` through '${cycle[1] ?? ''}'` : ''}`,
    );
  }
}

/** The names on a path from a function back to itself. */
function findCycle(unit: Unit, name: string): string[] | undefined {
  const visited = new Set<string>();
  const search = (current: string, path: string[]): string[] | undefined => {
    const record = unit.calls.get(current);
    if (record?.definitions !== 1) return undefined;
    for (const callee of record.callees) {
      if (callee === name) return path;
      if (visited.has(callee)) continue;
      visited.add(callee);
      const found = search(callee, [...path, callee]);
      if (found) return found;
    }
    return undefined;
  };
  return search(name, [name]);
}

/** Kernels are started by the host alone. */
export function findCallsOfKernels(unit: Unit): void {
  const kernels = new Set([...unit.kernels.values()].flat().map(({ name }) => name));
  for (const record of unit.calls.values()) {
    for (const callee of record.callees) {
      if (!kernels.has(callee) || unit.references.has(callee)) continue;
      reportError(unit, record.token, `'${record.token.source}' calls the kernel '${callee}'`);
    }
  }
}
