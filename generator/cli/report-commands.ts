// Declares the commands that put results before people.

import type { Command } from '@commander-js/extra-typings';
import { BF16_STORAGES } from '../description/dtypes.js';
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

export function addProbe(program: Command, io: Io, finish: Finish): void {
  program
    .command('probe')
    .argument('[glob]', 'only kernels whose name matches', nonEmpty('glob'))
    .summary('write a file that tries the kernels on a Mac')
    .description(
      'Writes one Swift file that a Mac runs with nothing installed: it compiles the kernels at every language version, runs them, compares with the references, and asks the GPU what is not known of it. What it writes, report reads.',
    )
    .requiredOption('-o, --output <file>', 'the script, a .swift file', nonEmpty('-o'))
    .addOption(dtypeOption())
    .addOption(weightOption('weight formats, or all'))
    .option('--bf16-storage <type>', 'how BF16 buffers are declared', oneOf('--bf16-storage', BF16_STORAGES))
    .option('--seed <number>', 'seed of the inputs', integer('--seed', 0), 1)
    .option('--json', 'print what was written as JSON', false)
    .action(async (glob, options) => {
      const { probe } = await import('./commands/probe.js');
      finish(await probe(glob, options, io));
    });
}
