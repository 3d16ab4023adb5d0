// Takes apart functions of LLVM's representation, as text, so that instructions can be replaced and moved: all values get
// names, because LLVM wants its numbers in order.

export interface Block {
  /** The label's line, if it has one, and the phi instructions. */
  readonly head: readonly string[];
  /** What may be moved. */
  readonly body: readonly string[];
  /** The last instruction, and what follows it. */
  readonly tail: readonly string[];
}

const FUNCTION = /^define [^\n]*\{\n[^]*?^\}$/gmu;
const NUMBERED = /%(\d+)\b/gu;
const NUMBERED_LABEL = /^(\d+):/u;
const LABEL = /^(?:"[^"]*"|[-\w.$]+):/u;
const END = /^ +(?:br|switch|ret|unreachable|indirectbr)\b/u;
const PHI = /^ +%\S+ = phi /u;
const RESULT = /^ +(%(?:"[^"]*"|[-\w.$]+)) = /u;
const OPERAND = /%(?:"[^"]*"|[-\w.$]+)/gu;

/** The representation with functions changed that a pattern occurs in. */
export function rewriteFunctions(
  representation: string,
  pattern: RegExp,
  change: (blocks: Block[]) => readonly Block[],
): string {
  if (!pattern.test(representation)) return representation;
  return representation.replace(FUNCTION, (text) => {
    if (!pattern.test(text)) return text;
    const [first = '', ...lines] = nameValues(text).split('\n');
    const blocks = change(splitBlocks(lines));
    return [first, ...blocks.flatMap(({ head, body, tail }) => [...head, ...body, ...tail])].join('\n');
  });
}

function nameValues(text: string): string {
  const [first = '', ...lines] = text.split('\n');
  const named = (line: string): string => line.replace(NUMBERED, '%n.$1');
  const start = lines.findIndex((line) => line !== '');
  if (!LABEL.test(lines[start] ?? '')) {
    // The first block has the number after those of the parameters.
    lines.unshift(`${(first.match(NUMBERED) ?? []).length}:`);
  }
  return [named(first), ...lines.map((line) => named(line).replace(NUMBERED_LABEL, 'n.$1:'))].join('\n');
}

function splitBlocks(lines: readonly string[]): Block[] {
  const starts = lines.flatMap((line, index) => (LABEL.test(line) ? [index] : []));
  return starts.map((start, position) => splitBlock(lines.slice(start, starts[position + 1])));
}

function splitBlock(lines: readonly string[]): Block {
  const end = lines.findIndex((line) => END.test(line));
  const body = lines.findIndex((line, index) => index > 0 && !PHI.test(line));
  return { head: lines.slice(0, body), body: lines.slice(body, end), tail: lines.slice(end) };
}

/** The value that an instruction defines. */
export function resultOf(line: string): string | undefined {
  return RESULT.exec(line)?.[1];
}

/** Values that an instruction takes, types among them. */
export function operandsOf(line: string): readonly string[] {
  const result = RESULT.exec(line);
  return line.slice(result?.[0].length ?? 0).match(OPERAND) ?? [];
}

/** Every use of a value replaced by another one. */
export function replaceValues(lines: readonly string[], values: ReadonlyMap<string, string>): string[] {
  if (values.size === 0) return [...lines];
  return lines.map((line) => line.replace(OPERAND, (name) => values.get(name) ?? name));
}
