// Declares the commands that run kernels of any Metal file: `run` and `test`.

import type { Command } from '@commander-js/extra-typings';
import { MoegenError } from '../errors.js';
import type { ExitCode } from './exit-codes.js';
import type { Io } from './io.js';
import {
  alignmentOption,
  allowOption,
  DEVICES,
  matrixOption,
  MSL_VERSIONS,
  subnormalsOption,
} from './shared-options.js';
import { collect, integer, nonEmpty, oneOf } from './values.js';

type Finish = (code: ExitCode) => void;

export function addRun(program: Command, io: Io, finish: Finish): void {
  program
    .command('run')
    .argument('<file>', 'a job in JSON; with --init, a Metal file')
    .argument('[kernel]', 'with --init, the kernel; the only one of the file')
    .summary('run kernels of any Metal file')
    .description(
      'Runs kernels of any Metal file as a JSON job says, and prints counters and reports as JSON. With --init, writes such a job from the signature of a kernel.',
    )
    .option('--device <device>', 'auto, metal, host or cuda', oneOf('--device', DEVICES), 'auto')
    .addOption(subnormalsOption('flush or keep; goes before what the job says'))
    .addOption(allowOption())
    .addOption(matrixOption('of --device cuda: fast (tensor cores) or ordered (the bits of the host); fast'))
    .addOption(
      alignmentOption(
        'of --device cuda, what vectors are aligned to: vector (their size) or component; component',
      ),
    )
    .option('--init', 'write a job for KERNEL of the Metal file', false)
    .option('-o, --out <file>', 'of --init: the job, a new file; it is printed', nonEmpty('--out'))
    .option('-I, --include <dir>', 'of --init: folder of included files; may be repeated', collect, [])
    .option('-D, --define <name[=value]>', 'of --init: preprocessor definition; may be repeated', collect, [])
    .option('--msl <version>', 'of --init: language version', oneOf('--msl', MSL_VERSIONS))
    .option('--json', 'the answer is JSON in any case', false)
    .action(async (file, kernel, options) => {
      if (options.init) {
        const { init } = await import('./commands/run-init.js');
        finish(await init(file, kernel, options, io));
        return;
      }
      refuseInitOptions(kernel, options);
      const { run } = await import('./commands/run.js');
      finish(await run(file, options, io));
    });
}

interface InitOnly {
  readonly out?: string;
  readonly include: readonly string[];
  readonly define: readonly string[];
  readonly msl?: string;
}

function refuseInitOptions(kernel: string | undefined, { out, include, define, msl }: InitOnly): void {
  const given = [
    ...(kernel === undefined ? [] : [kernel]),
    ...(out === undefined ? [] : ['--out']),
    ...(include.length === 0 ? [] : ['--include']),
    ...(define.length === 0 ? [] : ['--define']),
    ...(msl === undefined ? [] : ['--msl']),
  ];
  if (given.length === 0) return;
  throw new MoegenError('cli/not-for-init', `expected --init beside ${given.join(', ')}`, {
    where: 'moegen run',
    help: 'the job itself says which kernel runs, and how its file is compiled',
  });
}

export function addTest(program: Command, io: Io, finish: Finish): void {
  program
    .command('test')
    .argument('[files...]', 'tests in JSON, or folders of *.metal.json; the current folder')
    .summary('test kernels of any Metal file against what they should give')
    .description(
      'Runs the jobs in *.metal.json files with all checks, and compares their outputs with values, files or a reference in Python or JavaScript.',
    )
    .option(
      '--filter <text>',
      'only tests whose name has this text, or matches this glob',
      nonEmpty('--filter'),
    )
    .option('--device <device>', 'auto, metal, host or cuda', oneOf('--device', DEVICES), 'host')
    .option(
      '--jobs <number>',
      'tests that run at the same time; as many as there are cores',
      integer('--jobs', 1),
    )
    .addOption(allowOption())
    .option('--junit <file>', 'write the results as JUnit XML too', nonEmpty('--junit'))
    .option('--json', 'print the results as JSON', false)
    .action(async (files, options) => {
      const { test } = await import('./commands/test.js');
      finish(await test(files, options, io));
    });
}
