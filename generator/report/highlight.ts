// Metal source into HTML with its comments, words and numbers marked. It is done once, when a page is written, in one pass over the
// text: a set has more than a hundred thousand lines.

import { escapeHtml, Html } from './html.js';

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

const KEYWORDS = new Set(
  words(`
    alignas alignof auto break case class const constexpr continue default do else enum false for goto if inline kernel namespace
    operator private public return sizeof static static_assert struct switch template this true typedef typename union using
    vertex fragment volatile while device constant thread threadgroup threadgroup_imageblock ray_data object_data`),
);

const SCALARS = words(
  'bool char uchar short ushort int uint long ulong half float bfloat size_t ptrdiff_t',
).join('|');
const TYPE = new RegExp(
  `^(?:(?:packed_)?(?:${SCALARS})(?:[234](?:x[234])?|8x8)?|void|u?int(?:8|16|32|64)_t|atomic(?:_\\w+)?|simdgroup_\\w*(?:8x8|matrix)|vec|array|matrix)$`,
);

/** What a token is, in the order in which it is tried; words are looked up. */
const TOKEN = new RegExp(
  [
    /(?<comment>\/\/[^\n]*|\/\*[^]*?(?:\*\/|(?![^])))/,
    /(?<directive>^[ \t]*#(?:\\\n|[^\n/]|\/(?![/*]))*)/,
    /(?<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')/,
    /(?<attribute>\[\[[^\]]*\]\])/,
    /(?<number>\b0[xX][\da-fA-F]+[uUlL]*|\b\d[\d.]*(?:[eE][+-]?\d+)?[fhuUlL]*|\.\d+(?:[eE][+-]?\d+)?[fh]?)/,
    /(?<word>[A-Za-z_]\w*)/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gm',
);

/** One letter each, for a page has hundreds of thousands of them. */
const CLASSES: Readonly<Record<string, string>> = {
  comment: 'c',
  directive: 'd',
  string: 's',
  attribute: 'a',
  number: 'n',
};

export function highlightMetal(text: string): Html {
  let out = '';
  let done = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [token] = match;
    const kind = classOf(token, match.groups ?? {});
    if (kind === undefined) continue;
    out += `${escapeHtml(text.slice(done, match.index))}<span class=${kind}>${escapeHtml(token)}</span>`;
    done = match.index + token.length;
  }
  return new Html(out + escapeHtml(text.slice(done)));
}

function classOf(token: string, groups: Readonly<Record<string, string | undefined>>): string | undefined {
  if (groups['word'] === undefined) {
    return Object.entries(CLASSES).find(([name]) => groups[name] !== undefined)?.[1];
  }
  if (KEYWORDS.has(token)) return 'k';
  return TYPE.test(token) ? 't' : undefined;
}
