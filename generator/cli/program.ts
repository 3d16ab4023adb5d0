// Declares the commands and their options, once. What a command does is loaded when it is called, so that `--help` and short
// commands start at once.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from '@commander-js/extra-typings';
import type { MslVersion } from '../compile/types.js';
import { CHECKS, type Check } from '../native/types.js';
import { ACTIVATION_DTYPES, BF16_STORAGES } from '../spec/dtypes.js';
import { WEIGHT_FORMAT_NAMES } from '../spec/weights.js';
import type { ExitCode } from './exit-codes.js';
import { PACKAGE_DIR, type Io } from './io.js';
import { integer, integers, listOf, oneOf } from './values.js';

export const COMMAND_NAMES: readonly string[] = [
  'generate',
  'compile',
  'validate',
  'run',
  'list',
  'explain',
  'doctor',
  'help',
];

const MSL_VERSIONS: readonly MslVersion[] = ['3.0', '3.1', '3.2', '4.0'];
const TARGETS = ['auto', 'metal', 'host', 'ptx'] as const;
const DEVICES = ['auto', 'metal', 'host', 'cuda'] as const;

export type Finish = (code: ExitCode) => void;

export function createProgram(io: Io, finish: Finish): Command {
  const program: Command = new Command('moegen')
    .description('Generates, compiles, runs and proves Mixture-of-Experts kernels in Metal Shading Language.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err, outputError: () => undefined })
    .addHelpText(
      'after',
      `
Examples:
  moegen --dtype bf16              write the BF16 kernels to generated/ and compile them
  moegen --check                   compare generated/ with what would be written
  moegen explain moe_combine_bf16  show one kernel's buffers, grid and constants
  moegen explain --config FILE     show how the MoE layers of a model run

Exit codes: 0 done; 1 the answer is no; 2 usage, spec or I/O; 70 a bug in moegen.`,
    );
  addGenerate(program, io, finish);
  addCompile(program, io, finish);
  addValidate(program, io, finish);
  addRun(program, io, finish);
  addExplain(program, io, finish);
  addQueries(program, io, finish);
  return program;
}

function packageVersion(): string {
  const text = readFileSync(path.join(PACKAGE_DIR, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function addGenerate(program: Command, io: Io, finish: Finish): void {
  program
    .command('generate', { isDefault: true })
    .summary('write the kernels, and compile what changed (the default command)')
    .description(
      'Renders and formats the kernels, writes what changed, and compiles it with the best tool there is.',
    )
    .allowExcessArguments(false)
    .option('--dtype <list>', 'activation dtypes: f16,bf16,f32 or all', dtypes(), [...ACTIVATION_DTYPES])
    .option('--weights <list>', 'weight formats, or all', weights())
    .option('--config <file>', 'specialise for the model of this config.json')
    .option('--spec <file>', 'specialise for the block that this JSON file describes')
    .option('--kernel <glob>', 'only kernels whose name matches', '*')
    .option('--bf16-storage <type>', 'how BF16 buffers are declared', oneOf('--bf16-storage', BF16_STORAGES))
    .option('--msl <version>', 'language version of the kernels', oneOf('--msl', MSL_VERSIONS))
    .option('--out <dir>', 'output folder; generated, or generated/MODEL')
    .option('--check', 'write nothing; report missing, changed and unexpected files', false)
    .option('--no-compile', 'do not compile what was written')
    .option('--validate', 'run the kernels and compare them with the references', false)
    .option('--json', 'print the result as JSON', false)
    .action(async (options) => {
      const { generate } = await import('./commands/generate.js');
      finish(await generate(options, io));
    });
}

function addCompile(program: Command, io: Io, finish: Finish): void {
  program
    .command('compile')
    .argument('[files...]', 'Metal files; without any, those of the output folder')
    .summary('compile any Metal file')
    .description('Compiles Metal files, ours or not, with Apple’s compiler or with stock clang.')
    .option('--target <target>', 'auto, metal, host or ptx', oneOf('--target', TARGETS), 'auto')
    .option('-I, --include <dir>', 'folder of included files; may be repeated', collect, [])
    .option('-D, --define <name[=value]>', 'preprocessor definition; may be repeated', collect, [])
    .option('--msl <version>', 'language version', oneOf('--msl', MSL_VERSIONS))
    .option('--json', 'print the result as JSON', false)
    .action(async (files, options) => {
      const { compile } = await import('./commands/compile.js');
      finish(await compile(files, options, io));
    });
}

function addValidate(program: Command, io: Io, finish: Finish): void {
  program
    .command('validate')
    .argument('[glob]', 'only kernels whose name matches')
    .summary('run kernels and compare them with float64 references')
    .description('Runs kernels, or whole blocks from fixtures, and compares them with float64 references.')
    .option('--device <device>', 'auto, metal, host or cuda', oneOf('--device', DEVICES), 'auto')
    .option('--dtype <list>', 'activation dtypes: f16,bf16,f32 or all', dtypes(), [...ACTIVATION_DTYPES])
    .option('--weights <list>', 'weight formats, or all', weights())
    .option('--bf16-storage <type>', 'how BF16 buffers are declared', oneOf('--bf16-storage', BF16_STORAGES))
    .option('--fixture <files...>', 'run whole blocks recorded in these files')
    .option(
      '--config <file>',
      'run the blocks of the model of this config.json, with parameters filled by rule',
    )
    .option('--spec <file>', 'run the block that this JSON file describes, with parameters filled by rule')
    .option('--tokens <number>', 'tokens that a block of a model gets; 16', integer('--tokens', 1))
    .option(
      '--intermediate <kind>',
      'between gate_up and down, in fixtures: stored (in the activation dtype) or float',
      oneOf('--intermediate', ['stored', 'float']),
      'stored',
    )
    .option('--checks <list>', 'none, all, or some of the checks', checks, [])
    .option('--seed <number>', 'seed of the inputs and of the scheduling', integer('--seed', 0))
    .option('--json', 'print the result as JSON', false)
    .action(async (glob, options) => {
      const { validate } = await import('./commands/validate.js');
      finish(await validate(glob, options, io));
    });
}

function addRun(program: Command, io: Io, finish: Finish): void {
  program
    .command('run')
    .argument('<job>', 'a JSON file that names source, kernel, buffers and grid')
    .summary('run one kernel of any Metal file')
    .description(
      'Runs one kernel of any Metal file as a JSON job says, and prints counters and reports as JSON.',
    )
    .option('--device <device>', 'auto, metal, host or cuda', oneOf('--device', DEVICES), 'auto')
    .action(async (job, options) => {
      const { run } = await import('./commands/run.js');
      finish(await run(job, options, io));
    });
}

function addQueries(program: Command, io: Io, finish: Finish): void {
  program
    .command('list')
    .argument('[glob]', 'only kernels whose name matches')
    .description('Lists the kernels there are.')
    .option('--dtype <list>', 'activation dtypes: f16,bf16,f32 or all', dtypes(), [...ACTIVATION_DTYPES])
    .option('--weights <list>', 'weight formats, or all', weights(), [...WEIGHT_FORMAT_NAMES])
    .option('--json', 'print the result as JSON', false)
    .action(async (glob, options) => {
      const { list } = await import('./commands/list.js');
      finish(list(glob ?? '*', options, io));
    });
  program
    .command('doctor')
    .description('Shows what is installed, and how to get what is missing.')
    .option('--json', 'print the result as JSON', false)
    .action(async (options) => {
      const { doctor } = await import('./commands/doctor.js');
      finish(await doctor(options, io));
    });
}

function addExplain(program: Command, io: Io, finish: Finish): void {
  program
    .command('explain')
    .argument('[kernel]', 'name of a kernel')
    .summary('show all that a host must know of a kernel, or of the layers of a model')
    .description(
      "Shows one kernel's buffers, constants, grid and threadgroup memory; or how the layers of a model run.",
    )
    .option('--config <file>', 'explain the layers of the model of this config.json')
    .option('--spec <file>', 'explain the block that this JSON file describes')
    .option('--dtype <dtype>', 'of a model: f16, bf16 or f32', oneOf('--dtype', ACTIVATION_DTYPES), 'bf16')
    .option(
      '--weights <format>',
      "of a model: weight format; the activations' own",
      oneOf('--weights', ACTIVATION_DTYPES),
    )
    .option(
      '--tokens <list>',
      'of a model: numbers of tokens in a batch',
      integers('--tokens', 1),
      [1, 32, 512, 4096],
    )
    .option('--json', 'print the result as JSON', false)
    .action(async (kernel, options) => {
      const { explain } = await import('./commands/explain.js');
      finish(await explain(kernel, options, io));
    });
}

function dtypes() {
  return listOf('--dtype', ACTIVATION_DTYPES);
}

function weights() {
  return listOf('--weights', WEIGHT_FORMAT_NAMES);
}

function checks(given: string): Check[] {
  return given === 'none' ? [] : listOf('--checks', CHECKS)(given);
}

function collect(given: string, before: readonly string[]): string[] {
  return [...before, given];
}
