// What the documentation says is so: its commands run, its files are taken, its links lead somewhere, and the pages that are
// written from the program are as it is today (`npm run docs` writes them).

import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CHECKPOINTS, unpack } from '../checkpoint/fixtures.js';
import { moegenIn } from '../cli/moegen.js';
import { freshFolder, put } from '../support/output-folder.js';
import { commandLinePage, formatsPage } from './generated-pages.js';
import { SAMPLE_FILES } from './sample-files.js';
import { commandsOf, filesOf, linksOf, PAGES, ROOT, wordsOf, type Page } from './pages.js';

const FIXTURES = path.join(ROOT, 'test/fixtures');
const CHECKPOINT = '01_qwen3_moe_mlx_4bit';

/** Files that pages take for granted; pages may bring others. */
function prepare(page: Page): string {
  const cwd = freshFolder();
  for (const [file, text] of Object.entries(SAMPLE_FILES)) put(cwd, file, text);
  cpSync(path.join(FIXTURES, 'qwen3_moe.safetensors'), path.join(cwd, 'block.safetensors'));
  if (page.text.includes(' checkpoint')) {
    const unpacked = unpack(CHECKPOINT);
    cpSync(unpacked.folder, path.join(cwd, 'checkpoint'), { recursive: true });
    unpacked.remove();
    const outputs = JSON.parse(
      gunzipSync(readFileSync(path.join(FIXTURES, 'checkpoints/outputs.json.gz'))).toString('utf8'),
    ) as Record<string, unknown>;
    writeFileSync(path.join(cwd, 'expected.json'), JSON.stringify(outputs[CHECKPOINT]));
  }
  for (const [file, text] of filesOf(page)) put(cwd, file, text);
  return cwd;
}

describe.each(PAGES.filter((page) => commandsOf(page).length > 0))('the commands of $name', (page) => {
  it('run, in order', { timeout: 300_000 }, async () => {
    const cwd = prepare(page);
    for (const { command, needs, into } of commandsOf(page)) {
      const [, ...argv] = wordsOf(command);
      const outcome = await moegenIn(process.env, cwd, ...argv);
      if (into !== undefined) put(cwd, into, outcome.out);
      const ended = { command, code: outcome.code, err: outcome.code === 0 ? '' : outcome.err };
      if (needs === undefined) expect(ended).toEqual({ command, code: 0, err: '' });
      else if (outcome.code !== 0)
        expect(outcome.err).toMatch(/^error\[cli\/no-(xcrun|cuda-device|metal-device)\]/);
    }
  });
});

describe('the pages', () => {
  it('lead to pages and files that exist', () => {
    const lost = PAGES.flatMap((page) =>
      linksOf(page).filter((target) => !existsSync(path.join(ROOT, target))),
    );
    expect(lost).toEqual([]);
  });

  it('name files of the repository that exist', () => {
    const named = PAGES.flatMap(({ text }) =>
      [...text.matchAll(/`((?:generator|templates|native|test|schemas|docs)\/[\w./-]*)`/g)].map(
        ([, file = '']) => file,
      ),
    );
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
  });

  it('are all linked from the README', () => {
    const [readme, ...others] = PAGES;
    const linked = readme === undefined ? [] : linksOf(readme);
    expect(others.map(({ name }) => name).filter((name) => !linked.includes(name))).toEqual([]);
  });

  it('name commands for checkpoints that are there', () => {
    expect(CHECKPOINTS).toContain(CHECKPOINT);
  });

  it.each([
    ['command-line', commandLinePage],
    ['formats', formatsPage],
  ])('%s is what the program says', async (name, page) => {
    await expect(await page()).toMatchFileSnapshot(path.join(ROOT, `docs/${name}.md`));
  });
});
