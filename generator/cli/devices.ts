// Opens the device that a command runs on; `auto` is Metal where there is a GPU for it, else this machine's processors.

import { defaultCacheDir } from '../compile/cache.js';
import { MoegenError } from '../errors.js';
import type { Device, DeviceName } from '../native/types.js';
import type { Io } from './io.js';

export async function openDevice(name: DeviceName | 'auto', io: Io): Promise<Device> {
  switch (name) {
    case 'auto': {
      const metal = await openMetal(io);
      return 'unavailable' in metal ? openHost(io) : metal;
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
      return openHost(io);
    case 'cuda':
      throw new MoegenError('cli/no-cuda-device', 'this version runs no kernels on CUDA GPUs', {
        where: '--device cuda',
        help: 'use --device host; `moegen compile --target ptx` compiles for NVIDIA GPUs',
      });
  }
}

async function openMetal(io: Io): Promise<Device | { readonly unavailable: string }> {
  const { createMetalDevice } = await import('../native/metal.js');
  return createMetalDevice({ env: io.env, platform: process.platform, cacheDir: defaultCacheDir(io.env) });
}

async function openHost(io: Io): Promise<Device> {
  const { createHostDevice } = await import('../native/host.js');
  return createHostDevice({
    env: io.env,
    cacheDir: defaultCacheDir(io.env),
    onProgress: (message) => {
      io.err(`${message}\n`);
    },
  });
}
