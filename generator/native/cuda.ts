// Opens an NVIDIA GPU as a device: builds the addon, loads the driver, and asks whether the GPU can run the kernels.

import type { PtxAlignment, PtxMatrix } from '../compile/ptx.js';
import { buildBinary, CUDA_ADDON } from './build.js';
import { openAddon, type CudaAddon } from './cuda/addon.js';
import { cudaDevice, type CudaDevice } from './cuda/device.js';
import {
  bundledPrograms,
  compiledPrograms,
  recordPrograms,
  type CompilerOptions,
  type Recorder,
} from './cuda/programs.js';

export interface CudaRequest {
  readonly env: NodeJS.ProcessEnv;
  /** Where the addon and compiled kernels are kept between runs. */
  readonly cacheDir: string;
  /** `fast` by default. */
  readonly matrix?: PtxMatrix;
  /** `vector` by default. */
  readonly alignment?: PtxAlignment;
  /** A folder with the addon and with programs that were compiled elsewhere, instead of compilers. */
  readonly bundle?: { readonly addon: string; readonly programs: string };
  /** The driver's library; by default the system's. */
  readonly driver?: string;
  /** Told what takes long. */
  readonly onProgress?: (message: string) => void;
}

const DRIVERS: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  linux: 'libcuda.so.1',
  win32: 'nvcuda.dll',
};

/** Path of the addon, which is built first where it is not in the cache. */
export function buildCudaAddon({
  env,
  cacheDir,
  onProgress,
}: Pick<CudaRequest, 'env' | 'cacheDir' | 'onProgress'>): Promise<string> {
  return buildBinary({ cacheDir, environment: env, ...(onProgress ? { onProgress } : {}) }, CUDA_ADDON);
}

export async function createCudaDevice(
  request: CudaRequest,
): Promise<CudaDevice | { readonly unavailable: string }> {
  const { cacheDir, matrix = 'fast', alignment = 'vector', bundle } = request;
  const driver = request.driver ?? DRIVERS[process.platform];
  if (driver === undefined) return { unavailable: 'CUDA runs on Linux and Windows only' };
  const addon = openAddon(bundle?.addon ?? (await buildCudaAddon(request)));
  const reason = addon.open(driver);
  if (reason !== undefined) return { unavailable: reason };
  const options = { matrix, alignment };
  const programs = bundle
    ? bundledPrograms(bundle.programs, options)
    : compiledPrograms({ cacheDir, ...options });
  return cudaDevice(addon, programs);
}

/** A device that compiles what it is asked for, launches nothing and answers with zeros. */
export function createRecordingDevice({ cacheDir, ...options }: CompilerOptions): {
  readonly device: CudaDevice;
  readonly recorder: Recorder;
} {
  const recorder = recordPrograms(compiledPrograms({ cacheDir, ...options }), options);
  const addon: CudaAddon = {
    open: () => undefined,
    describe: () => 'no GPU',
    l2Bytes: () => 0,
    run: ({ buffers, outputs, dispatches }) =>
      Promise.resolve({
        outputs: outputs.map((output) => new Uint8Array(buffers[output]?.byteLength ?? 0)),
        dispatches: dispatches.map(() => ({ seconds: 0, threadgroups: 0 })),
      }),
    time: ({ stages }) => Promise.resolve({ whole: [0], stages: stages.map(() => [0]) }),
  };
  return { device: cudaDevice(addon, recorder), recorder };
}
