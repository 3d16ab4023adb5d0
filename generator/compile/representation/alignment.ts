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

const VECTOR_ACCESS =
  /^( +(?:%\S+ = load |store )(?:volatile )?<\d+ x (i\d+|half|bfloat|float)>[^\n]*, align )\d+/gmu;
const ELEMENT_BYTES: Readonly<Record<string, number>> = { half: 2, bfloat: 2, float: 4 };
const COPY =
  /^( +(?:tail )?call void @llvm\.memcpy\.[^(\n]*\(ptr[^\n]*?\balign )\d+( [^\n]*?\balign )\d+( [^\n]*, i64 (4|8|16), i1 false\))/gmu;
/** What vectors of so many bytes may consist of. */
const COPIED_BYTES: Readonly<Record<string, number>> = { 4: 1, 8: 2, 16: 4 };
const REFERENCE = /\balign \d+ (dereferenceable)/gu;

/** For processors that stop at a vector which is not aligned to its size: accesses promise its components' alignment. */
export function promiseComponentAlignment(representation: string): string {
  return representation
    .replace(VECTOR_ACCESS, (_, access: string, element: string) => {
      const bytes = ELEMENT_BYTES[element] ?? Math.max(1, Number(element.slice(1)) / 8);
      return `${access}${bytes}`;
    })
    .replace(COPY, (_, to: string, from: string, rest: string, size: string) => {
      const bytes = COPIED_BYTES[size] ?? 1;
      return `${to}${bytes}${from}${bytes}${rest}`;
    })
    .replace(REFERENCE, 'align 1 $1');
}
