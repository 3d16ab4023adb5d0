// Opens the GPU of a Mac as a device: builds the addon, loads it, and asks whether the GPU can run the kernels.

import { findXcrunToolchain } from '../compile/xcrun.js';
import type { Environment } from '../compile/xcrun/tools.js';
import { openAddon } from './metal/addon.js';
import { buildMetalAddon } from './metal/build.js';
import { metalDevice } from './metal/device.js';
import type { Device } from './types.js';

export interface MetalRequest {
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  /** Where the addon and compiled kernels are kept between runs. */
  readonly cacheDir: string;
}

export async function createMetalDevice(request: MetalRequest): Promise<Device | { unavailable: string }> {
  if (request.platform !== 'darwin') return { unavailable: 'Metal runs on macOS only' };
  const built = await buildMetalAddon(request);
  if ('unavailable' in built) return built;
  const addon = openAddon(built.file);
  const reason = addon.open();
  if (reason !== undefined) return { unavailable: reason };
  return metalDevice(addon, await findXcrunToolchain(request.env), request.cacheDir);
}
