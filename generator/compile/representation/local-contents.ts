// Lets an instrumented program give contents to its variables where they begin, in LLVM's representation of the program as it was
// written: what was never written can then hold one thing in one run and another in the next. Variables of the library are left
// out, and matrices of simdgroups, whose elements lie elsewhere.

import { debugLocation, libraryFunctions, subprogramOf } from './lines.js';

const FILL = '__msl_fill_local';

const VARIABLE = /^ +(%(?:"[^"]*"|[-\w.$]+)) = alloca (.+?), align \d+/u;
const BEGIN =
  /^ +call void @llvm\.lifetime\.start\.p0\((?:i64 [^,]*, )?ptr (?:[a-z]+ )*(%(?:"[^"]*"|[-\w.$]+))\)/u;
const LOCATION = /^!(\d+) = (?:distinct )?!DILocation\(line: (\d+)/gmu;
const ENGINES = /simdgroup_matrix|cooperative_tensor|__msl_/u;

export function fillLocals(representation: string): string {
  if (!representation.includes(`@${FILL}(`)) return representation;
  const library = libraryFunctions(representation);
  const lineOf = new Map<string, string>();
  for (const [, id = '', line = ''] of representation.matchAll(LOCATION)) lineOf.set(id, line);
  let isOwn = false;
  let types = new Map<string, string>();
  const lines = representation.split('\n').map((text) => {
    if (text.startsWith('define ')) {
      const subprogram = subprogramOf(text);
      isOwn = subprogram !== undefined && !library.has(subprogram);
      types = new Map();
    }
    if (!isOwn || !text.startsWith('  ')) return text;
    const [, variable, type] = VARIABLE.exec(text) ?? [];
    if (variable !== undefined && type !== undefined && !ENGINES.test(type)) types.set(variable, type);
    const [, begun = ''] = BEGIN.exec(text) ?? [];
    const own = types.get(begun);
    const place = debugLocation(text);
    const line = lineOf.get(/\d+/u.exec(place)?.[0] ?? '');
    if (own === undefined || line === undefined) return text;
    const size = `i64 ptrtoint (ptr getelementptr (${own}, ptr null, i64 1) to i64)`;
    return `${text}\n  call void @${FILL}(ptr ${begun}, ${size}, i64 ${line})${place}`;
  });
  return lines.join('\n');
}
