// Declares the commands that write code in other languages, and that run what is made with it.

import type { Command } from '@commander-js/extra-typings';
import { BINDING_LANGUAGES } from '../bindings/languages.js';
import type { ExitCode } from './exit-codes.js';
import type { Io } from './io.js';
import { listOf, nonEmpty } from './values.js';

export function addBindings(program: Command, io: Io, finish: (code: ExitCode) => void): void {
  program
    .command('bindings')
    .summary('write code in other languages that runs the layers of a set')
    .description(
      'Writes from the manifest of a set the code that a host needs to run its layers: pipelines, arguments, grids, barriers, scratch memory and the choice of the path. Each language has a folder of its own.',
    )
    .option(
      '--language <list>',
      `${BINDING_LANGUAGES.join(',')} or all; all`,
      listOf('--language', BINDING_LANGUAGES),
    )
    .option('--manifest <file>', 'manifest of the set', nonEmpty('--manifest'), 'generated/manifest.json')
    .option('-o, --output <dir>', 'output folder', nonEmpty('--output'), 'bindings')
    .option('--check', 'write nothing; report missing and changed files', false)
    .option('--json', 'print the result as JSON', false)
    .action(async ({ language = [...BINDING_LANGUAGES], ...options }) => {
      const { bindings } = await import('./commands/bindings.js');
      finish(await bindings({ language, ...options }, io));
    });
}

export function addHost(program: Command, io: Io, finish: (code: ExitCode) => void): void {
  program
    .command('host')
    .argument('[command...]', 'a program that uses the C++ bindings, and what it is given')
    .summary('run a host program without a Mac')
    .description(
      'Runs a program that uses the C++ bindings and was compiled with the headers of this package in the place of metal-cpp: what it encodes runs on the engine, and its buffers hold the results.',
    )
    .option('--include', 'print the folder of those headers, for the compiler', false)
    .option(
      '--reverse',
      'run dispatches between two barriers in the opposite order: where a barrier lacks, results are wrong',
      false,
    )
    .option('--json', 'print the result as JSON, with what the program printed', false)
    .passThroughOptions()
    .action(async (command, options) => {
      const { host } = await import('./commands/host.js');
      finish(await host(command, options, io));
    });
}
