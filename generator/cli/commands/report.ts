// `moegen report`: results of other commands, or of a validation of its own, as one HTML page.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ActivationDtype } from '../../description/dtypes.js';
import { GENERAL_FORMAT_NAMES, WEIGHT_FORMAT_NAMES } from '../../description/weights.js';
import { kernelFile } from '../../manifest/build.js';
import type { Check, DeviceName } from '../../native/types.js';
import { replaceFiles } from '../../output/files.js';
import type { KernelPlan } from '../../plan/types.js';
import { renderReport } from '../../report/page.js';
import { parseResult, type RESULTS } from '../../report/results.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { PACKAGE_DIR, printJson, type Io } from '../io.js';
import { CHECK_PATH, readGiven } from '../read-given.js';
import { packageVersion } from '../package-version.js';
import { selectPlans } from '../select.js';
import { textsOf } from '../texts.js';

export interface ReportOptions {
  readonly output: string;
  readonly validated: readonly string[];
  readonly benched: readonly string[];
  readonly probed: readonly string[];
  readonly dtype: readonly ActivationDtype[];
  readonly weights?: readonly string[] | undefined;
  readonly device: DeviceName | 'auto';
  readonly checks: readonly Check[];
  readonly seed?: number | undefined;
  readonly json: boolean;
}

const UNREADABLE = { code: 'cli/unreadable-result', expected: 'a file of results', help: CHECK_PATH };

export async function report(glob: string | undefined, options: ReportOptions, io: Io): Promise<ExitCode> {
  const read = <K extends keyof typeof RESULTS>(kind: K, command: string) =>
    options[kind].map((file) => ({
      title: path.basename(file),
      result: parseResult(kind, readGiven(file, io, UNREADABLE), { where: file, command }),
    }));
  const given = {
    validated: read('validated', 'moegen validate --json'),
    benched: read('benched', 'moegen bench --json').map(({ result }) => result),
    probed: read('probed', 'swift PROBE.swift'),
  };
  const hasResults = given.validated.length + given.benched.length + given.probed.length > 0;
  const results = hasResults ? given : { ...given, validated: [await validated(glob, options, io)] };
  const named = new Set([
    ...results.validated.flatMap(({ result }) => result.kernels.map(({ kernel }) => kernel)),
    ...results.benched.flatMap(({ layers }) =>
      layers.flatMap(({ stages }) => stages.map(({ kernel }) => kernel)),
    ),
    ...results.probed.flatMap(({ result }) => result.kernels.map(({ kernel }) => kernel)),
  ]);
  const { plans, texts } = await setOf(glob, options, named);
  const page = renderReport({
    ...{ version: packageVersion(), plans, texts, ...results },
    ...{ style: ownFile('report.css'), script: ownFile('report.js') },
  });
  const target = path.resolve(io.cwd, options.output);
  replaceFiles(path.dirname(target), [{ file: path.basename(target), text: page.text }]);
  const { kernels, failed, notValidated } = page;
  if (options.json) printJson(io, { output: options.output, kernels, failed, notValidated });
  else io.out(`${options.output}: ${kernels} kernels, ${failed} failed, ${notValidated} not validated\n`);
  return failed === 0 ? EXIT.done : EXIT.answerIsNo;
}

function ownFile(name: string): string {
  return readFileSync(path.join(PACKAGE_DIR, 'templates/report', name), 'utf8');
}

/** What `validate --json` prints of the same kernels. */
async function validated(glob: string | undefined, options: ReportOptions, io: Io) {
  const { validate } = await import('./validate.js');
  const { dtype, weights, device, checks, seed } = options;
  let printed = '';
  const own = { ...io, out: (text: string) => (printed += text) };
  await validate(glob, { dtype, weights, device, checks, seed, intermediate: 'stored', json: true }, own);
  return {
    title: 'validate',
    result: parseResult('validated', printed, {
      where: 'moegen validate',
      command: 'moegen validate --json',
    }),
  };
}

/** The plans that are asked for and those that results name, with the texts of all files in which the latter lie. */
async function setOf(
  glob = '*',
  { dtype, weights = GENERAL_FORMAT_NAMES }: ReportOptions,
  named: ReadonlySet<string>,
): Promise<{ readonly plans: readonly KernelPlan[]; readonly texts: ReadonlyMap<string, string> }> {
  const asked = selectPlans({ dtype, weights, everyPair: true, kernel: glob });
  const known = new Set(asked.map(({ name }) => name));
  const isEnough = [...named].every((name) => known.has(name));
  const all = isEnough && glob === '*' ? asked : allPlans();
  const plans = [...asked, ...all.filter(({ name }) => named.has(name) && !known.has(name))];
  const shown = plans.filter(({ name }) => named.has(name));
  const files = new Set(shown.map(kernelFile));
  const texts = await textsOf(
    shown,
    undefined,
    all.filter((plan) => files.has(kernelFile(plan))),
  );
  return { plans, texts: new Map(shown.map((plan) => [kernelFile(plan), texts.textOf(plan).text])) };
}

function allPlans(): KernelPlan[] {
  return selectPlans({
    dtype: ['f16', 'bf16', 'f32'],
    weights: WEIGHT_FORMAT_NAMES,
    everyPair: true,
    kernel: '*',
  });
}
