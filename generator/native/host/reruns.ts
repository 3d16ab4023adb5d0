// What one run cannot show: whether results change with the order in which threads run (the check `order`), or with what lies where
// nothing was written (`uninitialized`). The job runs again, in other orders and with other contents, and must give the same bits.

import type { HostLibrary } from '../../compile/types.js';
import type { CheckReport, Dispatch, Job } from '../types.js';
import type { NativeEngine, NativeJob, NativeResult } from './addon.js';
import { fileLines } from './line-table.js';
import { NO_PADDING, type Padding } from './padding.js';
import { isExempt } from './request.js';

/** Orders that are tried beside the first one. */
const RUNS = 2;

/** Variables that nothing was written to hold zeros at first; this is a number other than zero in every type, and no NaN. */
const OTHER_BYTE = 0x41;
/** Lines that the engine can name. */
const ALL_LINES = 2 ** 24 - 1;

const OTHER_LOCALS = { localsByte: OTHER_BYTE, localsFirst: 0, localsEnd: ALL_LINES } as const;
const OTHER_ARGUMENTS = { unboundByte: 0 } as const;

export interface FirstRun {
  readonly engine: NativeEngine;
  readonly request: NativeJob;
  readonly first: NativeResult;
  readonly job: Job;
  readonly libraryOf: (dispatch: Dispatch) => HostLibrary;
}

export function needsRerun({ checks = [] }: Job): boolean {
  return checks.includes('order') || checks.includes('uninitialized');
}

/** The job with all buffers that kernels write among its outputs, after those that it asks for. */
export function withAllOutputs(request: NativeJob): NativeJob {
  const written = request.buffers.flatMap((buffer, index) => (buffer.writable ? [index] : []));
  return { ...request, outputs: [...request.outputs, ...written] };
}

/** The first runs in another order have other contents too: only where they differ is asked which of the two it was. */
export async function rerun(run: FirstRun): Promise<CheckReport[]> {
  const checks = run.job.checks ?? [];
  const asksForOrder = checks.includes('order');
  const asksForContents = checks.includes('uninitialized');
  const { seed } = run.request;
  const other = { ...OTHER_LOCALS, ...OTHER_ARGUMENTS };
  if (!asksForOrder) return asksForContents ? findUnset(run) : [];
  const reports: CheckReport[] = [];
  let orders = Array.from({ length: RUNS }, (_, index) => index + 1);
  if (asksForContents) {
    if (await matters(run, { seed: seed + 1, ...other })) reports.push(...(await findUnset(run)));
    else orders = orders.slice(1);
  }
  const found = new Map<number, CheckReport>();
  for (const order of orders) {
    for (const { buffer, byte } of await differences(run, { seed: seed + order })) {
      if (!found.has(buffer)) found.set(buffer, orderReport(buffer, byte, run.request, run.job));
    }
  }
  return [...reports, ...found.values()];
}

interface Difference {
  readonly buffer: number;
  readonly byte: number;
}

/** Where a run in another way gives other results. */
async function differences(
  { engine, request, first, job }: FirstRun,
  change: Partial<NativeJob>,
): Promise<Difference[]> {
  const again = await engine.run({ ...request, ...change, checks: 0, count: false });
  const seen = new Set<number>();
  return request.outputs.flatMap((buffer, index) => {
    const spec = job.buffers[buffer];
    if (seen.has(buffer) || (spec !== undefined && isExempt(spec, 'order'))) return [];
    seen.add(buffer);
    const padding = request.buffers[buffer] ?? NO_PADDING;
    const byte = firstDifference(first.outputs[index], again.outputs[index], padding);
    return byte === undefined ? [] : [{ buffer, byte }];
  });
}

/** What lies in the padding of vectors of three is nobody's, and in that of structs what variables hold by themselves. */
function firstDifference(
  a: Uint8Array | undefined,
  b: Uint8Array | undefined,
  { period, used, leastGap }: Padding,
): number | undefined {
  if (!a || !b || Buffer.compare(a, b) === 0) return undefined;
  const isUnset = (at: number): boolean => a[at] === 0 && b[at] === OTHER_BYTE;
  for (let at = 0; at < a.length; at += 1) {
    if (a[at] === b[at] || at % period >= used) continue;
    let end = at;
    while (end - at < leastGap && isUnset(end)) end += 1;
    if (end === at || end - at >= leastGap) return at;
    at = end - 1;
  }
  return undefined;
}

