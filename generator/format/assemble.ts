// Puts the laid-out texts of several kernels together into one file: their banners become one, what they share occurs once, and
// two kernels that define the same thing differently are refused.

import { scanCode } from '../emit/scan.js';
import { MoegenError } from '../errors.js';
import { splitPassages } from './passages.js';

export interface KernelText {
  readonly kernel: string;
  readonly text: string;
}

/** Texts in the order of the file; a single one stays as it is. */
export function assembleFile(file: string, texts: readonly KernelText[]): string {
  const [only, ...others] = texts;
  if (only !== undefined && others.length === 0) return only.text;
  const banner = new Set<string>();
  const passages = new Set<string>();
  const definitions = new Map<string, { readonly kernel: string; readonly passage: string }>();
  for (const { kernel, text } of texts) {
    const [head = '', ...body] = topLevelPassages(text);
    for (const line of head.trimEnd().split('\n')) banner.add(line);
    for (const passage of body) {
      if (passages.has(passage)) continue;
      passages.add(passage);
      for (const name of definedIn(passage)) {
        const known = definitions.get(name);
        if (known !== undefined) throw conflict(file, name, known.kernel, kernel);
        definitions.set(name, { kernel, passage });
      }
    }
  }
  return [`${[...banner].join('\n')}\n`, ...passages].join('\n');
}

/** Passages between blank lines outside of all brackets. */
function topLevelPassages(text: string): string[] {
  const whole: string[] = [];
  let isInside = false;
  for (const passage of splitPassages(text)) {
    if (isInside) whole.push(`${whole.pop() ?? ''}\n${passage.text}`);
    else whole.push(passage.text);
    isInside = passage.depthAfter > 0;
  }
  return whole;
}

/** What a passage defines: the heads of its functions, structs and constants, without comments. */
function definedIn(passage: string): string[] {
  const code = passage.replaceAll(/\/\/[^\n]*|^[ \t]*#[^\n]*/gm, (comment) => ' '.repeat(comment.length));
  const heads: string[] = [];
  let [depth, start] = [0, 0];
  const close = (end: number, next: number): void => {
    const head = code.slice(start, end).replaceAll(/\s+/g, ' ').trim();
    if (/\w/.test(head) && !/^using\b/.test(head)) heads.push(head.replace(/ =.*$/, ''));
    start = next;
  };
  const tokens = [...scanCode(code), ...semicolons(code)].sort((a, b) => a.offset - b.offset);
  for (const { text, offset } of tokens) {
    if (text === ';' && depth === 0) close(offset, offset + 1);
    else if (text === '{' && depth++ === 0) close(offset, offset);
    else if (text === '}' && --depth === 0) start = offset + 1;
  }
  return heads;
}

function semicolons(code: string): { readonly text: string; readonly offset: number }[] {
  return Array.from(code.matchAll(/;/g), (match) => ({ text: match[0], offset: match.index }));
}

function conflict(file: string, name: string, first: string, second: string): MoegenError {
  return new MoegenError(
    'format/conflicting-definitions',
    `two kernels of one file define '${name}' differently`,
    {
      where: `${file}: ${first} and ${second}`,
      help: 'give the definitions different names, or the kernels different files',
    },
  );
}
