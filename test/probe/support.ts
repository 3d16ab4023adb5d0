// What a probe's script reads of itself, and its trials as jobs for a device here.

import { inflateRawSync } from 'node:zlib';
import type { Job, LoadedLibrary } from '../../generator/native/types.js';
import type { Piece, ProbePayload, ProbeTrial } from '../../generator/probe/payload.js';

export interface Carried {
  readonly payload: ProbePayload;
  readonly bytes: Uint8Array;
}

export function carriedBy(script: string): Carried {
  const [, packed = ''] = /\n\/\* payload\n([A-Za-z0-9+/=\n]*)\n\*\/\n$/.exec(script) ?? [];
  const all = inflateRawSync(Buffer.from(packed, 'base64'));
  const end = 4 + all.readUInt32LE();
  return { payload: JSON.parse(all.toString('utf8', 4, end)) as ProbePayload, bytes: all.subarray(end) };
}

function bytesAt({ bytes }: Carried, [offset, length]: Piece): Uint8Array {
  return bytes.subarray(offset, offset + length);
}

export function doublesAt(carried: Carried, piece: Piece): Float64Array {
  return new Float64Array(Uint8Array.from(bytesAt(carried, piece)).buffer);
}

function constantValue({ type, value }: ProbeTrial['constants'][number]): number | boolean {
  return type === 'bool' ? value !== 0 : value;
}

export function jobOf(carried: Carried, kernel: string, trial: ProbeTrial, library: LoadedLibrary): Job {
  const { buffers, bindings, constants, grid, indirect, threads, expectations } = trial;
  if (grid === null && indirect === null) throw new Error('a trial has a grid');
  return {
    buffers: buffers.map(({ bytes: byteLength, data }) => ({
      byteLength,
      ...(data !== null && { data: bytesAt(carried, data) }),
    })),
    dispatches: [
      {
        ...{ library, kernel, threadsPerThreadgroup: threads },
        constants: Object.fromEntries(constants.map((own) => [own.index, constantValue(own)])),
        buffers: Object.fromEntries(bindings.map(({ index, ...place }) => [index, place])),
        threadgroups: grid ?? { indirect: indirect ?? expectNever() },
      },
    ],
    outputs: expectations.map(({ buffer }) => buffer),
  };
}

function expectNever(): never {
  throw new Error('a trial has a grid');
}
