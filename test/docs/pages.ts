// What the pages of the documentation hold: the commands that they show, the files that these read, and their links.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');

export interface Page {
  readonly name: string;
  readonly text: string;
}

export const PAGES: readonly Page[] = [
  'README.md',
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].map((name) => ({ name, text: readFileSync(path.join(ROOT, name), 'utf8') }));

interface Block {
  readonly language: string;
  readonly text: string;
  /** What stands before it: `<!-- file: NAME -->`, `<!-- needs: WHAT -->`. */
  readonly marks: Readonly<Record<string, string>>;
}

function blocksOf({ text }: Page): Block[] {
  const fenced = /((?:<!-- \w+: [^>]+ -->\s+)*)```(\w+)\n([^]*?)\n?```/g;
  return [...text.matchAll(fenced)].map(([, before = '', language = '', body = '']) => ({
    language,
    text: body,
    marks: marksIn(before),
  }));
}

function marksIn(text: string): Record<string, string> {
  const marks = [...text.matchAll(/<!-- (\w+): (.+?) -->/g)];
  return Object.fromEntries(marks.map(([, key = '', value = '']) => [key, value]));
}

export interface Step {
  readonly command: string;
  /** What the command needs that a test machine has not, and so must be refused for. */
  readonly needs: string | undefined;
  /** The file that takes what it prints. */
  readonly into: string | undefined;
}

/** The lines that call moegen, in order, without comments. */
export function commandsOf(page: Page): Step[] {
  return blocksOf(page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text, marks }) =>
      text
        .replaceAll('\\\n', ' ')
        .split('\n')
        .flatMap((line) => line.split('&&'))
        .map((line) => line.replace(/ +#.*/, '').trim())
        .filter((line) => /^(npx )?moegen\b/.test(line))
        .map((line) => {
          const [, command = '', into] = /^(?:npx )?(.*?)(?: > (\S+))?$/.exec(line) ?? [];
          return { command, into, needs: marks['needs'] };
        }),
    );
}

export function filesOf(page: Page): Map<string, string> {
  const blocks = blocksOf(page).filter(({ marks }) => marks['file'] !== undefined);
  return new Map(blocks.map(({ marks, text }) => [marks['file'] ?? '', `${text}\n`]));
}

export function programsOf(page: Page): string[] {
  return blocksOf(page)
    .filter(({ language, marks }) => language === 'ts' && marks['file'] === undefined)
    .map(({ text }) => text);
}

/** Words as a shell takes them: quotes hold words together. */
export function wordsOf(command: string): string[] {
  return [...command.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replaceAll(/["']/g, ''));
}

/** Other pages and files that a page points to. */
export function linksOf({ name, text }: Page): string[] {
  return [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target = '']) =>
    path.join(path.dirname(name), target),
  );
}
