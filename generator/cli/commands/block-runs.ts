// What validation of recorded blocks, of models and of checkpoints has in common: runs with one progress, what is refused on the way,
// and the exit code.

import type { ActivationDtype } from '../../description/dtypes.js';
import type { MoegenError } from '../../errors.js';
import type { Device } from '../../native/types.js';
import type { FixtureOptions } from '../../validate/fixtures.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Io } from '../io.js';
import { startProgress } from '../progress.js';
import { reportError } from '../report.js';
import { DEFAULT_SEED, type ValidateOptions } from './validate.js';

/** An activation dtype, and the format of weights of which nothing else is said. */
export interface BlockRun {
  readonly activation: ActivationDtype;
  readonly weight: string;
}

export type RunSettings<Verdict> = Omit<FixtureOptions, 'paths' | 'mix'> & {
  readonly onVerdict: (verdict: Verdict) => void;
  readonly onRefusal: (refusal: MoegenError) => void;
};

export interface BlockOutcomes<Verdict> {
  readonly verdicts: readonly Verdict[];
  readonly refusals: readonly MoegenError[];
}

/** `count`: blocks of one run. */
export async function runEach<Verdict>(
  { name }: Device,
  runs: readonly BlockRun[],
  count: number,
  options: ValidateOptions,
  io: Io,
  judge: (settings: RunSettings<Verdict>) => Promise<readonly Verdict[]>,
): Promise<BlockOutcomes<Verdict>> {
  const progress = await startProgress(io, `validating on ${name}`, count * runs.length);
  const verdicts: Verdict[] = [];
  const refusals: MoegenError[] = [];
  try {
    for (const { activation, weight } of runs) {
      const found = await judge({
        activation,
        weight,
        intermediate: options.intermediate === 'float' ? 'f32' : activation,
        checks: options.checks,
        seed: options.seed ?? DEFAULT_SEED,
        subnormals: options.subnormals,
        onVerdict: progress.step,
        onRefusal: (refusal) => {
          progress.step();
          refusals.push(refusal);
        },
      });
      verdicts.push(...found);
    }
  } finally {
    progress.stop();
  }
  return { verdicts, refusals };
}

/** 0 says that all was run and is right; what was refused was not run. */
export function endOf({ verdicts, refusals }: BlockOutcomes<{ readonly ok: boolean }>, io: Io): ExitCode {
  for (const refusal of refusals) reportError(refusal, io);
  if (verdicts.some(({ ok }) => !ok)) return EXIT.answerIsNo;
  return refusals.length === 0 ? EXIT.done : EXIT.usage;
}
