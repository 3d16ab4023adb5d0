// Variables of a thread, which a GPU wants in registers: memory of a thread's own is device memory.

const VARIABLE = /^ +(%(?:"[^"]*"|[-\w.$]+)) = alloca /gmu;
const VOLATILE = /^( +(?:%\S+ = )?(?:load|store) )volatile ([^\n]*ptr (%(?:"[^"]*"|[-\w.$]+))[^\n]*)$/gmu;

/** Whether variables are left in memory in an optimised program. */
export function hasVariablesInMemory(representation: string): boolean {
  return representation.search(VARIABLE) >= 0;
}

/**
 * Nobody else sees a thread's own variables, so that `volatile` tells nothing about them: programs use it to keep a Mac's
 * compiler from moving code. In the representation of a program as it was written.
 */
export function releasePrivateMemory(representation: string): string {
  if (representation.search(VOLATILE) < 0) return representation;
  return representation.replace(/^define [^\n]*\{\n[^]*?^\}$/gmu, (text) => {
    const own = new Set([...text.matchAll(VARIABLE)].map(([, name = '']) => name));
    return text.replace(VOLATILE, (line, start: string, rest: string, address: string) =>
      own.has(address) ? `${start}${rest}` : line,
    );
  });
}
