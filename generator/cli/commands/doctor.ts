// `moegen doctor`: what of the outside world is here, and how to get what is not. It finds out and reports; it changes nothing.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import pc from 'picocolors';
import { defaultCacheDir } from '../../compile/cache.js';
import { search as searchClang } from '../../compile/clang.js';
import { findXcrunToolchain } from '../../compile/xcrun.js';
import { MoegenError } from '../../errors.js';
import { NATIVE_FOLDER } from '../../native/build.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Environment, type Io } from '../io.js';

interface Finding {
  readonly name: string;
  readonly found: boolean;
  readonly detail: string;
  /** How to get what is missing. */
  readonly help?: string;
}

export async function doctor(options: { readonly json: boolean }, io: Io): Promise<ExitCode> {
  const [clang, xcrun] = await Promise.all([clangFinding(io.env), xcrunFinding(io.env)]);
  const findings = [
    nodeFinding(),
    clang,
    xcrun,
    cudaFinding(io.env),
    engineFinding(io.env),
    cacheFinding(io.env),
  ];
  if (options.json) {
    printJson(io, { findings });
    return EXIT.done;
  }
  const width = Math.max(...findings.map(({ name }) => name.length));
  const colors = pc.createColors(io.isTerminal && (io.env['NO_COLOR'] ?? '') === '');
  for (const { name, found, detail, help } of findings) {
    const mark = found ? colors.green('yes') : colors.yellow('no ');
    io.out(`${mark}  ${name.padEnd(width)}  ${detail}\n`);
    if (help !== undefined) io.out(`     ${' '.repeat(width)}  help: ${help}\n`);
  }
  return EXIT.done;
}

function nodeFinding(): Finding {
  return {
    name: 'Node.js',
    found: true,
    detail: `${process.version}, ${process.platform}-${process.arch}, ${availableParallelism()} cores`,
  };
}

async function clangFinding(env: Environment): Promise<Finding> {
  try {
    const clang = await searchClang(env);
    return { name: 'clang', found: true, detail: `clang ${clang.version}: ${clang.command.join(' ')}` };
  } catch (error) {
    if (!(error instanceof MoegenError)) throw error;
    return { name: 'clang', found: false, detail: error.message, ...(error.help && { help: error.help }) };
  }
}

async function xcrunFinding(env: Environment): Promise<Finding> {
  const toolchain = await findXcrunToolchain(env);
  return 'missing' in toolchain
    ? { name: 'xcrun metal', found: false, detail: toolchain.missing, help: toolchain.help }
    : { name: 'xcrun metal', found: true, detail: `${toolchain.version}: ${toolchain.compilerPath}` };
}

const CUDA_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib/wsl/lib',
];

function cudaFinding(env: Environment): Finding {
  const folders = [...(env['LD_LIBRARY_PATH'] ?? '').split(path.delimiter).filter(Boolean), ...CUDA_FOLDERS];
  const driver = folders.map((folder) => path.join(folder, 'libcuda.so.1')).find((file) => existsSync(file));
  return driver === undefined
    ? {
        name: 'CUDA driver',
        found: false,
        detail: 'libcuda.so.1 is in none of the usual folders',
        help: 'install the NVIDIA driver, or use --device host',
      }
    : { name: 'CUDA driver', found: true, detail: driver };
}

function engineFinding(env: Environment): Finding {
  const folder = path.join(defaultCacheDir(env), NATIVE_FOLDER);
  const built = existsSync(folder) ? readdirSync(folder) : [];
  return built.length > 0
    ? { name: 'native engine', found: true, detail: `built, in ${folder}` }
    : {
        name: 'native engine',
        found: false,
        detail: 'not built yet; kernels cannot run before it is',
        help: 'run `moegen validate`: the first run builds it',
      };
}

function cacheFinding(env: Environment): Finding {
  const folder = defaultCacheDir(env);
  if (!existsSync(folder)) return { name: 'cache', found: true, detail: `${folder} (empty)` };
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => statSync(path.join(folder, file), { throwIfNoEntry: false }))
    .filter((status) => status?.isFile() === true);
  const megabytes = files.reduce((sum, status) => sum + (status?.size ?? 0), 0) / 1e6;
  return {
    name: 'cache',
    found: true,
    detail: `${folder} (${files.length} files, ${megabytes.toFixed(1)} MB)`,
  };
}
