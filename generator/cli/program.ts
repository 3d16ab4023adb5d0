// Declares the commands and their options, once. What a command does is loaded when it is called, so that `--help` and short
// commands start at once.

import path from 'node:path';
import { Command } from '@commander-js/extra-typings';
import { ACTIVATION_DTYPES, BF16_STORAGES } from '../description/dtypes.js';
import { GENERAL_FORMAT_NAMES } from '../description/weights.js';
import { KERNEL_FORMS } from '../plan/flat.js';
import { LAYER_PATHS } from '../plan/layer.js';
import { addBindings, addHost } from './bindings-command.js';
import { addInit, addModel, addQuantize } from './checkpoint-commands.js';
import type { ExitCode } from './exit-codes.js';
import type { Io } from './io.js';
import { addRun, addTest } from './job-commands.js';
import { packageVersion } from './package-version.js';
import { addProbe, addReport } from './report-commands.js';
import {
  allowOption,
  alignmentOption,
  checksOption,
  DEVICES,
  dtypeOption,
  dtypes,
  expertsOption,
  matrixOption,
  MSL_VERSIONS,
  subnormalsOption,
  watchOption,
  weightOption,
} from './shared-options.js';
import type { Watched } from './watch.js';
import { collect, integer, integers, nonEmpty, oneOf } from './values.js';

export const COMMAND_NAMES: readonly string[] = [
  'generate',
  'compile',
  'model',
  'validate',
  'quantize',
  'run',
  'test',
  'bench',
  'bindings',
  'host',
  'report',
  'probe',
  'bundle',
  'list',
  'explain',
  'plan',
  'doctor',
  'init',
  'complete',
  'help',
];

const TARGETS = ['auto', 'metal', 'host', 'ptx'] as const;
const BENCH_DEVICES = ['auto', 'host', 'cuda'] as const;

export type Finish = (code: ExitCode) => void;

