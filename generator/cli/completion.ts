// `moegen complete SHELL` prints a script for the shell, which then asks `moegen complete -- WORDS` what may come next. It prints by
// itself, to standard output.

import type { Command as Completed } from '@bomb.sh/tab';
import tab from '@bomb.sh/tab/commander';
import type { Command, Option } from '@commander-js/extra-typings';
import { planKernels } from '../plan/plan.js';
import { generationOf } from './select.js';
import { ACTIVATION_DTYPES } from '../description/dtypes.js';
import { GENERAL_FORMAT_NAMES } from '../description/weights.js';

/** Arguments that are names of kernels. */
const KERNELS: readonly string[] = ['glob', 'kernel'];

const DEFAULT_COMMAND = 'generate';

export function addCompletion(program: Command): void {
  // The same class, without the types of options.
  const known = tab(program as unknown as Parameters<typeof tab>[0]);
  for (const command of program.commands) {
    const own = known.commands.get(command.name());
    if (own === undefined) continue;
    addValues(own, command.options);
    for (const [name, argument] of own.arguments) {
      if (!KERNELS.includes(name)) continue;
      argument.handler = (complete) => {
        for (const kernel of kernelNames()) complete(kernel, '');
      };
    }
  }
  // The default command needs no name.
  const options = known.commands.get(DEFAULT_COMMAND)?.options ?? [];
  for (const [name, { description, handler, alias }] of options) {
    if (handler === undefined) known.option(name, description, alias);
    else known.option(name, description, handler, alias);
  }
}

function addValues({ options }: Pick<Completed, 'options'>, declared: readonly Option[]): void {
  for (const option of declared) {
    const values = valuesOf(option);
    const own = options.get(option.long?.slice(2) ?? '');
    if (own === undefined || values.length === 0) continue;
    own.handler = (complete) => {
      for (const value of values) complete(value, '');
    };
  }
}

function valuesOf({ parseArg }: Option): readonly string[] {
  return parseArg !== undefined && 'values' in parseArg ? (parseArg.values as readonly string[]) : [];
}

/** Of the set that `moegen` writes without options. */
function kernelNames(): string[] {
  const selection = { dtype: ACTIVATION_DTYPES, weights: GENERAL_FORMAT_NAMES, kernel: '*' };
  return planKernels({ ...generationOf(selection), block: null }).map(({ name }) => name);
}
