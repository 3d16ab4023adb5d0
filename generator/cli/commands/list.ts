// `moegen list`: the kernels there are, with a sentence each.

import { describePlan } from '../../manifest/build.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { selectPlans, type Selection } from '../select.js';

export interface ListOptions extends Pick<Selection, 'dtype' | 'weights'> {
  readonly json: boolean;
}

export function list(glob: string, options: ListOptions, io: Io): ExitCode {
  const plans = selectPlans({ ...options, everyPair: true, kernel: glob });
  if (options.json) {
    printJson(io, { kernels: plans.map(describePlan) });
    return EXIT.done;
  }
  const width = Math.max(...plans.map((plan) => plan.name.length));
  for (const plan of plans) io.out(`${plan.name.padEnd(width)}  ${plan.summary}\n`);
  io.out(`\n${plans.length} kernels\n`);
  return EXIT.done;
}
