// `moegen test`: kernels of any Metal file against what they should give.

import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import picomatch from 'picomatch';
import { MoegenError } from '../../errors.js';
import type { NamedTest } from '../../jobs/testing/read.js';
import type { Check, DeviceName } from '../../native/types.js';
import { openDevice } from '../devices.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { PACKAGE_DIR, printJson, type Io } from '../io.js';
import { startProgress } from '../progress.js';

export interface TestOptions {
  readonly filter?: string | undefined;
  readonly device: DeviceName | 'auto';
  readonly jobs?: number | undefined;
  readonly junit?: string | undefined;
  readonly allow: readonly Check[];
  readonly json: boolean;
}

export async function test(given: readonly string[], options: TestOptions, io: Io): Promise<ExitCode> {
  const { findTestFiles, readTests } = await import('../../jobs/testing/read.js');
  const { runTests } = await import('../../jobs/testing/run.js');
  const { describeOutcome, junitXml } = await import('../../jobs/testing/report.js');
  const files = await findTestFiles(given.length > 0 ? given : ['.'], io.cwd);
  const all = (await Promise.all(files.map((file) => readTests(file, io.cwd)))).flat();
  const tests = chosen(all, options.filter).map((named) => ({
    ...named,
    test: { ...named.test, allow: [...(named.test.allow ?? []), ...options.allow] },
  }));
  const jobs = options.jobs ?? availableParallelism();
  const atOnce = Math.min(jobs, tests.length);
  const threads = Math.max(1, Math.floor(availableParallelism() / atOnce));
  const device = await openDevice(options.device, io, { threads });
  const progress = await startProgress(io, `testing on ${device.name}`, tests.length);
  const outcomes = await runTests(tests, device, {
    jobs,
    tools: { packageDir: PACKAGE_DIR, python: io.env['MOEGEN_PYTHON'] ?? 'python3' },
    onOutcome: progress.step,
  }).finally(progress.stop);
  if (options.junit !== undefined) await writeReport(path.resolve(io.cwd, options.junit), junitXml(outcomes));
  const passed = outcomes.filter(({ ok }) => ok).length;
  const isOk = passed === outcomes.length;
  if (options.json) printJson(io, { ok: isOk, device: device.name, tests: outcomes });
  else {
    for (const outcome of outcomes) io.out(`${describeOutcome(outcome)}\n`);
    io.out(`${passed} of ${outcomes.length} tests pass on ${await device.describe()}\n`);
  }
  return isOk ? EXIT.done : EXIT.answerIsNo;
}

function chosen(all: readonly NamedTest[], filter: string | undefined): readonly NamedTest[] {
  const matches = filter === undefined ? () => true : picomatch(filter);
  const tests = all.filter(({ name }) => matches(name) || name.includes(filter ?? ''));
  if (tests.length > 0) return tests;
  const message = filter === undefined ? 'expected tests, found none' : `no test is called like '${filter}'`;
  throw new MoegenError('test/no-tests', message, {
    where: 'moegen test',
    help:
      all.length > 0
        ? `tests: ${all
            .slice(0, 20)
            .map(({ name }) => name)
            .join(', ')}`
        : 'name files, or folders that hold *.metal.json; docs/any-metal.md says what is in them',
  });
}

async function writeReport(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((cause: unknown) => {
    throw new MoegenError('test/unwritable', 'the report could not be written', { where: file, cause });
  });
}
