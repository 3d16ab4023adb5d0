// The token of preprocessed Metal: what was written, where, and what will be printed in its place. Rewriting changes only
// `text`, `prefix`, `suffix` and `removed`; `source` stays as written, so that every pass can parse the original program.

export type TokenKind = 'identifier' | 'number' | 'string' | 'character' | 'operator' | 'end';

export interface Token {
  readonly kind: TokenKind;
  readonly source: string;
  readonly file: string;
  readonly line: number;
  /** White space, line markers and pragmas in front of the token; a declaration that is taken out leaves no pragmas. */
  before: string;
  text: string;
  prefix: string;
  suffix: string;
  removed: boolean;
  /** Position of the partner of a bracket, or -1. */
  match: number;
}

/** Prints tokens: the inverse of the lexer where nothing was rewritten. */
export function printTokens(tokens: readonly Token[]): string {
  const parts: string[] = [];
  for (const token of tokens) {
    parts.push(token.before, token.prefix);
    if (!token.removed) parts.push(token.text);
    parts.push(token.suffix);
  }
  return parts.join('');
}
