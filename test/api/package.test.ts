// The package as others see it: its declarations under a strict compiler, and its exports.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ModuleKind, ScriptTarget, transpile } from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';
import { PAGES, programsOf } from '../docs/pages.js';
import { COPY_JOB, SAMPLE_FILES } from '../docs/sample-files.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Below the package, so that it finds itself by its name. */
const FOLDER = path.join(ROOT, 'build', `consumer-${process.pid}`);

const COMPILER_OPTIONS = {
  ...{ target: 'es2023', lib: ['es2023'], module: 'nodenext', types: ['node'], noEmit: true },
  ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
};

const USE = `import { generate, plan, readConfig, type PlanResult } from 'moegen';
const blocks: number = readConfig('config.json').blocks.length;
const result: PlanResult = await plan({ config: 'config.json', tokens: blocks });
export const first: string | undefined = result.groups[0]?.dispatches[0]?.kernel;
// @ts-expect-error no such dtype
await generate({ dtype: ['f64'] });
// @ts-expect-error no such option
await generate({ folder: 'x' });
`;

/** The programs of docs/api.md, in order, and the files that they read. */
const DOCUMENTED: Readonly<Record<string, string>> = Object.fromEntries(
  PAGES.filter(({ name }) => name === 'docs/api.md')
    .flatMap(programsOf)
    .map((text, at) => [`program-${at}.ts`, text]),
);
const DOCUMENTED_FILES = { ...SAMPLE_FILES, 'copy.json': JSON.stringify(COPY_JOB) };

function writePrograms(texts: Readonly<Record<string, string>>): string[] {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, text] of Object.entries(texts)) writeFileSync(path.join(FOLDER, name), text);
  return Object.keys(texts);
}

afterAll(() => {
  rmSync(FOLDER, { recursive: true, force: true });
});

describe('the package', () => {
  it('has types that hold in strict programs, without skipLibCheck, and in those of the documentation', () => {
    const files = writePrograms({ 'use.ts': USE, ...DOCUMENTED });
    const config = { compilerOptions: COMPILER_OPTIONS, files };
    writeFileSync(path.join(FOLDER, 'tsconfig.json'), JSON.stringify(config));
    const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', FOLDER], { encoding: 'utf8' });
    expect(stdout).toBe('');
  });

  it('runs the programs of the documentation', { timeout: 120_000 }, () => {
    const compiled = Object.entries(DOCUMENTED).map(
      ([name, text]) =>
        [
          name.replace('.ts', '.mjs'),
          transpile(text, { target: ScriptTarget.ES2023, module: ModuleKind.ES2022 }),
        ] as const,
    );
    const programs = writePrograms(Object.fromEntries(compiled));
    writePrograms(DOCUMENTED_FILES);
    const printed = programs.map((program) =>
      execFileSync(process.execPath, [program], { cwd: FOLDER, encoding: 'utf8' }).trimEnd().split('\n'),
    );
    expect(printed).toEqual([
      [
        ...[
          '2 layers, 1 kinds of MoE block',
          expect.stringMatching(/^\d\d files, up to date: true$/) as unknown,
        ],
        ...Array.from({ length: 5 }, () => expect.stringMatching(/^moe_/) as unknown),
        ...['copy', 'cli/not-a-number'],
      ],
      ['moe_combine_f32 true', 'true 0'],
      ['true'],
    ]);
  });

  it.each(['package.json', 'docs/api.md', 'schemas/manifest.schema.json', 'generated/manifest.json'])(
    'exports %s',
    (file) => {
      const script = `console.log(import.meta.resolve('moegen/${file}'))`;
      const options = ['--input-type=module', '-e', script];
      const url = execFileSync(process.execPath, options, { cwd: ROOT, encoding: 'utf8' });
      expect(url.trim()).toBe(`file://${ROOT}/${file}`);
    },
  );
});
