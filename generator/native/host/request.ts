// Turns a job into what the addon takes, and refuses jobs that cannot run: every mistake a caller can make is named here.

import type { HostLibrary, KernelInfo } from '../../compile/types.js';
import { MoegenError } from '../../errors.js';
import { CHECKS, type BufferPart, type BufferSpec, type Check, type Dispatch, type Job } from '../types.js';
import { constantBytes } from './constants.js';
import type { NativeDispatch, NativeJob } from './addon.js';
import { checkGrid, checkThreadgroupMemory } from './limits.js';
import { nearest } from './nearest.js';
import { NO_PADDING, paddingOfBuffers } from './padding.js';

export interface RequestOptions {
  readonly libraryOf: (dispatch: Dispatch) => HostLibrary;
  readonly threads: number;
  readonly lockstep: boolean;
}

/** Makes a NaN of every type, and of integers the highest number. */
const UNBOUND_BYTE = 0xff;

const DEFAULT_TIMEOUT_SECONDS = 60;
const MAX_BUFFER_BYTES = 2 ** 40;
const MAX_OUTPUT_BYTES = 2 ** 32;

export function makeRequest(job: Job, options: RequestOptions): NativeJob {
  checkBuffers(job);
  const dispatches = job.dispatches.map((dispatch, index) => makeDispatch(job, dispatch, index, options));
  const written = new Set(
    dispatches.flatMap((dispatch) =>
      dispatch.buffers.filter((item) => item.writable).map((item) => item.buffer),
    ),
  );
  for (const output of job.outputs) {
    checkBufferNumber(job, output, 'outputs');
    checkOutputSize(job, output);
  }
  job.buffers.forEach((buffer, index) => {
    if (buffer.parts !== undefined) checkParts(buffer, buffer.parts, index, written.has(index));
  });
  checkSwitches(job, dispatches);
  const needsPadding = job.checks?.some((check) => check === 'unwritten' || check === 'order') ?? false;
  const padding = needsPadding ? paddingOfBuffers(job, options.libraryOf) : undefined;
  return {
    buffers: job.buffers.map((buffer, index) => ({
      byteLength: buffer.byteLength,
      ...(buffer.data ? { data: buffer.data } : {}),
      ...(buffer.parts ? { parts: buffer.parts } : {}),
      writable: written.has(index),
      isOutput: job.outputs.includes(index) && !isExempt(buffer, 'unwritten'),
      ...(padding?.get(index) ?? NO_PADDING),
    })),
    dispatches,
    outputs: job.outputs,
    checks: checkBits(job.checks ?? []),
    count: job.count ?? false,
    seed: job.seed ?? 0,
    threads: options.threads,
    lockstep: options.lockstep,
    flushSubnormals: job.subnormals !== 'keep',
    unboundByte: UNBOUND_BYTE,
    localsByte: 0,
    localsFirst: 0,
    localsEnd: 0,
    timeoutSeconds: job.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS,
  };
}

export function isExempt({ exempt }: BufferSpec, check: Check): boolean {
  return exempt?.includes(check) ?? false;
}

function checkBuffers(job: Job): void {
  job.buffers.forEach(({ byteLength, data, label }, index) => {
    const where = label === undefined ? `buffers[${index}]` : `buffers[${index}] (${label})`;
    if (!Number.isSafeInteger(byteLength) || byteLength < 0 || byteLength > MAX_BUFFER_BYTES) {
      const expected = `a buffer has a whole number of bytes up to ${MAX_BUFFER_BYTES}`;
      throw new MoegenError('native/bad-buffer', `${expected}, not ${byteLength}`, {
        where,
      });
    }
    if (data && data.byteLength !== byteLength) {
      const message = `the buffer has ${byteLength} bytes, its data ${data.byteLength}`;
      throw new MoegenError('native/bad-buffer', message, {
        where,
        help: 'Give as many bytes as byteLength says.',
      });
    }
  });
}

function checkParts(
  { byteLength, data, label }: BufferSpec,
  parts: readonly BufferPart[],
  index: number,
  isWritten: boolean,
): void {
  const where = label === undefined ? `buffers[${index}]` : `buffers[${index}] (${label})`;
  if (data !== undefined || isWritten) {
    const message = 'a buffer that kernels write, or whose data are given, has no parts';
    throw new MoegenError('native/bad-buffer', message, { where });
  }
  const isInside = ({ offset, data: bytes }: BufferPart) =>
    Number.isSafeInteger(offset) && offset >= 0 && offset + bytes.byteLength <= byteLength;
  if (parts.every(isInside)) return;
  throw new MoegenError('native/bad-buffer', `a part lies outside of the buffer's ${byteLength} bytes`, {
    where,
  });
}

/** For devices whose buffers take all of their memory. */
export function refuseParts({ buffers }: Job): void {
  const index = buffers.findIndex(({ parts }) => parts !== undefined);
  if (index < 0) return;
  throw new MoegenError('native/bad-buffer', 'buffers are given in parts on the host device only', {
    where: `buffers[${index}]`,
  });
}

function checkBufferNumber(job: Job, number: number, where: string): void {
  if (Number.isInteger(number) && number >= 0 && number < job.buffers.length) return;
  const given = `there is no buffer ${number}: the job has ${job.buffers.length}`;
  throw new MoegenError('native/no-such-buffer', given, { where });
}

