// A mask and bits that are set, of constants both, are one instruction of an NVIDIA GPU. LLVM writes two, of which PTX's
// assembler makes two as well, since each of them holds a constant of its own: whoever takes codes of weights apart waits for
// whole numbers, for which such a GPU has half as many units as for floats.

const AND = /^\s+and\.b32\s+(%\w+), (%\w+), (-?\d+);/u;
/** Bits of a word from a place on: a shift, and a mask that the assembler puts elsewhere. */
const FIELD = /^\s+bfe\.u32\s+(%\w+), (%\w+), (\d+), (\d+);/u;
const OR = /^\s+or\.b32\s+(%\w+), (%\w+), (-?\d+);/u;
/** Of any instruction: a register, two, or those of a vector. */
const RESULTS = /^\s+(?:@!?%\w+ )?[\w.:]+\s+(\{[^}]*\}|%\w+(?:\|%\w+)?)/u;
const REGISTER = /%\w+/gu;
/** Where control may come from elsewhere. */
const LABEL = /^\S+:/u;

/** (a & b) | c, as `lop3` has it: of the bits of 0xf0, 0xcc and 0xaa. */
const AND_OR = '0xea';

/** Stands for an instruction that has become a part of another. */
const JOINED = '\0';

/** PTX in which `or` of an `and` that nothing else reads is one `lop3`. */
export function joinMasks(ptx: string): string {
  const lines = ptx.split('\n');
  const mentions = countMentions(lines);
  let masks = new Map<string, Mask>();
  lines.forEach((line, at) => {
    if (LABEL.test(line)) masks = new Map();
    const mask = readMask(line, at);
    const [, result = '', input = '', bits = ''] = OR.exec(line) ?? [];
    const found = masks.get(input);
    if (found !== undefined) {
      lines[found.at] = found.rest;
      lines[at] = `\tlop3.b32 \t${result}, ${found.operand}, ${found.mask}, ${bits}, ${AND_OR};`;
      masks.delete(input);
    }
    // Registers that carry values around loops are written more than once.
    const written: readonly string[] = RESULTS.exec(line)?.[1]?.match(REGISTER) ?? [];
    for (const [name, { read }] of masks) if (written.includes(read)) masks.delete(name);
    if (mask !== undefined && mentions.get(mask.result) === 2) masks.set(mask.result, mask);
  });
  return lines.filter((line) => line !== JOINED).join('\n');
}

/** An instruction that masks. */
interface Mask {
  readonly at: number;
  readonly result: string;
  /** What must still be in it where the mask joins another instruction. */
  readonly read: string;
  /** What stays of it then, and what the other instruction masks. */
  readonly rest: string;
  readonly operand: string;
  readonly mask: string;
}

function readMask(line: string, at: number): Mask | undefined {
  const [, masked, operand = '', mask = ''] = AND.exec(line) ?? [];
  if (masked !== undefined) return { at, result: masked, read: operand, rest: JOINED, operand, mask };
  const [, result, word = '', place = '', length = ''] = FIELD.exec(line) ?? [];
  if (result === undefined) return undefined;
  // The assembler shifts a word once, however many masks of it there are.
  const rest = `\tshr.u32 \t${result}, ${word}, ${place};`;
  return { at, result, read: result, rest, operand: result, mask: String(2 ** Number(length) - 1) };
}

function countMentions(lines: readonly string[]): ReadonlyMap<string, number> {
  const mentions = new Map<string, number>();
  for (const line of lines) {
    for (const [name] of line.matchAll(REGISTER)) mentions.set(name, (mentions.get(name) ?? 0) + 1);
  }
  return mentions;
}
