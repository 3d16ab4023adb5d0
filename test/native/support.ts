// What the tests of the host device share: one device, and a short way to run one kernel.

import { createHostDevice } from '../../generator/native/host.js';
import type { Dispatch, Job, JobResult, LoadedLibrary, Size3 } from '../../generator/native/types.js';

export const device = createHostDevice({ env: process.env });

export function load(text: string, instrument = false): Promise<LoadedLibrary> {
  const source = { path: 'test.metal', text: `#include <metal_stdlib>\nusing namespace metal;\n${text}` };
  return device.load({ source, instrument });
}

export type Data = Float32Array | Uint32Array | Int32Array | Uint16Array | Uint8Array | BigUint64Array;

export function bytesOf(data: Data): Uint8Array {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}

export interface Launch {
  readonly library: LoadedLibrary;
  readonly kernel: string;
  /** Contents, or the bytes of a buffer that is returned. */
  readonly buffers: readonly (Data | number)[];
  readonly groups?: Size3;
  readonly threads: number | Size3;
  readonly constants?: NonNullable<Dispatch['constants']>;
  readonly threadgroupMemory?: NonNullable<Dispatch['threadgroupMemory']>;
  readonly options?: Partial<Omit<Job, 'buffers' | 'dispatches' | 'outputs'>>;
}

/** Runs one kernel. Numbers among the buffers are outputs, in order. */
export function launch(request: Launch): Promise<JobResult> {
  const { library, kernel, buffers, threads, constants, threadgroupMemory } = request;
  return device.run({
    buffers: buffers.map((data) =>
      typeof data === 'number' ? { byteLength: data } : { byteLength: data.byteLength, data: bytesOf(data) },
    ),
    dispatches: [
      {
        library,
        kernel,
        buffers: Object.fromEntries(buffers.map((_, index) => [index, { buffer: index }])),
        threadgroups: request.groups ?? [1, 1, 1],
        threadsPerThreadgroup: typeof threads === 'number' ? [threads, 1, 1] : threads,
        ...(constants ? { constants } : {}),
        ...(threadgroupMemory ? { threadgroupMemory } : {}),
      },
    ],
    outputs: buffers.flatMap((data, index) => (typeof data === 'number' ? [index] : [])),
    ...request.options,
  });
}

export function output(result: JobResult, index = 0): ArrayBuffer {
  const bytes = result.outputs[index] ?? new Uint8Array();
  return bytes.slice().buffer;
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
