// Turns preprocessed text into tokens with file and line (from the preprocessor's line markers) and pairs the brackets.

import type { Token, TokenKind } from './tokens.js';

// One alternative per kind of text, told apart by its first character. `>>` is left as two tokens: it closes two template
// argument lists more often than it shifts.
const TEXT =
  /^[ \t]*#[^\n]*|\s+|(?:u8|L|R)?"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'|\.?\d(?:[eEpP][+-]|'(?=\w)|[\w.])*|[A-Za-z_]\w*|::|->\*|->|\+\+|--|<<=|\.\.\.|<=>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|<<|./gmsuy;

const LINE_MARKER = /^\s*#\s*(?:line\s+)?(\d+)\s+"((?:[^"\\]|\\.)*)"/u;
const OPENING: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/** Splits preprocessed text into tokens; the last one has kind `end`. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let before = '';
  let file = '';
  let line = 1;
  let atLineStart = true;
  TEXT.lastIndex = 0;
  for (let match = TEXT.exec(text); match; match = TEXT.exec(text)) {
    const source = match[0];
    if (atLineStart && isDirective(source)) {
      const marker = LINE_MARKER.exec(source);
      if (marker) {
        line = Number(marker[1]) - 1;
        file = (marker[2] ?? '').replace(/\\(.)/gu, '$1');
      }
      before += source;
    } else if (isSpace(source)) {
      before += source;
      line += countNewlines(source);
      atLineStart = source.endsWith('\n');
      continue;
    } else {
      tokens.push(makeToken(kindOf(source), source, file, line, before));
      before = '';
      if (source.length > 1) line += countNewlines(source);
    }
    atLineStart = false;
  }
  tokens.push(makeToken('end', '', file, line, before));
  pairBrackets(tokens);
  return tokens;
}

function isSpace(source: string): boolean {
  const code = source.charCodeAt(0);
  return code === 32 || (code >= 9 && code <= 13) || (code >= 128 && source.trim() === '');
}

function isDirective(source: string): boolean {
  return source.startsWith('#') || (isSpace(source) && source.trimStart().startsWith('#'));
}

function kindOf(source: string): TokenKind {
  const code = source.charCodeAt(0);
  if ((code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95) {
    return source.endsWith('"') ? 'string' : 'identifier';
  }
  if (code >= 48 && code <= 57) return 'number';
  if (code === 34) return 'string';
  if (code === 39) return 'character';
  const second = source.charCodeAt(1);
  return code === 46 && second >= 48 && second <= 57 ? 'number' : 'operator';
}

function makeToken(kind: TokenKind, source: string, file: string, line: number, before: string): Token {
  return {
    kind,
    source,
    file,
    line,
    before,
    text: source,
    prefix: '',
    suffix: '',
    removed: false,
    match: -1,
  };
}

function countNewlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

function pairBrackets(tokens: Token[]): void {
  const open: number[] = [];
  tokens.forEach((token, index) => {
    if (token.kind !== 'operator') return;
    if (token.source === '(' || token.source === '[' || token.source === '{') {
      open.push(index);
      return;
    }
    const partner = OPENING[token.source];
    if (partner === undefined) return;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const candidate = tokens[at];
      if (candidate?.source !== partner) continue;
      candidate.match = index;
      token.match = at;
      return;
    }
  });
}
