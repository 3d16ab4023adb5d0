// Turns the addon's numbers and texts into the device contract: compiles with Apple's offline compiler where it is
// installed and lets the system compile otherwise, refuses what a GPU cannot do, and gives errors their codes.

import type { Diagnostic } from '../../compile/types.js';
import { compileMetal } from '../../compile/xcrun.js';
import { refuseParts } from '../host/request.js';
import { versionOf } from '../../compile/preprocess.js';
import { readSource } from '../../compile/xcrun/source.js';
import type { MetalToolchain, MissingToolchain } from '../../compile/xcrun/toolchain.js';
import { MoegenError } from '../../errors.js';
import type { Device, Job, JobResult, LoadedLibrary, LoadRequest } from '../types.js';
import type { LoadedMetal, MetalAddon } from './addon.js';

export function metalDevice(
  addon: MetalAddon,
  toolchain: MetalToolchain | MissingToolchain,
  cacheDir: string,
): Device {
  const ids = new WeakMap<LoadedLibrary, number>();
  const compiledBy = 'missing' in toolchain ? "the system's Metal compiler" : toolchain.version;

  async function load(request: LoadRequest): Promise<LoadedLibrary> {
    if (request.instrument === true) throw unsupported('checks and counters');
    const loaded =
      'missing' in toolchain
        ? await loadText(addon, toolchain, request)
        : await loadCompiled(addon, toolchain, cacheDir, request);
    const library: LoadedLibrary = { device: 'metal', kernels: loaded.kernels };
    ids.set(library, loaded.id);
    return library;
  }

  function idOf(library: LoadedLibrary): number {
    const id = ids.get(library);
    if (id !== undefined) return id;
    throw new MoegenError(
      'native/foreign-library',
      `expected a library that this Metal device loaded, but got one of device ${library.device}`,
    );
  }

  async function run(job: Job): Promise<JobResult> {
    if (job.count === true || (job.checks ?? []).length > 0) throw unsupported('checks and counters');
    if (job.subnormals === 'keep') throw flushes();
    refuseParts(job);
    const { buffers, outputs, timeoutSeconds } = job;
    const dispatches = job.dispatches.map((dispatch) => ({ ...dispatch, library: idOf(dispatch.library) }));
    const limit = timeoutSeconds === undefined ? {} : { timeoutSeconds };
    const result = await translated(addon.run({ buffers, dispatches, outputs, ...limit }));
    return {
      outputs: result.outputs,
      dispatches: result.dispatches.map((done, i) => ({ kernel: dispatches[i]?.kernel ?? '', ...done })),
      reports: [],
    };
  }

  return {
    name: 'metal',
    describe: () => Promise.resolve(`${addon.describe()}; kernels compiled by ${compiledBy}`),
    load,
    run,
  };
}

async function loadCompiled(
  addon: MetalAddon,
  toolchain: MetalToolchain,
  cacheDir: string,
  { source, ...options }: LoadRequest,
): Promise<LoadedMetal> {
  const outcome = await compileMetal(toolchain, source, { ...options, cacheDir });
  if (outcome.library === undefined) {
    throw new MoegenError('compile/does-not-compile', `expected ${source.path} to compile, but it does not`, {
      kind: 'answer',
      where: source.path,
      log: outcome.diagnostics.map(diagnosticText).join('\n'),
    });
  }
  return translated(addon.loadFile({ path: outcome.library.path }));
}

async function loadText(
  addon: MetalAddon,
  toolchain: MissingToolchain,
  request: LoadRequest,
): Promise<LoadedMetal> {
  const { path } = request.source;
  const text = await readSource(request.source);
  // The system compiles one text, and knows no folders.
  if (/^[ \t]*#[ \t]*(include|import)[ \t]*"/m.test(text)) {
    throw new MoegenError('native/needs-toolchain', `${path} includes files, and ${toolchain.missing}`, {
      where: path,
      help: toolchain.help,
    });
  }
  const [major, minor] = (request.mslVersion ?? versionOf(text) ?? '3.2').split('.').map(Number);
  const defines = Object.entries(request.defines ?? {}).map(([name, value]) => [
    name,
    value === '' ? '1' : value,
  ]);
  return translated(
    addon.loadSource({
      text,
      languageMajor: major ?? 0,
      languageMinor: minor ?? 0,
      defines: Object.fromEntries(defines) as Record<string, string>,
    }),
  );
}

function unsupported(what: string): MoegenError {
  return new MoegenError('native/unsupported-on-metal', `a GPU does not run kernels with ${what}`, {
    help: 'use --device host for checks and counters',
  });
}

function flushes(): MoegenError {
  return new MoegenError('native/unsupported-on-metal', 'a GPU takes subnormal floats for zeros', {
    help: 'use --device host to keep subnormals, or leave out --subnormals keep',
  });
}

function diagnosticText({ file, line, column, severity, message }: Diagnostic): string {
  return `${file}:${line}:${column}: ${severity}: ${message}`;
}

/** The addon's errors as ours; a `code` is what tells them from bugs. */
async function translated<Value>(promise: Promise<Value>): Promise<Value> {
  try {
    return await promise;
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause) || typeof cause.code !== 'string') throw cause;
    const log = 'log' in cause && typeof cause.log === 'string' && cause.log !== '' ? { log: cause.log } : {};
    throw new MoegenError(cause.code, cause.message, { kind: 'answer', ...log, cause });
  }
}
