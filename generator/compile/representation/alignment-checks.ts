// Lets an instrumented program ask before each access whether the address is what the type asks for, in LLVM's
// representation of the program as it was written: there each access says which alignment it relies on. Not asked are
// variables of the function itself, which the compiler aligns, and the library.

import { debugLocation, libraryFunctions, subprogramOf } from './lines.js';

const CHECK = '__msl_check_alignment';

const VALUE = String.raw`%(?:"[^"]*"|[-\w.$]+)`;
const ACCESS = new RegExp(
  String.raw`^ +(?:${VALUE} = load|store) [^\n]*?ptr (${VALUE}), align (\d+)(?:,|$)`,
  'u',
);
const REFERENCES = new RegExp(String.raw`\balign (\d+) dereferenceable\(\d+\) (${VALUE})`, 'gu');
const COPY = /^ +(?:tail )?call void @llvm\.mem(?:cpy|move)\./u;
const COPIED = new RegExp(String.raw`\bptr align (\d+) (${VALUE})`, 'gu');
const OWN = new RegExp(String.raw`^ +(${VALUE}) = alloca `, 'u');
const PART = new RegExp(
  String.raw`^ +(${VALUE}) = (?:getelementptr|bitcast|addrspacecast) [^\n]*?ptr (${VALUE})`,
  'u',
);
const CALL = /^ +(?:\S+ = )?(?:tail )?call /u;

interface Wanted {
  readonly pointer: string;
  readonly alignment: number;
}

export function checkAlignments(representation: string): string {
  const library = libraryFunctions(representation);
  let asks = false;
  let own = new Set<string>();
  const lines = representation.split('\n').map((line) => {
    if (line.startsWith('define ')) {
      asks = !library.has(subprogramOf(line) ?? '');
      own = new Set();
    }
    if (!asks || !line.startsWith('  ')) return line;
    const [, variable] = OWN.exec(line) ?? [];
    const [, part, whole] = PART.exec(line) ?? [];
    if (variable !== undefined) own.add(variable);
    if (part !== undefined && whole !== undefined && own.has(whole)) own.add(part);
    const place = debugLocation(line);
    if (place === '') return line;
    const checks = wantedBy(line).filter(({ pointer, alignment }) => alignment > 1 && !own.has(pointer));
    return [...checks.map((check) => callOf(check, place)), line].join('\n');
  });
  return lines.join('\n');
}

function callOf({ pointer, alignment }: Wanted, place: string): string {
  return `  call void @${CHECK}(ptr ${pointer}, i64 ${alignment - 1})${place}`;
}

function wantedBy(line: string): Wanted[] {
  const [, pointer, alignment] = ACCESS.exec(line) ?? [];
  if (pointer !== undefined) return [{ pointer, alignment: Number(alignment) }];
  if (!CALL.test(line)) return [];
  const pattern = COPY.test(line) ? COPIED : REFERENCES;
  return [...line.matchAll(pattern)].map(([, alignment, pointer = '']) => ({
    pointer,
    alignment: Number(alignment),
  }));
}
