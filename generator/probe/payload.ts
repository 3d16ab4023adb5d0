// Kernels into what a script needs to try them somewhere else: their texts, and for each a small case with the bytes of its buffers,
// its grid, and what must come out. Bytes that several kernels share stand once.

import { createHash } from 'node:crypto';
import type { BufferBinding, Dispatch, Job, LoadedLibrary, Size3 } from '../native/types.js';
import type { KernelPlan } from '../plan/types.js';
import { smallCase } from '../validate/kernels/cases.js';
import { trialsJob, trialsOf } from '../validate/kernels/run.js';
import type { Expectation, Trial } from '../validate/kernels/trial.js';
import { createRandom } from '../validate/random.js';
import { groupTerms, type KernelTexts } from '../validate/validate.js';

/** Where bytes lie: the first, and how many. */
export type Piece = readonly [offset: number, bytes: number];

export interface ProbeTrial {
  readonly name: string;
  readonly constants: readonly { readonly index: number; readonly type: string; readonly value: number }[];
  /** Without contents, filled with the byte 0xA5. */
  readonly buffers: readonly { readonly bytes: number; readonly data: Piece | null }[];
  readonly bindings: readonly { readonly index: number; readonly buffer: number; readonly offset: number }[];
  /** Threadgroups, or where they lie. */
  readonly grid: Size3 | null;
  readonly indirect: { readonly buffer: number; readonly offset: number } | null;
  readonly threads: Size3;
  readonly expectations: readonly {
    readonly output: string;
    readonly element: string;
    readonly buffer: number;
    /** Doubles. */
    readonly want: Piece;
    readonly tolerance: Piece;
  }[];
}

interface ProbeKernel {
  readonly name: string;
  /** Position in `sources`. */
  readonly source: number;
  readonly trials: readonly ProbeTrial[];
}

interface ProbeSource {
  readonly file: string;
  readonly text: string;
  /** The oldest that the text is for. */
  readonly language: string;
}

export interface ProbePayload {
  readonly version: string;
  readonly sources: readonly ProbeSource[];
  readonly questions: Readonly<Record<string, string>>;
  readonly kernels: readonly ProbeKernel[];
}

class Pieces {
  readonly #chunks: Uint8Array[] = [];
  readonly #known = new Map<string, Piece>();
  #end = 0;

  add(bytes: Uint8Array): Piece {
    const key = createHash('sha256').update(bytes).digest('base64');
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const piece: Piece = [this.#end, bytes.byteLength];
    this.#known.set(key, piece);
    this.#chunks.push(bytes);
    this.#end += bytes.byteLength;
    return piece;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }
}

interface PayloadRequest {
  readonly version: string;
  readonly questions: Readonly<Record<string, string>>;
  readonly seed: number;
}

/** A dispatch names the library that it is of; this one is never loaded here. */
const ELSEWHERE: LoadedLibrary = { device: 'metal', kernels: [] };

export function probePayload(
  texts: KernelTexts,
  { version, questions, seed }: PayloadRequest,
): { readonly payload: ProbePayload; readonly bytes: Uint8Array } {
  const pieces = new Pieces();
  const files = new Map<string, { readonly at: number; readonly source: ProbeSource }>();
  const kernels = texts.plans.map((plan) => {
    const { path: file, text } = texts.textOf(plan);
    const known = files.get(file) ?? { at: files.size, source: { file, text, language: plan.mslVersion } };
    files.set(file, known);
    const sizes = smallCase(groupTerms(plan));
    const trials = trialsOf(plan, sizes, createRandom(seed)).map((trial) =>
      probeTrial(plan, sizes.name, trial, pieces),
    );
    return { name: plan.name, source: known.at, trials: trials.flatMap((trial) => trial ?? []) };
  });
  const sources = [...files.values()].map(({ source }) => source);
  return { payload: { version, sources, questions, kernels }, bytes: pieces.bytes() };
}

/** Nothing where the grid is empty. */
function probeTrial(plan: KernelPlan, name: string, trial: Trial, pieces: Pieces): ProbeTrial | undefined {
  const job = trialsJob(plan, ELSEWHERE, [trial]);
  const [dispatch] = job.dispatches;
  if (dispatch === undefined) return undefined;
  const { threadgroups, threadsPerThreadgroup: threads } = dispatch;
  const isIndirect = 'indirect' in threadgroups;
  return {
    name,
    constants: constantsOf(plan, dispatch),
    buffers: job.buffers.map(({ byteLength: bytes, data }) => ({
      bytes,
      data: data === undefined ? null : pieces.add(data),
    })),
    bindings: Object.entries(dispatch.buffers).map(([index, place]) => ({
      index: Number(index),
      ...placeOf(place),
    })),
    grid: isIndirect ? null : threadgroups,
    indirect: isIndirect ? placeOf(threadgroups.indirect) : null,
    threads,
    expectations: trial.expectations.map((expectation, at) => expectationOf(expectation, job, at, pieces)),
  };
}

function placeOf({ buffer, offset = 0 }: BufferBinding): { buffer: number; offset: number } {
  return { buffer, offset };
}

function constantsOf(plan: KernelPlan, { constants = {} }: Dispatch): ProbeTrial['constants'] {
  return plan.constants.flatMap(({ index, type }) => {
    const value = constants[index];
    return value === undefined ? [] : [{ index, type, value: Number(value) }];
  });
}

function expectationOf(
  { output, element, want, tolerance }: Expectation,
  job: Job,
  at: number,
  pieces: Pieces,
): ProbeTrial['expectations'][number] {
  const doubles = (values: Float64Array): Piece =>
    pieces.add(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return {
    output,
    element,
    buffer: job.outputs[at] ?? 0,
    want: doubles(want),
    tolerance: doubles(tolerance),
  };
}
