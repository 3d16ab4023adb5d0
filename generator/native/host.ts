// The host device: runs Metal kernels on this machine's processors. Sources are compiled by generator/compile, jobs run in
// the native engine.

import { availableParallelism, cpus } from 'node:os';

import { defaultCacheDir } from '../compile/cache.js';
import { compileHost } from '../compile/host.js';
import type { HostLibrary } from '../compile/types.js';
import { MoegenError } from '../errors.js';
import { buildHostEngine, type Sanitizer } from './build.js';
import { openEngine, type NativeEngine } from './host/addon.js';
import { compileFailure, jobFailure } from './host/failure.js';
import { makeReports } from './host/reports.js';
import { makeRequest, unknownKernel } from './host/request.js';
import { needsRerun, rerun, withAllOutputs } from './host/reruns.js';
import type { Device, Dispatch, Job, JobResult, LoadedLibrary, LoadRequest } from './types.js';

export interface HostDeviceOptions {
  /** Where compiled kernels and the engine are kept. */
  readonly cacheDir?: string;
  /** Environment that compilers are searched in. */
  readonly env: NodeJS.ProcessEnv;
  /** Threads of the processor to use; all by default. */
  readonly threads?: number;
  /** Told what takes long. */
  readonly onProgress?: (message: string) => void;
  /** For tests of the engine itself. */
  readonly sanitizer?: Sanitizer;
}

interface HostLoadedLibrary extends LoadedLibrary {
  readonly device: 'host';
  readonly host: HostLibrary;
}

export function createHostDevice(options: HostDeviceOptions): Device {
  const environment = options.env;
  const cacheDir = options.cacheDir ?? defaultCacheDir(environment);
  const threads = options.threads ?? availableParallelism();
  let engine: Promise<NativeEngine> | undefined;
  const getEngine = (): Promise<NativeEngine> => {
    const { onProgress, sanitizer } = options;
    const build = { cacheDir, environment, sanitizer, ...(onProgress ? { onProgress } : {}) };
    engine ??= buildHostEngine(build).then(openEngine);
    return engine;
  };
  // Kernels whose lanes part around matrix operations; the engine finds them out while it runs.
  const lockstep = new Set<string>();
  return {
    name: 'host',
    describe: () => Promise.resolve(describe(threads)),
    load: (request) => load(request, cacheDir),
    run: async (job) => run(job, await getEngine(), threads, lockstep),
  };
}

function describe(threads: number): string {
  const model = cpus()[0]?.model.trim() ?? '';
  return `${model === '' ? process.arch : model}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}

async function load(request: LoadRequest, cacheDir: string): Promise<HostLoadedLibrary> {
  const { source, ...options } = request;
  const outcome = await compileHost(source, { ...options, cacheDir });
  if (!outcome.library || (request.kernels && !outcome.ok))
    throw compileFailure(source.path, outcome.diagnostics);
  const missing = request.kernels?.find((name) => !outcome.kernels.includes(name));
  if (missing !== undefined) throw unknownKernel(missing, outcome.kernels);
  return {
    device: 'host',
    kernels: outcome.library.kernels.map((kernel) => kernel.name),
    host: outcome.library,
  };
}

async function run(
  job: Job,
  engine: NativeEngine,
  threads: number,
  lockstep: Set<string>,
): Promise<JobResult> {
  const names = job.dispatches.map((dispatch) => `${libraryOf(dispatch).path} ${dispatch.kernel}`);
  const plain = makeRequest(job, { libraryOf, threads, lockstep: names.some((name) => lockstep.has(name)) });
  const request = needsRerun(job) ? withAllOutputs(plain) : plain;
  try {
    const result = await engine.run(request);
    if (result.lockstep) for (const name of names) lockstep.add(name);
    const reports = makeReports(result.reports, job);
    // A kernel that leaves its buffers may do anything in another run.
    const canRerun = !reports.some((report) => report.check === 'bounds');
    if (canRerun) reports.push(...(await rerun({ engine, request, first: result, job, libraryOf })));
    return {
      outputs: result.outputs.slice(0, job.outputs.length),
      dispatches: result.dispatches.map((outcome, index) => ({
        kernel: job.dispatches[index]?.kernel ?? '',
        ...outcome,
      })),
      reports,
      isConfined: result.isConfined,
    };
  } catch (error) {
    throw jobFailure(error, job, libraryOf);
  }
}

function libraryOf(dispatch: Dispatch): HostLibrary {
  const { library } = dispatch;
  if (library.device === 'host') return (library as HostLoadedLibrary).host;
  const message = `the kernel '${dispatch.kernel}' was loaded for ${library.device}`;
  throw new MoegenError('native/wrong-device', message, { help: 'Load its source with the host device.' });
}
