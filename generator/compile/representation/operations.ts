// Lets an instrumented program count its floating-point operations: finds them in LLVM's representation of the program as
// it was written, before anything is optimised, and tells the engine in each basic block how many it has.
//
// An addition, subtraction, multiplication, division, remainder or square root counts one, a fused multiply-add two, any
// other function of Metal's library one, each for every component. What only moves, compares, rounds or converts values
// counts nothing.

import { debugLocation } from './lines.js';

/** A function of the library, `namespace __msl_precise`: what it does inside stands for one operation. */
const LIBRARY = '_ZN13__msl_precise';
const LIBRARY_NAME = /^_ZN13__msl_precise(\d+)(.*)$/u;

const FUSED = 2;
const FREE = new Set(
  'ceil copysign fabs floor fmax fmin frexp ilogb ldexp nextafter rint round saturate sign trunc'.split(' '),
);

const FLOAT = '(?:half|bfloat|float)';
const ARITHMETIC = new RegExp(
  String.raw`^ +%\S+ = (?:fadd|fsub|fmul|fdiv|frem) (?:[a-z]+ )*?(?:<(\d+) x ${FLOAT}>|${FLOAT}) `,
  'u',
);
const CALL = /^ +(?:%\S+ = )?(?:tail |musttail |notail )?call [^@]*@"?([\w.$]+)"?\(/u;
const INTRINSIC = /^llvm\.(fma|fmuladd|sqrt)\.(?:v(\d+))?(?:f16|bf16|f32)$/u;
const DEFINITION = /^define [^@]*@"?([\w.$]+)"?\(/u;
const LABEL = /^(?:"[^"]*"|[\w.$-]+):/u;

const COUNTER = '__msl_count_operations';

/** The representation with a call of the counter in each basic block that computes with floating-point numbers. */
export function countOperations(representation: string): string {
  const lines = representation.split('\n');
  let inside = false;
  let block: Block = { operations: 0, first: -1 };
  const leave = (): void => {
    if (block.operations > 0) {
      const call = `  call void @${COUNTER}(i64 ${block.operations})`;
      lines[block.first] = `${call}${debugLocation(lines[block.first] ?? '')}\n${lines[block.first] ?? ''}`;
    }
    block = { operations: 0, first: -1 };
  };
  lines.forEach((line, index) => {
    const name = line.startsWith('define ') ? DEFINITION.exec(line)?.[1] : undefined;
    if (name !== undefined) inside = !name.startsWith(LIBRARY);
    else if (line === '}' || (inside && LABEL.test(line))) leave();
    else if (inside) note(block, operationsOf(line), index);
    if (line === '}') inside = false;
  });
  return lines.join('\n');
}

interface Block {
  operations: number;
  /** Line of the first of them. */
  first: number;
}

function note(block: Block, operations: number, line: number): void {
  if (operations === 0) return;
  if (block.operations === 0) block.first = line;
  block.operations += operations;
}

function operationsOf(line: string): number {
  const arithmetic = ARITHMETIC.exec(line);
  if (arithmetic) return Number(arithmetic[1] ?? 1);
  const callee = CALL.exec(line)?.[1];
  return callee === undefined ? 0 : operationsOfCall(callee);
}

function operationsOfCall(callee: string): number {
  const intrinsic = INTRINSIC.exec(callee);
  if (intrinsic) return (intrinsic[1] === 'sqrt' ? 1 : FUSED) * Number(intrinsic[2] ?? 1);
  const [, length = '', rest = ''] = LIBRARY_NAME.exec(callee) ?? [];
  if (length === '') return 0;
  const name = rest.slice(0, Number(length));
  if (name === 'fma') return FUSED;
  return FREE.has(name) ? 0 : 1;
}
