// Arguments that a function constant switches off hold nothing. What a kernel reads from them all the same may not matter: a run
// in which they hold something else must give the same results.

import type { CheckReport, Dispatch, Job } from '../types.js';
import type { HostLibrary } from '../../compile/types.js';
import type { NativeAddon, NativeJob, NativeResult } from './addon.js';
import { firstDifference } from './order.js';
import { NO_PADDING } from './padding.js';

/** The arguments of a dispatch that are switched off. */
function unboundNames(dispatch: Dispatch, { kernels }: HostLibrary): string[] {
  const kernel = kernels.find(({ name }) => name === dispatch.kernel);
  const parameters = kernel?.parameters.filter(({ kind }) => kind === 'buffer') ?? [];
  return parameters
    .filter(({ index }) => dispatch.buffers[index] === undefined)
    .map(({ index, name }) => `buffer ${index} (${name})`);
}

export async function checkUnbound(
  addon: NativeAddon,
  request: NativeJob,
  first: NativeResult,
  job: Job,
  libraryOf: (dispatch: Dispatch) => HostLibrary,
): Promise<CheckReport[]> {
  const unbound = job.dispatches.map((dispatch) => unboundNames(dispatch, libraryOf(dispatch)));
  if (unbound.every((names) => names.length === 0)) return [];
  const again = await addon.run({ ...request, checks: 0, count: false, unboundByte: 0 });
  const reports = job.dispatches.flatMap((dispatch, position): CheckReport[] => {
    const names = unbound[position] ?? [];
    const written = new Set(Object.values(dispatch.buffers).map(({ buffer }) => buffer));
    const differs = request.outputs.some((buffer, index) => {
      const padding = request.buffers[buffer] ?? NO_PADDING;
      const place = firstDifference(first.outputs[index], again.outputs[index], padding);
      return written.has(buffer) && place !== undefined;
    });
    if (names.length === 0 || !differs) return [];
    const message = `results change with what lies in an argument that a function constant switches off: ${names.join(', ')}`;
    return [{ check: 'uninitialized', kernel: dispatch.kernel, message, count: 1 }];
  });
  return reports.slice(0, 1);
}
