// Code of the Metal library counts as the line of the program that uses it. Functions without line numbers take those of
// their callers when they are inlined: in LLVM's representation, the library's functions lose theirs.

/** Headers of the Metal library. */
export const LIBRARY_FILE = /(?:^|\/)native\/msl\//u;

const FILE = /^!(\d+) = !DIFile\(filename: "([^"]*)"/gmu;
const FUNCTION = /^!(\d+) = distinct !DISubprogram\([^\n]*?\bfile: !(\d+)/gmu;
/** Of an instruction, as it follows it. A call that can be inlined needs one where its caller has one. */
export function debugLocation(instruction: string): string {
  return /, !dbg !\d+/u.exec(instruction)?.[0] ?? '';
}

const ATTACHMENT = /,? !dbg !(\d+)/u;

/** What tells which function's lines a definition has. */
export function subprogramOf(definition: string): string | undefined {
  return ATTACHMENT.exec(definition)?.[1];
}

/** The subprograms of the Metal library. */
export function libraryFunctions(representation: string): ReadonlySet<string> {
  const files = new Set<string>();
  for (const [, id = '', path = ''] of representation.matchAll(FILE))
    if (LIBRARY_FILE.test(path)) files.add(id);
  const functions = new Set<string>();
  for (const [, id = '', file = ''] of representation.matchAll(FUNCTION))
    if (files.has(file)) functions.add(id);
  return functions;
}

export function hideLibraryLines(representation: string): string {
  const functions = libraryFunctions(representation);
  if (functions.size === 0) return representation;
  let hidden = false;
  const lines = representation.split('\n').map((line) => {
    if (line.startsWith('define ')) hidden = functions.has(subprogramOf(line) ?? '');
    const result = hidden ? line.replace(ATTACHMENT, '') : line;
    if (line === '}') hidden = false;
    return result;
  });
  return lines.join('\n');
}
