// Splits Metal source into what matters to a reader of brackets: comments and literals are passed over, brackets and line
// ends are reported with their place.

export interface ScanToken {
  readonly text: string;
  readonly offset: number;
}

const TOKEN = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[()[\]{}]|\n/g;

/** The brackets and line ends of a text, outside comments, strings and characters. */
export function* scanCode(text: string): Generator<ScanToken> {
  for (const match of text.matchAll(TOKEN)) {
    if (match[0].length === 1) yield { text: match[0], offset: match.index };
  }
}
