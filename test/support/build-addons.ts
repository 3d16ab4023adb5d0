// Builds the native addons before any test, since the bundled compiler takes a minute for the first one. Many tests run without a
// PATH, and so with that compiler even where the system has one.

import { defaultCacheDir } from '../../generator/compile/cache.js';
import { buildBinary, buildHostEngine, CUDA_ADDON } from '../../generator/native/build.js';

export default async function buildAddons(): Promise<void> {
  const options = { cacheDir: defaultCacheDir(), environment: process.env };
  await buildHostEngine(options);
  await buildHostEngine({ ...options, environment: { PATH: '' } });
  await buildBinary(options, CUDA_ADDON);
}
