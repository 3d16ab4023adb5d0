// Runs tests: each job with all checks, and its outputs compared with what they should be.

import type { CheckReport, Device } from '../../native/types.js';
import { MoegenError } from '../../errors.js';
import { contentsOf, type JobBufferContents } from '../contents.js';
import { prepareJob, type PreparedJob } from '../prepare.js';
import { runPrepared } from '../run.js';
import type { ScalarValue } from '../scalars.js';
import type { JobTest } from '../schema.js';
import { decodeNumbers } from '../values.js';
import { compareOutput, type ComparedOutput } from './compare.js';
import type { NamedTest } from './read.js';
import { callReference, type ReferenceTools } from './reference.js';

export interface TestOutcome {
  readonly file: string;
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  /** By buffer, those that were compared. */
  readonly outputs: readonly OutputOutcome[];
  /** What the checks found. */
  readonly reports: readonly CheckReport[];
  /** Where it could not run to its end. */
  readonly error?: Pick<MoegenError, 'code' | 'message' | 'where' | 'help' | 'log'>;
}

export interface OutputOutcome extends ComparedOutput {
  /** Its name, or its key. */
  readonly buffer: string;
}

/** At most `jobs` at the same time; outcomes come in the order of the tests. */
export async function runTests(
  tests: readonly NamedTest[],
  device: Device,
  { jobs, tools, onOutcome }: { jobs: number; tools: ReferenceTools; onOutcome?: () => void },
): Promise<TestOutcome[]> {
  const outcomes: TestOutcome[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < tests.length; index = next++) {
      const test = tests[index];
      if (test === undefined) return;
      outcomes[index] = await runTest(test, device, tools);
      onOutcome?.();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, tests.length) }, work));
  return outcomes;
}

async function runTest(named: NamedTest, device: Device, tools: ReferenceTools): Promise<TestOutcome> {
  const { file, name } = named;
  const begin = performance.now();
  const outcome = await judge(named, device, tools).catch((error: unknown) => {
    if (!(error instanceof MoegenError)) throw error;
    const { code, message, where, help, log } = error;
    return { outputs: [], reports: [], error: { code, message, where, help, log } };
  });
  const isRight = outcome.reports.length === 0 && outcome.outputs.every(({ differing }) => differing === 0);
  const ok = isRight && !('error' in outcome);
  return { file, name, ok, seconds: (performance.now() - begin) / 1000, ...outcome };
}

async function judge(
  { file, folder, test, name }: NamedTest,
  device: Device,
  tools: ReferenceTools,
): Promise<Pick<TestOutcome, 'outputs' | 'reports'>> {
  const where = `${file}: ${name}`;
  const expected = Object.entries(test.expect ?? {});
  const isHost = device.name === 'host';
  const job = { ...test, checks: test.checks ?? (isHost ? ('all' as const) : []), counters: false };
  const prepared = await prepareJob(job, { folder, where });
  for (const [key] of expected) requireBuffer(key, prepared, where);
  const wanted = await wantedNumbers(test, prepared, { folder, where, tools });
  const keys = expected.map(([key]) => key);
  const { result, contents } = await runPrepared(device, prepared, keys);
  const outputs = expected.map(([key, tolerance]): OutputOutcome => {
    const buffer = requireBuffer(key, prepared, where);
    const bytes = contents.get(key) ?? new Uint8Array();
    const compared = compareOutput(buffer, bytes, wanted.get(key) ?? [], tolerance);
    return { buffer: test.buffers[key]?.name ?? key, ...compared };
  });
  return { outputs, reports: result.reports };
}

/** What each buffer of `expect` should hold: from the test, or from its reference. */
async function wantedNumbers(
  test: JobTest,
  prepared: PreparedJob,
  { folder, where, tools }: { folder: string; where: string; tools: ReferenceTools },
): Promise<Map<string, readonly ScalarValue[]>> {
  const wanted = new Map<string, readonly ScalarValue[]>();
  const open: string[] = [];
  for (const [key, given] of Object.entries(test.expect ?? {})) {
    const { layout, byteLength } = requireBuffer(key, prepared, where);
    const place = { folder, where: `${where}: expect.${key}`, label: `buffer ${key}` };
    const read = await contentsOf(given, layout, byteLength, place);
    if (read === undefined) open.push(key);
    else if (read.data.byteLength === byteLength) wanted.set(key, decodeNumbers(layout, read.data));
    else throw wrongLength(key, byteLength, read.data.byteLength, place.where);
  }
  if (open.length === 0) return wanted;
  const { reference } = test;
  if (reference === undefined) {
    throw new MoegenError('test/no-expectation', `nothing says what buffer ${open.join(', ')} should hold`, {
      where,
      help: 'give expect values, a file or a fill, or the test a reference',
    });
  }
  const { contents } = prepared;
  const numbers = await callReference(
    { reference, folder, job: test, contents, outputs: open, where },
    tools,
  );
  return new Map([...wanted, ...numbers]);
}

function requireBuffer(key: string, { contents }: PreparedJob, where: string): JobBufferContents {
  const buffer = contents.get(key);
  if (buffer !== undefined) return buffer;
  throw new MoegenError('test/unknown-buffer', `expect names buffer ${key}, but there is no such buffer`, {
    where: `${where}: expect.${key}`,
    help: `buffers: ${[...contents.keys()].join(', ')}`,
  });
}

function wrongLength(key: string, wanted: number, given: number, where: string): MoegenError {
  return new MoegenError(
    'run/wrong-size',
    `buffer ${key} has ${wanted} bytes, but ${given} bytes are expected of it`,
    { where, help: 'make shape and expectation agree' },
  );
}
