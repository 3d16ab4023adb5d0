// Translates positions in the translated text back to the source as it was written. Lines agree, thanks to line markers;
// columns are found by lining up the tokens of the translated line with those of the source line.

import { readFileSync } from 'node:fs';

import { entryIndex } from './frontend/entries.js';
import type { Token } from './frontend/tokens.js';
import type { Translation } from './frontend/translate.js';

interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface SourceMap {
  /** The place in the source for a place that the compiler named. */
  original(position: Position): Position;
  /** The place of a token in the source. */
  ofToken(token: Token): Position;
}

/** `texts` holds sources that are not read from disk. */
export function createSourceMap(translation: Translation, texts: ReadonlyMap<string, string>): SourceMap {
  const lines = groupByLine(translation.tokens);
  const readLine = lineReader(texts);
  const ofToken = (token: Token): Position => {
    const { file, line } = token;
    const group = lines.get(`${line} ${file}`)?.find((candidate) => candidate.includes(token)) ?? [token];
    return { file, line, column: sourceColumn(group, group.indexOf(token), readLine(file, line)) };
  };
  return {
    ofToken,
    original(position) {
      const entry = entryIndex(position.file);
      if (entry !== undefined) {
        const token = translation.entryTokens[entry];
        return token ? ofToken(token) : position;
      }
      const groups = lines.get(`${position.line} ${position.file}`) ?? [];
      const token = groups
        .map((group) => tokenAt(group, position.column))
        .find((found) => found !== undefined);
      return token ? ofToken(token) : position;
    },
  };
}

/** Tokens of each source line, by `line file`; a file that is included twice has several groups per line. */
function groupByLine(tokens: readonly Token[]): Map<string, Token[][]> {
  const groups = new Map<string, Token[][]>();
  let current: Token[] = [];
  let last: Token | undefined;
  for (const token of tokens) {
    const sameLine = last?.file === token.file && last.line === token.line && !token.before.includes('\n');
    if (!sameLine) {
      current = [];
      const key = `${token.line} ${token.file}`;
      const known = groups.get(key);
      if (known) known.push(current);
      else groups.set(key, [current]);
    }
    current.push(token);
    last = token;
  }
  return groups;
}

/** The token printed at a column of the translated line. */
function tokenAt(group: readonly Token[], column: number): Token | undefined {
  let position = 1;
  for (const token of group) {
    const before = token.before.slice(token.before.lastIndexOf('\n') + 1);
    position +=
      before.length + token.prefix.length + (token.removed ? 0 : token.text.length) + token.suffix.length;
    if (column < position) return token;
  }
  return group.at(-1);
}

const SOURCE_TOKEN =
  /\/\*.*?\*\/|\/\/.*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])+'|\.?\d(?:[eEpP][+-]|[\w.])*|[A-Za-z_]\w*|::|->|\+\+|--|<<=|\.\.\.|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|<<|\S/gu;

interface Word {
  readonly text: string;
  readonly column: number;
}

function wordsOf(line: string): Word[] {
  const words: Word[] = [];
  for (const match of line.matchAll(SOURCE_TOKEN)) {
    if (!match[0].startsWith('/*') && !match[0].startsWith('//'))
      words.push({ text: match[0], column: match.index + 1 });
  }
  return words;
}

/** Lines up printed tokens with the words of the source line; a token that a macro made stands at the macro. */
function sourceColumn(group: readonly Token[], index: number, line: string | undefined): number {
  if (line === undefined) return 1;
  const words = wordsOf(line);
  const matches = align(
    group.map((token) => token.source),
    words.map((word) => word.text),
  );
  const match = matches[index];
  if (match !== undefined && match >= 0) return words[match]?.column ?? 1;
  // The macro is the last name in front of the next token that both lines have, and that the printed line lacks.
  const next = matches.slice(index + 1).find((other) => other >= 0) ?? words.length;
  const used = new Set(matches);
  const macro = words.findLast((word, at) => at < next && !used.has(at) && /^[A-Za-z_]/u.test(word.text));
  return macro?.column ?? words[Math.min(next, words.length - 1)]?.column ?? 1;
}

/** For each token the word it corresponds to in a longest common subsequence, or -1. */
function align(tokens: readonly string[], words: readonly string[]): number[] {
  const width = words.length + 1;
  const lengths = new Uint16Array((tokens.length + 1) * width);
  for (let i = tokens.length - 1; i >= 0; i -= 1) {
    for (let j = words.length - 1; j >= 0; j -= 1) {
      const here = i * width + j;
      lengths[here] =
        tokens[i] === words[j]
          ? (lengths[here + width + 1] ?? 0) + 1
          : Math.max(lengths[here + width] ?? 0, lengths[here + 1] ?? 0);
    }
  }
  const matches = new Array<number>(tokens.length).fill(-1);
  for (let i = 0, j = 0; i < tokens.length && j < words.length;) {
    const here = i * width + j;
    if (tokens[i] === words[j] && lengths[here] === (lengths[here + width + 1] ?? 0) + 1) {
      matches[i] = j;
      i += 1;
      j += 1;
    } else if ((lengths[here + width] ?? 0) >= (lengths[here + 1] ?? 0)) i += 1;
    else j += 1;
  }
  return matches;
}

function lineReader(texts: ReadonlyMap<string, string>): (file: string, line: number) => string | undefined {
  const files = new Map<string, readonly string[] | undefined>();
  for (const [file, text] of texts) files.set(file, text.split('\n'));
  return (file, line) => {
    if (!files.has(file)) files.set(file, readLines(file));
    return files.get(file)?.[line - 1];
  };
}

function readLines(file: string): readonly string[] | undefined {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return undefined;
  }
}