export function createProgram(io: Io, finish: Finish): Command {
  const program: Command = new Command('moegen')
    .description('Generates, compiles, runs and proves Mixture-of-Experts kernels in Metal Shading Language.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .showSuggestionAfterError()
    .enablePositionalOptions()
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
  addModel(program, io, finish);
  addValidate(program, io, finish);
  addQuantize(program, io, finish);
  addRun(program, io, finish);
  addTest(program, io, finish);
  addBench(program, io, finish);
  addBindings(program, io, finish);
  addHost(program, io, finish);
  addReport(program, io, finish);
  addProbe(program, io, finish);
  addBundle(program, io, finish);
  addExplain(program, io, finish);
  addPlan(program, io, finish);
  addQueries(program, io, finish);
  addInit(program, io, finish);
  return program;
}

function addGenerate(program: Command, io: Io, finish: Finish): void {
  program
    .command('generate', { isDefault: true })
    .summary('write the kernels, and compile what changed (the default command)')
    .description(
      'Renders and formats the kernels, writes what changed, and compiles it with the best tool there is.',
    )
    .allowExcessArguments(false)
    .option('--dtype <list>', "activation dtypes: f16,bf16,f32 or all; the model's own, else all", dtypes())
    .addOption(weightOption("weight formats, projection=format, or all; the model's own"))
    .option('--config <file>', 'specialise for the model of this config.json', nonEmpty('--config'))
    .option('--spec <file>', 'specialise for the block that this JSON file describes', nonEmpty('--spec'))
    .option('--kernel <glob>', 'only kernels whose name matches', nonEmpty('--kernel'), '*')
    .option('--bf16-storage <type>', 'how BF16 buffers are declared', oneOf('--bf16-storage', BF16_STORAGES))
    .option('--msl <version>', 'language version of the kernels', oneOf('--msl', MSL_VERSIONS))
    .option(
      '--form <form>',
      'bound, or flat: constants are macros, nothing is dispatched indirectly, and nothing compiled',
      oneOf('--form', KERNEL_FORMS),
      'bound',
    )
    .option(
      '--out <dir>',
      'output folder; generated, or generated/MODEL; a folder flat in it for --form flat',
      nonEmpty('--out'),
    )
    .option('--check', 'write nothing; report missing, changed and unexpected files', false)
    .option('--no-compile', 'do not compile what was written')
    .option('--validate', 'run the kernels and compare them with the references', false)
    .addOption(watchOption())
    .option('--json', 'print the result as JSON', false)
    .action(async ({ watch, ...options }) => {
      const { generate } = await import('./commands/generate.js');
      const { config, spec } = options;
      finish(await watching(watch, { files: given(config, spec) }, io, () => generate(options, io)));
    });
}

function addCompile(program: Command, io: Io, finish: Finish): void {
  program
    .command('compile')
    .argument('[files...]', 'Metal files; without any, those of the output folder')
    .summary('compile any Metal file')
    .description('Compiles Metal files, ours or not, with Apple’s compiler or with stock clang.')
    .option('--target <target>', 'auto, metal, host or ptx', oneOf('--target', TARGETS), 'auto')
    .option(
      '-o, --output <path>',
      'leave what was compiled here: a .metallib, .so or .ptx file, or a folder',
      nonEmpty('-o'),
    )
    .option('-I, --include <dir>', 'folder of included files; may be repeated', collect, [])
    .option('-D, --define <name[=value]>', 'preprocessor definition; may be repeated', collect, [])
    .option('--msl <version>', 'language version', oneOf('--msl', MSL_VERSIONS))
    .addOption(
      matrixOption('matrix products in PTX: fast (tensor cores) or ordered (the bits of the host); fast'),
    )
    .addOption(
      alignmentOption('what vectors in PTX are aligned to: vector (their size) or component; vector'),
    )
    .addOption(
      subnormalsOption("of PTX: flush subnormal floats to zero as Apple's GPUs do, or keep them; flush"),
    )
    .addOption(watchOption())
    .option('--json', 'print the result as JSON', false)
    .action(async (files, { watch, ...options }) => {
      const { compile } = await import('./commands/compile.js');
      const folders = [...files.map((file) => path.dirname(file)), ...options.include];
      finish(await watching(watch, { files, folders }, io, () => compile(files, options, io)));
    });
}

function addValidate(program: Command, io: Io, finish: Finish): void {
  program
    .command('validate')
    .argument('[glob]', 'only kernels whose name matches', nonEmpty('glob'))
    .summary('run kernels and compare them with float64 references')
    .description('Runs kernels, or whole blocks from fixtures, and compares them with float64 references.')
    .option('--device <device>', 'auto, metal, host or cuda', oneOf('--device', DEVICES), 'auto')
    .option(
      '--dtype <list>',
      'activation dtypes: f16,bf16,f32 or all; all, of a checkpoint its own',
      dtypes(),
    )
    .addOption(weightOption('weight formats, projection=format, or all'))
    .option('--bf16-storage <type>', 'how BF16 buffers are declared', oneOf('--bf16-storage', BF16_STORAGES))
    .option('--fixture <files...>', 'run whole blocks recorded in these files')
    .option(
      '--config <file>',
      'run the blocks of the model of this config.json, with parameters filled by rule',
      nonEmpty('--config'),
    )
    .option(
      '--spec <file>',
      'run the block that this JSON file describes, with parameters filled by rule',
      nonEmpty('--spec'),
    )
    .option(
      '--model <path>',
      'run the layers of this checkpoint: a folder, a .safetensors or .gguf file, or an index',
      nonEmpty('--model'),
    )
    .addOption(expertsOption())
    .option('--layer <number>', 'only this layer of the checkpoint', integer('--layer', 0))
    .option(
      '--expect <file>',
      'compare the layers of the checkpoint with the outputs in this JSON file',
      nonEmpty('--expect'),
    )
    .option('--tokens <number>', 'tokens that a block of a model gets; 16', integer('--tokens', 1))
    .option(
      '--intermediate <kind>',
      'between gate_up and down, in fixtures: stored (in the activation dtype) or float',
      oneOf('--intermediate', ['stored', 'float']),
      'stored',
    )
    .addOption(matrixOption('of --device cuda: fast (tensor cores) or ordered (the bits of the host); fast'))
    .addOption(
      alignmentOption(
        'of --device cuda, what vectors are aligned to: vector (their size) or component; vector',
      ),
    )
    .addOption(checksOption('none, all, or some of the checks'))
    .addOption(allowOption())
    .option('--seed <number>', 'seed of the inputs and of the scheduling', integer('--seed', 0))
    .addOption(subnormalsOption("flush subnormal floats to zero as Apple's GPUs do, or keep them; flush"))
    .addOption(watchOption())
    .option('--json', 'print the result as JSON', false)
    .action(async (glob, { watch, ...options }) => {
      const { validate } = await import('./commands/validate.js');
      const { dtype = [...ACTIVATION_DTYPES], allow, config, spec, expect, fixture = [] } = options;
      const checks = options.checks.filter((check) => !allow.includes(check));
      const own = { ...options, dtype, isDtypeGiven: options.dtype !== undefined, checks };
      const files = [...given(config, spec, expect), ...fixture];
      finish(await watching(watch, { files }, io, () => validate(glob, own, io)));
    });
}

function addBench(program: Command, io: Io, finish: Finish): void {
  program
    .command('bench')
    .argument('[glob]', 'show only kernels whose name matches', nonEmpty('glob'))
    .summary('count what the kernels of a layer move, or measure how long they take')
    .description(
      "Runs the first MoE block of a model with random weights: bytes, operations and barriers beside the least there can be, or on a GPU times beside the GPU's own read bandwidth.",
    )
    .option('--config <file>', 'the model of this config.json', nonEmpty('--config'))
    .option('--spec <file>', 'the block that this JSON file describes', nonEmpty('--spec'))
    .option('--tokens <list>', 'numbers of tokens; 1,2,4,8, on a GPU 1,4,16,64,512', integers('--tokens', 1))
    .option('--dtype <dtype>', 'f16, bf16 or f32', oneOf('--dtype', ACTIVATION_DTYPES), 'bf16')
    .addOption(weightOption("weight formats, projection=format, or all; the activations' own"))
    .option('--bf16-storage <type>', 'how BF16 buffers are declared', oneOf('--bf16-storage', BF16_STORAGES))
    .option(
      '--path <path>',
      'decode, skinny or batched; the one that so many tokens take',
      oneOf('--path', LAYER_PATHS),
    )
    .option(
      '--device <device>',
      'host (counts; auto is the same) or cuda (measures)',
      oneOf('--device', BENCH_DEVICES),
      'auto',
    )
    .option('--vs <job>', "run someone else's kernel too: a job as for `moegen run`")
    .option('--stage <name>', 'the stage that --vs stands beside')
    .option('--seed <number>', 'seed of tokens and weights', integer('--seed', 0), 1)
    .option('--json', 'print the result as JSON', false)
    .action(async (glob, options) => {
      const { bench } = await import('./commands/bench.js');
      finish(await bench(glob, options, io));
    });
}

function addBundle(program: Command, io: Io, finish: Finish): void {
  program
    .command('bundle')
    .argument('<command...>', 'what to run there: validate GLOB ..., run JOB ..., bench ...')
    .summary('pack a command for a machine that has a GPU and nothing else')
    .description(
      'Packs validate, run or bench with all it needs, Node and compiled kernels too, for a Linux machine with an NVIDIA GPU: unpack it there and call ./run.',
    )
    .requiredOption('-o, --output <path>', 'a folder, or an archive: .tar.xz or .tar.gz', nonEmpty('-o'))
    .option('--json', 'print the result as JSON', false)
    .passThroughOptions()
    .action(async (command, options) => {
      const { bundle } = await import('./commands/bundle.js');
      finish(await bundle(command, options, io));
    });
}

function addQueries(program: Command, io: Io, finish: Finish): void {
  program
    .command('list')
    .argument('[glob]', 'only kernels, or formats, whose name matches', nonEmpty('glob'))
    .description('Lists the kernels there are, or the weight formats.')
    .option('--formats', 'list the weight formats, with their planes', false)
    .addOption(dtypeOption())
    .addOption(weightOption('weight formats, or all').default([...GENERAL_FORMAT_NAMES]))
    .option('--json', 'print the result as JSON', false)
    .action(async (glob, options) => {
      if (options.formats) {
        const { listFormats } = await import('./commands/formats.js');
        finish(listFormats(glob ?? '*', options, io));
      } else {
        const { list } = await import('./commands/list.js');
        finish(list(glob ?? '*', options, io));
      }
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
    .option('--config <file>', 'explain the layers of the model of this config.json', nonEmpty('--config'))
    .option('--spec <file>', 'explain the block that this JSON file describes', nonEmpty('--spec'))
    .option('--dtype <dtype>', 'of a model: f16, bf16 or f32; its own', oneOf('--dtype', ACTIVATION_DTYPES))
    .addOption(weightOption("of a model: weight format, or projection=format; its own, or the activations'"))
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

function addPlan(program: Command, io: Io, finish: Finish): void {
  program
    .command('plan')
    .summary('show every dispatch of a layer for a number of tokens, with numbers only')
    .description(
      'Shows buffers, bytes, offsets, grids and constants of the layers of a model for one number of tokens.',
    )
    .option('--config <file>', 'the model of this config.json', nonEmpty('--config'))
    .option('--spec <file>', 'the block that this JSON file describes', nonEmpty('--spec'))
    .requiredOption('--tokens <number>', 'tokens of one call', integer('--tokens', 1))
    .option('--dtype <dtype>', 'f16, bf16 or f32', oneOf('--dtype', ACTIVATION_DTYPES), 'bf16')
    .addOption(weightOption("weight format, projection=format; the activations' own"))
    .option(
      '--intermediate <kind>',
      'between gate_up and down: stored (in the activation dtype) or float',
      oneOf('--intermediate', ['stored', 'float']),
      'stored',
    )
    .option('--json', 'print the result as JSON', false)
    .action(async (options) => {
      const { plan } = await import('./commands/plan.js');
      finish(plan(options, io));
    });
}

function given(...files: readonly (string | undefined)[]): string[] {
  return files.filter((file) => file !== undefined);
}

/** Once, or again and again. */
async function watching(
  isWatching: boolean,
  watched: Watched,
  io: Io,
  run: () => Promise<ExitCode>,
): Promise<ExitCode> {
  if (!isWatching) return run();
  const { runWatching } = await import('./watch.js');
  return runWatching(watched, io, run);
}
