// Declares the commands that put results before people.

import type { Command } from '@commander-js/extra-typings';
import type { ExitCode } from './exit-codes.js';
import type { Io } from './io.js';
import { checksOption, DEVICES, dtypeOption, weightOption } from './shared-options.js';
import { collect, integer, nonEmpty, oneOf } from './values.js';

type Finish = (code: ExitCode) => void;

export function addReport(program: Command, io: Io, finish: Finish): void {
  program
    .command('report')
    .argument('[glob]', 'only kernels whose name matches', nonEmpty('glob'))
    .summary('write one page of all results')
    .description(
      'Writes one HTML page that needs nothing beside itself: kernels by variant, format and dtype with their errors, checks, memory and bytes over the least there can be; plots, blocks, what a Mac answered, and the sources. Without results it validates the kernels first.',
    )
    .requiredOption('-o, --output <file>', 'the page, an .html file', nonEmpty('-o'))
    .option('--validated <file>', 'what validate --json printed; may be repeated', collect, [])
    .option('--benched <file>', 'what bench --json printed; may be repeated', collect, [])
    .option('--probed <file>', 'what a probe wrote on a Mac; may be repeated', collect, [])
    .addOption(dtypeOption())
    .addOption(weightOption('weight formats, or all'))
    .option(
      '--device <device>',
      'without results: auto, metal, host or cuda',
      oneOf('--device', DEVICES),
      'auto',
    )
    .addOption(checksOption('without results: none, all, or some of the checks'))
    .option('--seed <number>', 'without results: seed of the inputs', integer('--seed', 0))
    .option('--json', 'print what was written as JSON', false)
    .action(async (glob, options) => {
      const { report } = await import('./commands/report.js');
      finish(await report(glob, options, io));
    });
}