function orderReport(buffer: number, byte: number, request: NativeJob, job: Job): CheckReport {
  const last = request.dispatches.findLast(({ buffers }) =>
    buffers.some((binding) => binding.buffer === buffer && binding.writable),
  );
  const label = job.buffers[buffer]?.label;
  const name = label === undefined ? `the job's buffer ${buffer}` : `the job's buffer ${buffer} (${label})`;
  return {
    check: 'order',
    kernel: last?.kernel ?? '',
    message: `byte ${byte} of ${name} changes with the order in which threads run`,
    count: 1,
  };
}

/** What was read though nothing was written there: arguments that are switched off, or a variable, by its line. */
async function findUnset(run: FirstRun): Promise<CheckReport[]> {
  const arguments_ = await findUnboundArguments(run);
  const locals = await findUnsetVariable(run);
  return [...arguments_, ...locals];
}

/** Numbers that were never written may say how often a loop runs: so much longer than the first run takes none. */
const SLOWER = 20;
const SHORTEST_SECONDS = 10;

/** A run that fails where the first one did not has other results, too. */
async function matters(run: FirstRun, change: Partial<NativeJob>): Promise<boolean> {
  const { request, first } = run;
  const seconds = first.dispatches.reduce((sum, dispatch) => sum + dispatch.seconds, SHORTEST_SECONDS);
  try {
    const timeoutSeconds = Math.min(request.timeoutSeconds, SLOWER * seconds);
    return (await differences(run, { ...change, timeoutSeconds })).length > 0;
  } catch {
    return true;
  }
}

async function findUnboundArguments(run: FirstRun): Promise<CheckReport[]> {
  const unbound = run.job.dispatches.flatMap((dispatch) =>
    unboundNames(dispatch, run.libraryOf(dispatch)).map((name) => ({ name, kernel: dispatch.kernel })),
  );
  const [first] = unbound;
  if (first === undefined || !(await matters(run, OTHER_ARGUMENTS))) return [];
  const own = unbound.filter(({ kernel }) => kernel === first.kernel).map(({ name }) => name);
  const message = `results change with what lies in an argument that a function constant switches off: ${own.join(', ')}`;
  return [{ check: 'uninitialized', kernel: first.kernel, message, count: 1 }];
}

/** The arguments of a dispatch that are switched off. */
function unboundNames(dispatch: Dispatch, { kernels }: HostLibrary): string[] {
  const kernel = kernels.find(({ name }) => name === dispatch.kernel);
  const parameters = kernel?.parameters.filter(({ kind }) => kind === 'buffer') ?? [];
  return parameters
    .filter(({ index }) => dispatch.buffers[index] === undefined)
    .map(({ index, name }) => `buffer ${index} (${name})`);
}

async function findUnsetVariable(run: FirstRun): Promise<CheckReport[]> {
  if (!(await matters(run, OTHER_LOCALS))) return [];
  const [dispatch] = run.job.dispatches;
  const lines = dispatch === undefined ? undefined : fileLines(run.libraryOf(dispatch).path);
  let [begin, end] = [0, (lines?.count ?? ALL_LINES - 1) + 1];
  while (end - begin > 1) {
    const middle = Math.floor((begin + end) / 2);
    const isBefore = await matters(run, { ...OTHER_LOCALS, localsFirst: begin, localsEnd: middle });
    if (isBefore) end = middle;
    else begin = middle;
  }
  const file = lines?.fileOf(begin);
  return [
    {
      check: 'uninitialized',
      kernel: dispatch?.kernel ?? '',
      message:
        'results change with what a variable holds that is declared here and read before anything is written there',
      ...(file !== undefined && { file, line: begin }),
      count: 1,
    },
  ];
}
