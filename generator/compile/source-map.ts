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
  /** The token printed at a place that the compiler named. */
  tokenAt(position: Position): Token | undefined;
  /** The place in the source for a place that the compiler named. */
  original(position: Position): Position;
  /** The place of a token in the source. */
  ofToken(token: Token): Position;
}

/** `texts` holds sources that are not read from disk, `files` those that are. */
export function createSourceMap(
  translation: Translation,
  texts: ReadonlyMap<string, string>,
  files: readonly string[] = [],
): SourceMap {
  const lines = groupByLine(translation.tokens);
  const groupOf = new Map(
    [...lines.values()].flat().flatMap((group) => group.map((token) => [token, group])),
  );
  const ends = new Map<readonly Token[], readonly number[]>();
  const readLine = lineReader(texts, new Set(files));
  // Lines may be long and have thousands of findings: what is found out about one is kept.
  const aligned = new Map<readonly Token[], AlignedLine | undefined>();
  const ofToken = (token: Token): Position => {
    const { file, line } = token;
    const group = groupOf.get(token) ?? [token];
    if (!aligned.has(group)) aligned.set(group, alignLine(group, readLine(file, line)));
    return { file, line, column: sourceColumn(token, aligned.get(group)) };
  };
  const find = (position: Position): Token | undefined =>
    (lines.get(`${position.line} ${position.file}`) ?? [])
      .map((group) => {
        const own = ends.get(group) ?? endsOf(group);
        ends.set(group, own);
        return tokenAt(group, own, position.column);
      })
      .find((found) => found !== undefined);
  return {
    ofToken,
    tokenAt: find,
    original(position) {
      const entry = entryIndex(position.file);
      if (entry !== undefined) {
        const token = translation.entryTokens[entry];
        return token ? ofToken(token) : position;
      }
      // What the compiler misses at the end of the program, it misses in what is added there.
      const isAdded = position.file.startsWith('<');
      const token = isAdded ? translation.tokens.findLast(({ kind }) => kind !== 'end') : find(position);
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

/** The column behind each token of the translated line. */
function endsOf(group: readonly Token[]): number[] {
  let position = 1;
  return group.map((token) => {
    const before = token.before.slice(token.before.lastIndexOf('\n') + 1);
    position +=
      before.length + token.prefix.length + (token.removed ? 0 : token.text.length) + token.suffix.length;
    return position;
  });
}

/** The token printed at a column of the translated line. */
function tokenAt(group: readonly Token[], ends: readonly number[], column: number): Token | undefined {
  let low = 0;
  let high = group.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column < (ends[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return group[low];
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

interface AlignedLine {
  readonly words: readonly Word[];
  readonly places: ReadonlyMap<Token, number>;
  /** For each token the word it corresponds to, or -1. */
  readonly matches: readonly number[];
}

/** Lines up printed tokens with the words of the source line. */
function alignLine(group: readonly Token[], line: string | undefined): AlignedLine | undefined {
  if (line === undefined) return undefined;
  const words = wordsOf(line);
  const matches = alignEnds(
    group.map((token) => token.source),
    words.map((word) => word.text),
  );
  return { words, matches, places: new Map(group.map((token, index) => [token, index])) };
}

/** A token that a macro made stands at the macro. */
function sourceColumn(token: Token, line: AlignedLine | undefined): number {
  if (line === undefined) return 1;
  const { words, matches } = line;
  const index = line.places.get(token) ?? 0;
  const match = matches[index];
  if (match !== undefined && match >= 0) return words[match]?.column ?? 1;
  // The macro is the last name in front of the next token that both lines have, and that the printed line lacks.
  const next = matches.slice(index + 1).find((other) => other >= 0) ?? words.length;
  const used = new Set(matches);
  const macro = words.findLast((word, at) => at < next && !used.has(at) && /^[A-Za-z_]/u.test(word.text));
  return macro?.column ?? words[Math.min(next, words.length - 1)]?.column ?? 1;
}

/** The largest table of two lines that are lined up in full. */
const LARGEST_TABLE = 4_000_000;

/** What both lines begin and end with corresponds; only what is between has to be searched, where it is not too long. */
function alignEnds(tokens: readonly string[], words: readonly string[]): number[] {
  const shorter = Math.min(tokens.length, words.length);
  let begin = 0;
  while (begin < shorter && tokens[begin] === words[begin]) begin += 1;
  let end = 0;
  while (end < shorter - begin && tokens.at(-1 - end) === words.at(-1 - end)) end += 1;
  const inner = tokens.slice(begin, tokens.length - end);
  const innerWords = words.slice(begin, words.length - end);
  const between =
    inner.length * innerWords.length > LARGEST_TABLE
      ? new Array<number>(inner.length).fill(-1)
      : align(inner, innerWords).map((match) => (match < 0 ? match : match + begin));
  const shift = words.length - tokens.length;
  return tokens.map((_, index) => {
    if (index < begin) return index;
    return index >= tokens.length - end ? index + shift : (between[index - begin] ?? -1);
  });
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

function lineReader(
  texts: ReadonlyMap<string, string>,
  readable: ReadonlySet<string>,
): (file: string, line: number) => string | undefined {
  const files = new Map<string, readonly string[] | undefined>();
  for (const [file, text] of texts) files.set(file, text.split('\n'));
  return (file, line) => {
    if (!files.has(file)) files.set(file, readable.has(file) ? readLines(file) : undefined);
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
