// `moegen init`: what a project needs to keep generated kernels: scripts, attributes for git, and a job that finds drift. What
// stands there already, and says something else, stays unless it is told to go.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { MoegenError } from '../../errors.js';
import type { ActivationDtype } from '../../description/dtypes.js';
import { replaceFiles, type Replacement } from '../../output/files.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';

export interface InitOptions {
  readonly config?: string | undefined;
  readonly spec?: string | undefined;
  readonly dtype?: readonly ActivationDtype[] | undefined;
  readonly out?: string | undefined;
  /** Replace what says something else. */
  readonly force: boolean;
  readonly json: boolean;
}

/** `kept`: it says something else, and was left alone. */
type Status = 'added' | 'unchanged' | 'kept' | 'replaced';

interface Step {
  readonly file: string;
  readonly what: string;
  readonly status: Status;
}

const PACKAGE = 'package.json';
const ATTRIBUTES = '.gitattributes';
const WORKFLOW = '.github/workflows/kernels.yml';

export function init(options: InitOptions, io: Io): ExitCode {
  const edits = [
    editPackage(options, io.cwd),
    editAttributes(options, io.cwd),
    editWorkflow(options, io.cwd),
  ];
  replaceFiles(
    io.cwd,
    edits.flatMap(({ replacement }) => replacement ?? []),
  );
  const steps = edits.flatMap((edit) => edit.steps);
  const kept = steps.filter(({ status }) => status === 'kept');
  if (options.json) {
    printJson(io, { ok: kept.length === 0, steps });
  } else {
    for (const { file, what, status } of steps) io.out(`${status.padEnd(9)}  ${file}: ${what}\n`);
    if (kept.length > 0) io.err('what was kept says something else; --force replaces it\n');
    else io.out('Next: npm run kernels\n');
  }
  return kept.length === 0 ? EXIT.done : EXIT.answerIsNo;
}

interface Edit {
  readonly steps: readonly Step[];
  readonly replacement?: Replacement | undefined;
}

function statusOf(before: string | undefined, after: string, force: boolean): Status {
  if (before === undefined) return 'added';
  if (before === after) return 'unchanged';
  return force ? 'replaced' : 'kept';
}

const isWritten = ({ status }: Step): boolean => status === 'added' || status === 'replaced';

const packageSchema = z.looseObject({ scripts: z.record(z.string(), z.string()).optional() });

function editPackage(options: InitOptions, cwd: string): Edit {
  const text = readIf(cwd, PACKAGE) ?? '{\n  "private": true\n}\n';
  const manifest = parsePackage(text, path.join(cwd, PACKAGE));
  const before = manifest.scripts ?? {};
  const wanted = scriptsOf(options);
  const steps = Object.entries(wanted).map(([name, script]) => ({
    file: PACKAGE,
    what: `script ${name}: ${script}`,
    status: statusOf(before[name], script, options.force),
  }));
  const taken = Object.fromEntries(
    Object.entries(wanted).filter((_, at) => steps[at] !== undefined && isWritten(steps[at])),
  );
  if (Object.keys(taken).length === 0) return { steps };
  const indent = /^([ \t]+)"/m.exec(text)?.[1] ?? '  ';
  const edited = { ...manifest, scripts: { ...before, ...taken } };
  const written = JSON.stringify(edited, undefined, indent) + (text.endsWith('\n') ? '\n' : '');
  return { steps, replacement: { file: PACKAGE, text: written } };
}

function parsePackage(text: string, where: string): z.infer<typeof packageSchema> {
  try {
    const manifest: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    packageSchema.parse(manifest);
    // As it was read: its keys stay in their order.
    return manifest as z.infer<typeof packageSchema>;
  } catch (cause) {
    throw new MoegenError('cli/unreadable-package', 'expected a package.json with scripts', {
      where,
      help: 'correct the file, or remove it: then one is made',
      cause,
    });
  }
}

function scriptsOf({ config, spec, dtype, out }: InitOptions): Record<string, string> {
  const words = Object.entries({ config, spec, dtype: dtype?.join(','), out }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, quoted(value)],
  );
  const command = ['moegen', ...words].join(' ');
  return { kernels: command, 'kernels:check': `${command} --check` };
}

/** Double quotes hold in the shells of all systems. */
function quoted(value: string): string {
  return /^[\w./,-]+$/.test(value) ? value : `"${value.replaceAll(/["\\$`]/g, String.raw`\$&`)}"`;
}

function editAttributes({ out = 'generated' }: InitOptions, cwd: string): Edit {
  const folder = path.posix.normalize(out.replaceAll('\\', '/')).replace(/\/$/, '');
  const line = `${folder}/** text eol=lf linguist-generated`;
  const before = readIf(cwd, ATTRIBUTES) ?? '';
  const isThere = before.split(/\r?\n/).includes(line);
  const steps: Step[] = [{ file: ATTRIBUTES, what: line, status: isThere ? 'unchanged' : 'added' }];
  if (isThere) return { steps };
  const gap = before === '' || before.endsWith('\n') ? '' : '\n';
  return { steps, replacement: { file: ATTRIBUTES, text: `${before}${gap}${line}\n` } };
}

const JOB = `# Kernels are as generated, compile, and compute what the references do.
name: kernels
on: [push, pull_request]
jobs:
  kernels:
    strategy:
      matrix:
        os: [ubuntu-latest, macos-latest]
    runs-on: \${{ matrix.os }}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with:
          node-version: 22
          cache: npm
      - run: npm ci
      - run: npm run kernels:check
      - run: npx moegen compile
      - run: npx moegen validate VALIDATED
`;

function editWorkflow({ config, spec, dtype, out, force }: InitOptions, cwd: string): Edit {
  const model = config === undefined ? spec && `--spec ${quoted(spec)}` : `--config ${quoted(config)}`;
  const dtypes = dtype === undefined ? [] : [`--dtype ${dtype.join(',')}`];
  const compiled = out === undefined && model === undefined ? JOB : JOB.replace(/.*moegen compile\n/, '');
  const words = [...(model === undefined ? [] : [model]), ...dtypes].join(' ');
  const text = compiled.replace(' VALIDATED', words === '' ? '' : ` ${words}`);
  const status = statusOf(readIf(cwd, WORKFLOW), text, force);
  const step: Step = { file: WORKFLOW, what: 'a job that looks for drift and validates', status };
  return { steps: [step], ...(isWritten(step) && { replacement: { file: WORKFLOW, text } }) };
}

function readIf(cwd: string, file: string): string | undefined {
  const place = path.join(cwd, file);
  return existsSync(place) ? readFileSync(place, 'utf8') : undefined;
}
