// Where elements of buffers have padding, which nobody needs to write: vectors of three have the size of four, and a struct
// may have gaps, each smaller than the largest alignment.

import type { HostLibrary, KernelParameter } from '../../compile/types.js';
import type { Dispatch, Job } from '../types.js';
import type { NativeJob } from './addon.js';
import { scalarBytes } from './constants.js';

export type Padding = Pick<NativeJob['buffers'][number], 'period' | 'used' | 'leastGap'>;

export const NO_PADDING: Padding = { period: 1, used: 1, leastGap: 1 };

const LARGEST_ALIGNMENT = 16;
const VECTOR_OF_THREE = /\b(char|uchar|short|ushort|half|bfloat|int|uint|float|long|ulong)3\b/u;

/** The padding of each buffer of the job that kernels take. */
export function paddingOfBuffers(
  job: Job,
  libraryOf: (dispatch: Dispatch) => HostLibrary,
): ReadonlyMap<number, Padding> {
  const result = new Map<number, Padding>();
  for (const dispatch of job.dispatches) {
    const kernel = libraryOf(dispatch).kernels.find(({ name }) => name === dispatch.kernel);
    for (const parameter of kernel?.parameters ?? []) {
      const binding = parameter.kind === 'buffer' ? dispatch.buffers[parameter.index] : undefined;
      if (binding === undefined) continue;
      const known = result.get(binding.buffer) ?? NO_PADDING;
      result.set(binding.buffer, withParameter(known, parameter));
    }
  }
  return result;
}

function withParameter(known: Padding, { text, isStruct }: KernelParameter): Padding {
  const scalar = VECTOR_OF_THREE.exec(text)?.[1];
  const size = scalar === undefined ? 0 : scalarBytes(scalar);
  const isFirstVector = size > 0 && known.period === 1;
  return {
    period: isFirstVector ? 4 * size : known.period,
    used: isFirstVector ? 3 * size : known.used,
    leastGap: isStruct ? LARGEST_ALIGNMENT : known.leastGap,
  };
}
