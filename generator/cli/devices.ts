// Opens the device that a command runs on; `auto` is Metal where there is a GPU for it, else this machine's processors.

import { defaultCacheDir } from '../compile/cache.js';
import type { PtxAlignment, PtxMatrix } from '../compile/ptx.js';
import { MoegenError } from '../errors.js';
import type { ProgramOptions } from '../native/cuda/programs.js';
import type { Device, DeviceName } from '../native/types.js';
import { BUNDLE_VARIABLE, bundlePlaces } from './bundle/places.js';
import type { Io } from './io.js';

export interface DeviceOptions {
  /** Of the host: threads of the processor to use; all by default. */
  readonly threads?: number | undefined;
  /** Of CUDA alone, as the next one. */
  readonly matrix?: PtxMatrix | undefined;
  readonly alignment?: PtxAlignment | undefined;
}

export async function openDevice(
  name: DeviceName | 'auto',
  io: Io,
  options: DeviceOptions = {},
): Promise<Device> {
  const { matrix, alignment } = options;
  if ((matrix ?? alignment) !== undefined && name !== 'cuda') {
    throw new MoegenError('cli/not-for-cuda', 'expected --device cuda, which alone has a choice of these', {
      where: matrix === undefined ? '--alignment' : '--matrix',
      help: 'add --device cuda, or leave the option out',
    });
  }
  switch (name) {
    case 'auto': {
      const metal = await openMetal(io);
      return 'unavailable' in metal ? openHost(io, options.threads) : metal;
    }
    case 'metal': {
      const metal = await openMetal(io);
      if (!('unavailable' in metal)) return metal;
      throw new MoegenError('cli/no-metal-device', metal.unavailable, {
        where: '--device metal',
        help: 'use --device host, which runs the same text on this machine',
      });
    }
    case 'host':
      return openHost(io, options.threads);
    case 'cuda':
      return openCuda(io, { matrix: matrix ?? 'fast', alignment: alignment ?? 'vector' });
  }
}

async function openMetal(io: Io): Promise<Device | { readonly unavailable: string }> {
  const { createMetalDevice } = await import('../native/metal.js');
  return createMetalDevice({ env: io.env, platform: process.platform, cacheDir: defaultCacheDir(io.env) });
}

async function openHost(io: Io, threads: number | undefined): Promise<Device> {
  const { createHostDevice } = await import('../native/host.js');
  return createHostDevice({
    env: io.env,
    cacheDir: defaultCacheDir(io.env),
    ...(threads !== undefined && { threads }),
    onProgress: (message) => {
      io.err(`${message}\n`);
    },
  });
}

async function openCuda(io: Io, options: ProgramOptions): Promise<Device> {
  if (io.recordCuda) return io.recordCuda(options);
  const { createCudaDevice } = await import('../native/cuda.js');
  const bundle = io.env[BUNDLE_VARIABLE];
  const device = await createCudaDevice({
    env: io.env,
    cacheDir: defaultCacheDir(io.env),
    ...options,
    ...(bundle !== undefined && bundle !== '' && { bundle: bundlePlaces(bundle) }),
    onProgress: (message) => {
      io.err(`${message}\n`);
    },
  });
  if (!('unavailable' in device)) return device;
  throw new MoegenError('cli/no-cuda-device', device.unavailable, {
    where: '--device cuda',
    help: 'use --device host, which runs the same text on this machine; `moegen bundle` takes it to a machine with a GPU',
  });
}
