// The interface of metal.node (native/metal/metal_addon.cc), and how a built one is opened.

import { createRequire } from 'node:module';

import type { BufferSpec, Dispatch } from '../types.js';

/** A dispatch whose library is a number that the addon gave. */
interface MetalDispatch extends Omit<Dispatch, 'library'> {
  readonly library: number;
}

interface MetalJob {
  readonly buffers: readonly BufferSpec[];
  readonly dispatches: readonly MetalDispatch[];
  readonly outputs: readonly number[];
  readonly timeoutSeconds?: number;
}

interface MetalText {
  readonly text: string;
  readonly languageMajor: number;
  readonly languageMinor: number;
  readonly defines: Readonly<Record<string, string>>;
}

export interface LoadedMetal {
  readonly id: number;
  readonly kernels: readonly string[];
}

interface MetalJobResult {
  readonly outputs: readonly Uint8Array[];
  readonly dispatches: readonly { readonly seconds: number; readonly threadgroups: number }[];
}

/** Promises are rejected with an Error that has a `code` and a `log`. */
export interface MetalAddon {
  /** The reason why there is no device; undefined where there is one. */
  open(): string | undefined;
  describe(): string;
  loadFile(request: { readonly path: string }): Promise<LoadedMetal>;
  loadSource(request: MetalText): Promise<LoadedMetal>;
  run(job: MetalJob): Promise<MetalJobResult>;
}

export function openAddon(file: string): MetalAddon {
  return createRequire(import.meta.url)(file) as MetalAddon;
}
