// Apple's GPUs load and store vectors wherever their components may lie, and programs rely on it: rows of an odd number of
// floats are written as float4. In LLVM's representation no access promises more than a scalar's alignment.

const PROMISE = /\balign (?:16|32|64|128)\b/gu;
const OWN_VARIABLE = /^ +%\S+ = alloca /u;

export function promiseScalarAlignment(representation: string): string {
  let inside = false;
  const lines = representation.split('\n').map((line) => {
    if (line.startsWith('define ')) inside = true;
    const result = inside && !OWN_VARIABLE.test(line) ? line.replace(PROMISE, 'align 8') : line;
    if (line === '}') inside = false;
    return result;
  });
  return lines.join('\n');
}
