// Rules about the whole tree that no compiler checks: which way imports point, how long files are, what they may not say.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../generator/manifest/schema.js';

const ROOT = path.resolve(import.meta.dirname, '..');

function filesBelow(folder: string): string[] {
  const absolute = path.join(ROOT, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .filter((file) => !file.split('/').some((part) => part === 'build' || part === 'node_modules'))
    .sort();
}

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const lines = (file: string) => read(file).split('\n');

const SOURCES = ['bin', 'generator', 'native', 'templates', 'test'].flatMap(filesBelow);
const TEXTS = [...SOURCES, ...filesBelow('docs'), ...filesBelow('.ci'), ...filesBelow('generated')]
  .concat(readdirSync(ROOT).filter((file) => /\.(md|json|js|ts)$/.test(file) && file !== 'package-lock.json'))
  .filter((file) => /\.(ts|js|cc|h|mm|hbs|md|json|metal|sh)$|\/run$/.test(file));

/** What each folder of the generator may import, beside itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  stopping: [],
  floats: [],
  compile: ['errors', 'stopping'],
  description: ['errors', 'compile/types'],
  checkpoint: ['errors', 'floats', 'description'],
  native: ['errors', 'floats', 'compile'],
  reference: ['errors', 'floats', 'description'],
  plan: ['errors', 'compile/types', 'description'],
  emit: ['errors', 'plan', 'description'],
  format: ['errors', 'emit'],
  manifest: ['errors', 'compile/types', 'plan', 'description', 'emit', 'format'],
  output: ['errors', 'stopping', 'plan', 'emit', 'format', 'manifest'],
  bindings: ['errors', 'description', 'plan', 'emit', 'manifest'],
  validate: [
    'errors',
    'stopping',
    'floats',
    'compile',
    'native',
    'plan',
    'reference',
    'description',
    'checkpoint',
    'weights',
  ],
  jobs: ['errors', 'stopping', 'floats', 'compile', 'native'],
  weights: ['errors', 'stopping', 'description', 'checkpoint', 'reference'],
  bench: [
    ...['errors', 'floats', 'compile', 'jobs', 'native', 'plan', 'description', 'reference', 'validate'],
  ],
  probe: ['errors', 'description', 'plan', 'emit', 'native', 'validate'],
  report: ['errors', 'description', 'plan', 'manifest', 'validate'],
  cli: [
    ...[
      'errors',
      'bench',
      'bindings',
      'report',
      'probe',
      'checkpoint',
      'compile',
      'native',
      'plan',
      'description',
    ],
    ...['manifest', 'output', 'jobs', 'validate', 'weights', 'stopping'],
  ],
  api: ['errors', 'cli', 'jobs', 'native', 'plan', 'description', 'validate'],
  index: [
    'errors',
    'api',
    'compile',
    'native',
    'plan',
    'description',
    'emit',
    'format',
    'manifest',
    'output',
    'validate',
  ],
};

interface Import {
  readonly file: string;
  readonly from: string;
  /** Without `generator/` and ending. */
  readonly to: string;
}

function importsOf(file: string): Import[] {
  const matches = read(file).matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)'(\.[^']+)'/gm);
  const place = path.posix.relative('generator', file);
  const from = place.split('/')[0]?.replace('.ts', '') ?? '';
  return [...matches].map((match) => {
    const target = path.posix.join(path.posix.dirname(file), match[1] ?? '');
    return { file, from, to: path.posix.relative('generator', target).replace(/\.js$/, '') };
  });
}

function isAllowed({ from, to }: Import): boolean {
  const allowed = [...(MAY_IMPORT[from] ?? []), from];
  return allowed.some((folder) => to === folder || to.startsWith(`${folder}/`));
}

