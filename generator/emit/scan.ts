// Splits Metal source into what matters to a reader of brackets: comments and literals are passed over, brackets and line
// ends are reported with their place. Every kernel is scanned several times, so this goes through the text by hand.

export interface ScanToken {
  readonly text: string;
  readonly offset: number;
}

/** The brackets and line ends of a text, outside comments, strings and characters. */
export function scanCode(text: string): ScanToken[] {
  const tokens: ScanToken[] = [];
  let offset = 0;
  while (offset < text.length) {
    const character = text.charAt(offset);
    const end = endOfIgnored(text, offset, character);
    if (end === offset && '()[]{}\n'.includes(character)) tokens.push({ text: character, offset });
    offset = Math.max(end, offset + 1);
  }
  return tokens;
}

/** Where a comment or literal that begins here ends; `start` itself where none begins. */
function endOfIgnored(text: string, start: number, first: string): number {
  if (first === '"' || first === "'") return endOfLiteral(text, start, first);
  if (first !== '/') return start;
  const second = text.charAt(start + 1);
  if (second === '/') return endOr(text, text.indexOf('\n', start));
  if (second === '*') return endOr(text, text.indexOf('*/', start + 2), 2);
  return start;
}

function endOr(text: string, found: number, length = 0): number {
  return found < 0 ? text.length : found + length;
}

/** A quote that its line does not close again is none. */
function endOfLiteral(text: string, start: number, quote: string): number {
  for (let offset = start + 1; offset < text.length; offset += 1) {
    const character = text.charAt(offset);
    if (character === '\n') return start;
    if (character === quote) return offset + 1;
    if (character === '\\') offset += 1;
  }
  return start;
}
