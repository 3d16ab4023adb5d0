// Metal makes no pipeline of a kernel that uses a function constant without a value. Which ones a kernel uses shows when it
// runs: an instrumented program asks the engine before each use, in LLVM's representation of it.

import { debugLocation } from './lines.js';

const USE = /^ +(?:%\S+ = load |(?:%\S+ = )?call )[^\n]*@__msl_constant_(\d+)(?!\d|_defined)/u;
const ASK = '__msl_rt_require_constant';

export function requireConstants(representation: string): string {
  if (!representation.includes('@__msl_constant_')) return representation;
  const lines = representation.split('\n').map((line) => {
    const index = USE.exec(line)?.[1];
    if (index === undefined) return line;
    return `  call void @${ASK}(ptr @__msl_constant_${index}, i64 ${index})${debugLocation(line)}\n${line}`;
  });
  return `${lines.join('\n')}\ndeclare void @${ASK}(ptr, i64)\n`;
}
