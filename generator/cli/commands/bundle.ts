// `moegen bundle`: packs a command for a machine that has an NVIDIA GPU, but neither Node nor a compiler. The command is run
// here first, with a device that compiles what it is asked for and answers with zeros.

import { chmod, copyFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { defaultCacheDir } from '../../compile/cache.js';
import { runProcess } from '../../compile/process.js';
import { MoegenError } from '../../errors.js';
import { removeWhenStopped } from '../../stopping.js';
import type { Recorder } from '../../native/cuda/programs.js';
import { copyFiles } from '../bundle/files.js';
import { copyPackage } from '../bundle/package.js';
import { BUNDLE_VARIABLE, bundlePlaces, FILES, KERNELS, NODE, PACKAGE, SCRIPT } from '../bundle/places.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';

export interface BundleOptions {
  readonly output: string;
  readonly json: boolean;
}

const COMMANDS: readonly string[] = ['validate', 'run', 'bench'];
const ARCHIVES: Readonly<Record<string, string>> = { '.tar.xz': '-cJf', '.tar.gz': '-czf' };

export async function bundle(
  command: readonly string[],
  { output, json }: BundleOptions,
  io: Io,
): Promise<ExitCode> {
  if (process.platform !== 'linux') {
    throw new MoegenError('cli/no-bundle-here', 'a bundle holds this machine’s Node, for Linux machines', {
      where: 'moegen bundle',
      help: 'call it on Linux',
    });
  }
  if (!COMMANDS.includes(command[0] ?? '')) {
    throw new MoegenError(
      'cli/not-for-bundles',
      `expected ${COMMANDS.join(', ')}, got '${command[0] ?? ''}'`,
      {
        where: 'moegen bundle',
        help: 'for example: moegen bundle -o combine.tar.xz validate moe_combine_bf16',
      },
    );
  }
  const words = onCuda(command);
  const target = path.resolve(io.cwd, output);
  const archive = Object.keys(ARCHIVES).find((ending) => target.endsWith(ending));
  await mkdir(path.dirname(target), { recursive: true });
  const folder = await mkdtemp(`${target}.`);
  const release = removeWhenStopped(folder);
  try {
    const { recorder, code } = await record(words, io);
    if (recorder === undefined || (code !== EXIT.done && code !== EXIT.answerIsNo)) return code;
    await fill(folder, { recorder, words }, io);
    await finish(folder, target, archive);
    const bytes = archive === undefined ? null : (await stat(target)).size;
    const start = `${archive === undefined ? '' : `tar xf ${path.basename(output)} && `}./${SCRIPT}`;
    if (json) {
      printJson(io, { out: output, kernels: recorder.files.size, bytes, start });
    } else {
      const megabytes = bytes === null ? '' : `, ${(bytes / 1e6).toFixed(1)} MB`;
      io.out(`${output}: ${recorder.files.size} compiled kernels${megabytes}\nThere: ${start}\n`);
    }
    return EXIT.done;
  } finally {
    await rm(folder, { recursive: true, force: true });
    release();
  }
}

function onCuda(command: readonly string[]): readonly string[] {
  const at = command.indexOf('--device');
  if (at < 0) return [...command, '--device', 'cuda'];
  if (command[at + 1] === 'cuda') return command;
  throw new MoegenError(
    'cli/not-for-bundles',
    `a bundle runs on CUDA devices, not on ${command[at + 1] ?? ''}`,
    {
      where: '--device',
      help: 'leave --device out',
    },
  );
}

/** The command with a device that compiles and launches nothing; what the command then makes of zeros does not count. */
async function record(
  words: readonly string[],
  io: Io,
): Promise<{ readonly recorder: Recorder | undefined; readonly code: ExitCode }> {
  const [{ main }, { createRecordingDevice }] = await Promise.all([
    import('../main.js'),
    import('../../native/cuda.js'),
  ]);
  let recorder: Recorder | undefined;
  const code = await main(words, {
    ...io,
    out: () => undefined,
    recordCuda: (programs) => {
      const recording = createRecordingDevice({ cacheDir: defaultCacheDir(io.env), ...programs });
      recorder = recording.recorder;
      return Promise.resolve(recording.device);
    },
  });
  // Without a recorder it ended before it opened the device, and said why.
  return { recorder, code: code as ExitCode };
}

async function fill(
  folder: string,
  { recorder, words }: { readonly recorder: Recorder; readonly words: readonly string[] },
  io: Io,
): Promise<void> {
  const { INDEX_FILE } = await import('../../native/cuda/programs.js');
  const { buildCudaAddon } = await import('../../native/cuda.js');
  const kernels = path.join(folder, KERNELS);
  await mkdir(kernels);
  for (const [name, file] of recorder.files) await copyFile(file, path.join(kernels, name));
  await writeFile(path.join(kernels, INDEX_FILE), JSON.stringify(recorder.index));
  const addon = bundlePlaces(kernels).addon;
  const onProgress = (message: string): void => {
    io.err(`${message}\n`);
  };
  await copyFile(await buildCudaAddon({ cacheDir: defaultCacheDir(io.env), env: io.env, onProgress }), addon);
  const node = path.join(folder, NODE);
  await copyFile(process.execPath, node);
  await chmod(node, 0o755);
  await strip([node, addon]);
  await copyPackage(path.join(folder, PACKAGE));
  await mkdir(path.join(folder, FILES));
  await copyFiles(words, io.cwd, path.join(folder, FILES));
  await writeFile(path.join(folder, SCRIPT), script(words));
  await chmod(path.join(folder, SCRIPT), 0o755);
}

/** Symbols are a fifth of it; without the tool they stay. */
async function strip(files: readonly string[]): Promise<void> {
  for (const file of files) await runProcess(['strip', '--strip-unneeded', file]).catch(() => undefined);
}

function script(words: readonly string[]): string {
  const quoted = words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  return `#!/bin/sh
# Runs the command that was packed, or the one that is given: ./${SCRIPT} validate GLOB --device cuda ...
set -e
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- ${quoted}
cd "$here/${FILES}"
${BUNDLE_VARIABLE}="$here/${KERNELS}" exec "$here/${NODE}" "$here/${PACKAGE}/bin/moegen.js" "$@"
`;
}

async function finish(folder: string, target: string, archive: string | undefined): Promise<void> {
  if (archive === undefined) {
    await rm(target, { recursive: true, force: true });
    await rename(folder, target);
    await chmod(target, 0o755);
    return;
  }
  const part = `${folder}${archive}`;
  const names = [SCRIPT, NODE, PACKAGE, KERNELS, FILES];
  const { code, stderr } = await runProcess(['tar', '-C', folder, ARCHIVES[archive] ?? '', part, ...names], {
    environment: { XZ_OPT: '-6 -T0' },
  });
  if (code !== 0) {
    await rm(part, { force: true });
    throw new MoegenError('cli/cannot-pack', 'tar does not make the archive', {
      where: target,
      log: stderr,
      help: 'install tar and xz, or name a folder',
    });
  }
  await rename(part, target);
}