describe('imports', () => {
  const imports = SOURCES.filter((file) => /^generator\/.*\.ts$/.test(file)).flatMap(importsOf);

  it('point one way', () => {
    expect(imports.length).toBeGreaterThan(100);
    const wrong = imports.filter((each) => !isAllowed(each)).map(({ file, to }) => `${file} imports ${to}`);
    expect(wrong).toEqual([]);
  });

  it('cover every folder of the generator', () => {
    const folders = new Set(imports.map(({ from }) => from));
    expect([...folders].filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
  });
});

/** Written by a program, from the templates. */
const DERIVED = ['generator/plan/template-terms.ts'];

describe('files', () => {
  it('are at most 400 lines long', () => {
    const texts = SOURCES.filter((file) => /\.(ts|js|cc|h|mm|hbs)$/.test(file) && !DERIVED.includes(file));
    expect(texts.filter((file) => lines(file).length > 401)).toEqual([]);
  });

  it('give templates what the compiler has compared with what they ask for', () => {
    const families = SOURCES.filter((file) => /^generator\/plan\/families\/.*\.ts$/.test(file));
    expect(families.filter((file) => /\btemplate: /.test(read(file)))).toEqual([]);
  });

  it('open with a sentence that says what they are', () => {
    const modules = SOURCES.filter((file) => /^generator\/.*\.ts$/.test(file));
    expect(modules.filter((file) => !read(file).startsWith('// '))).toEqual([]);
  });
});

// Written in parts, so that this file passes its own rules.
const FORBIDDEN: readonly (readonly [string, RegExp])[] = [
  [
    'who made it',
    new RegExp(`\\b(${['age' + 'nts?', 'A' + 'I', 'L' + 'LMs?', 'sess' + 'ions?'].join('|')})\\b`),
  ],
  ['unfinished work', new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`)],
  ['an issue number', new RegExp('\\bissue' + ' #?\\d')],
  ['a machine path', new RegExp(`(?<![\\w.])/(${['wo' + 'rk', 'ro' + 'ot', 'ho' + 'me'].join('|')})/`)],
  ['a registry', new RegExp('registry' + '\\.\\w+\\.\\w+')],
];

describe('the text of the tree', () => {
  it.each(FORBIDDEN)('does not speak of %s', (_, pattern) => {
    const found = TEXTS.flatMap((file) =>
      lines(file).flatMap((line, index) =>
        pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
      ),
    );
    expect(found).toEqual([]);
  });

  it('prints, ends the process and reads the environment in few places', () => {
    const allowed: Readonly<Record<string, RegExp>> = {
      'console.': /^$/,
      'process.exit(': /^$/,
      'process.env': /^generator\/(cli\/io|compile\/(clang|cache|process))\.ts$/,
      'process.stdout': /^generator\/cli\//,
      'process.stderr': /^generator\/cli\//,
    };
    const found = SOURCES.filter((file) => file.startsWith('generator/')).flatMap((file) =>
      Object.entries(allowed)
        .filter(([use, place]) => read(file).includes(use) && !place.test(file))
        .map(([use]) => `${file}: ${use}`),
    );
    expect(found).toEqual([]);
  });
});

const HALF = /\bhalf\d?(x\d)?\b/;

describe('generated kernels', () => {
  const manifest = () => parseManifest(read('generated/manifest.json'), 'generated/manifest.json').kernels;
  const code = (file: string) => read(`generated/${file}`).replace(/\/\/.*/g, '');

  it('hold no half where neither activations nor weights are half', () => {
    const holdsHalf = (kernel: ReturnType<typeof manifest>[number]) =>
      kernel.bindings.some((binding) => binding.element === 'f16');
    const mixed = new Set(
      manifest()
        .filter(holdsHalf)
        .map(({ file }) => file),
    );
    const pure = new Set(manifest().flatMap(({ file }) => (mixed.has(file) ? [] : [file])));
    expect(pure.size).toBeGreaterThan(0);
    expect([...pure].filter((file) => HALF.test(code(file)))).toEqual([]);
  });

  it('hold half for nothing but scales where several bf16 or f32 kernels share a file', () => {
    const files = manifest().filter(
      ({ file, name }) => /^(bf16|f32)\//.test(file) && !file.endsWith(`/${name}.metal`),
    );
    const found = [...new Set(files.map(({ file }) => file))].flatMap((file) =>
      code(file)
        .split('\n')
        .filter((line) => HALF.test(line) && !/scales\b/.test(line))
        .map((line) => `${file}: ${line}`),
    );
    expect(files.length).toBeGreaterThan(0);
    expect(found).toEqual([]);
  });

  it('accumulate in float', () => {
    const wrong = manifest().filter(({ file }) =>
      /simdgroup_(matrix<\s*(half|bfloat)|(half|bfloat)8x8)/.test(code(file)),
    );
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });
});
