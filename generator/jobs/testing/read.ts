// Finds files of tests, and reads the tests in them.

import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { MoegenError } from '../../errors.js';
import { parseWith, readJson } from '../prepare.js';
import { testFileSchema, testSchema, type JobTest } from '../schema.js';

export interface NamedTest {
  /** As it was given. */
  readonly file: string;
  /** Relative paths of the test start here. */
  readonly folder: string;
  readonly name: string;
  readonly test: JobTest;
}

const ENDING = '.metal.json';
const LEFT_OUT = new Set(['node_modules', '.git']);

/** Files as given; of folders all that end as tests do. In alphabetical order, each once. */
export async function findTestFiles(given: readonly string[], cwd: string): Promise<string[]> {
  const found = await Promise.all(given.map((each) => filesAt(each, cwd)));
  return [...new Set(found.flat())].sort();
}

async function filesAt(given: string, cwd: string): Promise<string[]> {
  const target = path.resolve(cwd, given);
  const status = await stat(target).catch((cause: unknown) => {
    throw new MoegenError('test/no-such-file', 'expected a file of tests or a folder', {
      where: given,
      cause,
    });
  });
  if (!status.isDirectory()) return [given];
  const entries = await readdir(target, { withFileTypes: true });
  const below = await Promise.all(
    entries.map(async (entry) => {
      const file = path.join(given, entry.name);
      if (entry.isDirectory()) return LEFT_OUT.has(entry.name) ? [] : filesAt(file, cwd);
      return entry.isFile() && entry.name.endsWith(ENDING) ? [file] : [];
    }),
  );
  return below.flat();
}

/** Throws where the file, or one test in it, is not what the schema says. */
export async function readTests(file: string, cwd: string): Promise<NamedTest[]> {
  const absolute = path.resolve(cwd, file);
  const { tests, ...shared } = parseWith(testFileSchema, await readJson(absolute), file);
  const folder = path.dirname(absolute);
  const own = path
    .basename(file)
    .replace(ENDING, '')
    .replace(/\.json$/, '');
  const read = (given: object, name: string, where: string): NamedTest => {
    const test = parseWith(testSchema, given, where);
    return { file, folder, name, test };
  };
  if (tests === undefined) return [read(shared, shared.name ?? own, file)];
  return tests.map((each, index) => {
    const { name = String(index + 1) } = each;
    return read({ ...shared, ...each }, `${own}: ${name}`, `${file}: tests[${index}]`);
  });
}
