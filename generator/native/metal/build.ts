// Turns native/metal into metal.node with the Mac's own C++ compiler, once for each state of the sources and the compiler.

import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cached, contentKey } from '../../compile/cache.js';
import { findTool, runTool, type Environment } from '../../compile/xcrun/tools.js';

export interface BuildRequest {
  readonly env: Environment;
  readonly cacheDir: string;
}

/** The built file, or why there is none. */
export type BuildOutcome = { readonly file: string } | { readonly unavailable: string };

const SOURCE_DIR = fileURLToPath(new URL('../../../native/metal/', import.meta.url));
const ARCHITECTURES: Readonly<Partial<Record<string, string>>> = { arm64: 'arm64', x64: 'x86_64' };
const CLANG = ['-sdk', 'macosx', 'clang++'] as const;
// Core Graphics is what makes the system offer a default GPU to a program without windows.
const FRAMEWORKS = ['Foundation', 'Metal', 'CoreGraphics'] as const;

export async function buildMetalAddon({ env, cacheDir }: BuildRequest): Promise<BuildOutcome> {
  const xcrun = await findTool('xcrun', env);
  if (xcrun === undefined) return { unavailable: 'no xcrun on the PATH; run: xcode-select --install' };
  const version = await runTool(xcrun, [...CLANG, '--version'], env);
  if (!version.ok) return { unavailable: `xcrun clang++ does not run: ${version.stderr.trim()}` };
  const name = `${await sourceKey(version.stdout)}.node`;
  const { path, result } = await cached(join(cacheDir, 'metal'), name, async (output) =>
    runTool(xcrun, [...CLANG, ...(await clangArguments(output))], env),
  );
  if (result?.ok === false) {
    return { unavailable: `native/metal does not compile here: ${firstError(result.stderr)}` };
  }
  return { file: path };
}

async function clangArguments(output: string): Promise<string[]> {
  const require = createRequire(import.meta.url);
  const includes = [
    dirname(require.resolve('node-addon-api')),
    join(dirname(require.resolve('node-api-headers')), 'include'),
  ];
  const sources = (await sourceFiles()).filter((name) => /\.(cc|mm)$/.test(name));
  return [
    ...['-std=c++20', '-O2', '-fobjc-arc', '-fvisibility=hidden', '-mmacosx-version-min=14.0'],
    ...['-arch', ARCHITECTURES[process.arch] ?? process.arch],
    ...['-DNAPI_VERSION=9', '-DNODE_ADDON_API_CPP_EXCEPTIONS'],
    ...includes.flatMap((folder) => ['-isystem', folder]),
    ...sources.map((name) => join(SOURCE_DIR, name)),
    ...FRAMEWORKS.flatMap((name) => ['-framework', name]),
    ...['-bundle', '-undefined', 'dynamic_lookup', '-o', output],
  ];
}

async function sourceFiles(): Promise<string[]> {
  return (await readdir(SOURCE_DIR)).filter((name) => /\.(cc|mm|h)$/.test(name)).sort();
}

async function sourceKey(compilerVersion: string): Promise<string> {
  const names = await sourceFiles();
  const texts = await Promise.all(names.map((name) => readFile(join(SOURCE_DIR, name), 'utf8')));
  return contentKey([compilerVersion, process.arch, ...names, ...texts]);
}

function firstError(log: string): string {
  return /^.*\berror: .*$/m.exec(log)?.[0] ?? log.trim();
}