/** What is returned has to fit into an array of the language. */
function checkOutputSize(job: Job, number: number): void {
  const bytes = job.buffers[number]?.byteLength ?? 0;
  if (bytes < MAX_OUTPUT_BYTES) return;
  const message = `an output has fewer than ${MAX_OUTPUT_BYTES} bytes; buffer ${number} has ${bytes}`;
  throw new MoegenError('native/large-output', message, {
    where: 'outputs',
    help: 'Write it in several buffers, or bind parts of one.',
  });
}

function checkSwitches(job: Job, dispatches: readonly NativeDispatch[]): void {
  const seed = job.seed ?? 0;
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new MoegenError('native/bad-seed', `a seed is a whole number from 0 on, not ${seed}`, {
      where: 'seed',
    });
  }
  const timeout = job.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
  if (!(timeout > 0)) {
    throw new MoegenError('native/bad-timeout', `a time limit is above 0 seconds, not ${timeout}`, {
      where: 'timeoutSeconds',
    });
  }
  const watched = (job.checks ?? []).filter((check) => check !== 'order');
  if (watched.length === 0 && !(job.count ?? false)) return;
  const plain = dispatches.find((dispatch) => !dispatch.instrumented);
  if (!plain) return;
  throw new MoegenError(
    'native/not-instrumented',
    `'${plain.kernel}' was compiled without memory callbacks`,
    {
      where: watched.length > 0 ? `checks ${watched.join(', ')}` : 'count',
      help: 'Load its source with `instrument: true`.',
    },
  );
}

function checkBits(checks: readonly Check[]): number {
  return checks.reduce((bits, check) => bits | (1 << CHECKS.indexOf(check)), 0);
}

function makeDispatch(
  job: Job,
  dispatch: Dispatch,
  position: number,
  options: RequestOptions,
): NativeDispatch {
  const library = options.libraryOf(dispatch);
  const kernel = findKernel(library, dispatch.kernel);
  const where = `dispatches[${position}] ('${kernel.name}')`;
  checkGrid(dispatch, kernel, where);
  const { threadgroups } = dispatch;
  const indirect = 'indirect' in threadgroups ? threadgroups.indirect : undefined;
  if (indirect) {
    checkRange(job, indirect.buffer, indirect.offset ?? 0, 12, `${where}, indirect threadgroups`);
  }
  return {
    kernel: kernel.name,
    library: library.path,
    symbol: kernel.symbol,
    rowSymbol: library.instrumented ? '' : (kernel.rowSymbol ?? ''),
    instrumented: library.instrumented,
    constants: constantBytes(library.constants, dispatch.constants ?? {}, where),
    buffers: makeBindings(job, dispatch, kernel, where),
    threadgroupMemory: checkThreadgroupMemory(dispatch, kernel, where),
    threadgroups: 'indirect' in threadgroups ? [0, 0, 0] : threadgroups,
    ...(indirect ? { indirect: { buffer: indirect.buffer, offset: indirect.offset ?? 0 } } : {}),
    threadsPerThreadgroup: dispatch.threadsPerThreadgroup,
    ...(dispatch.threads && { threads: dispatch.threads }),
  };
}

function findKernel(library: HostLibrary, name: string): KernelInfo {
  const kernel = library.kernels.find((candidate) => candidate.name === name);
  if (kernel) return kernel;
  throw unknownKernel(
    name,
    library.kernels.map((candidate) => candidate.name),
  );
}

export function unknownKernel(name: string, known: readonly string[]): MoegenError {
  return new MoegenError('native/unknown-kernel', `the library has no kernel '${name}'`, {
    help: known.length === 0 ? 'It has no kernels at all.' : `Nearest: ${nearest(name, known).join(', ')}.`,
  });
}

function makeBindings(
  job: Job,
  dispatch: Dispatch,
  kernel: KernelInfo,
  where: string,
): NativeDispatch['buffers'] {
  const wanted = kernel.parameters.filter((parameter) => parameter.kind === 'buffer');
  for (const index of Object.keys(dispatch.buffers).map(Number)) {
    if (wanted.some((parameter) => parameter.index === index)) continue;
    const known = wanted.map((parameter) => `${parameter.index} (${parameter.name})`).join(', ');
    throw new MoegenError('native/unknown-binding', `the kernel has no buffer ${index}`, {
      where,
      help: known === '' ? 'It takes no buffers.' : `It takes ${known}.`,
    });
  }
  return wanted.flatMap((parameter) => {
    const binding = dispatch.buffers[parameter.index];
    if (!binding) {
      if (parameter.isConditional) return [];
      throw new MoegenError(
        'native/missing-binding',
        `buffer ${parameter.index} (${parameter.name}) is not bound`,
        {
          where,
          help: `The kernel declares it as '${parameter.text}': add it to the dispatch's buffers.`,
        },
      );
    }
    const offset = binding.offset ?? 0;
    checkRange(job, binding.buffer, offset, 0, `${where}, buffer ${parameter.index} (${parameter.name})`);
    return {
      index: parameter.index,
      buffer: binding.buffer,
      offset,
      writable: parameter.access === 'read_write',
    };
  });
}

function checkRange(job: Job, buffer: number, offset: number, bytes: number, where: string): void {
  checkBufferNumber(job, buffer, where);
  const size = job.buffers[buffer]?.byteLength ?? 0;
  if (Number.isSafeInteger(offset) && offset >= 0 && offset % 4 === 0 && offset + bytes <= size) return;
  const expected = `an offset is a multiple of 4 that leaves ${bytes} of the buffer's ${size} bytes`;
  throw new MoegenError('native/bad-offset', `${expected}; given: ${offset}`, { where });
}
