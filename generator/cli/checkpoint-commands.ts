// Declares the commands that read checkpoints, and the one that prepares a project.

import type { Command } from '@commander-js/extra-typings';
import { BF16_STORAGES } from '../description/dtypes.js';
import type { ExitCode } from './exit-codes.js';
import type { Io } from './io.js';
import { dtypes, expertsOption, MSL_VERSIONS, weightOption } from './shared-options.js';
import { nonEmpty, oneOf } from './values.js';

type Finish = (code: ExitCode) => void;

export function addModel(program: Command, io: Io, finish: Finish): void {
  program
    .command('model')
    .argument('[checkpoint]', 'a folder, a .safetensors or .gguf file, or an index; only headers are read')
    .summary('write the kernels of a checkpoint, and how their buffers are made from it')
    .description(
      'Finds the model, and the weight format of each projection of each layer; writes the kernels, and in the manifest for each of their buffers the recipe from the tensors of the file.',
    )
    .option(
      '--config <file>',
      'a config.json alone, with the names under which its model is published',
      nonEmpty('--config'),
    )
    .addOption(expertsOption())
    .option('--dtype <list>', 'activation dtypes: f16,bf16,f32 or all; what the configuration says', dtypes())
    .option('--bf16-storage <type>', 'how BF16 buffers are declared', oneOf('--bf16-storage', BF16_STORAGES))
    .option('--msl <version>', 'language version of the kernels', oneOf('--msl', MSL_VERSIONS))
    .option('--out <dir>', 'output folder; generated/MODEL', nonEmpty('--out'))
    .option('--check', 'write nothing; report missing, changed and unexpected files', false)
    .option('--no-compile', 'do not compile what was written')
    .option('--json', 'print the result as JSON', false)
    .action(async (checkpoint, options) => {
      const { model } = await import('./commands/model.js');
      finish(await model(checkpoint, options, io));
    });
}

export function addQuantize(program: Command, io: Io, finish: Finish): void {
  program
    .command('quantize')
    .argument('<checkpoint>', 'a folder, a .safetensors or .gguf file, or an index')
    .summary('write a checkpoint with its experts in another format')
    .description(
      'Writes the experts of a checkpoint, and its shared experts, in a format of MLX, of servers (FP8, NVFP4, integers) or of GGUF, one matrix at a time; all else is copied, but between safetensors and GGUF.',
    )
    .requiredOption('-o, --output <dir>', 'a new folder', nonEmpty('--output'))
    .addOption(
      weightOption(
        'the format, such as affine4_g64_bf16, and router=FORMAT for routers',
      ).makeOptionMandatory(),
    )
    .option('--json', 'print the result as JSON', false)
    .action(async (checkpoint, options) => {
      const { quantize } = await import('./commands/quantize.js');
      finish(await quantize(checkpoint, options, io));
    });
}

export function addInit(program: Command, io: Io, finish: Finish): void {
  program
    .command('init')
    .summary('prepare a project: scripts in package.json, .gitattributes, a CI job')
    .description(
      'Adds scripts that generate and check the kernels, a line for git, and a workflow for GitHub. What says something else is kept, and named.',
    )
    .option('--config <file>', 'generate for the model of this config.json', nonEmpty('--config'))
    .option('--spec <file>', 'generate for the block that this JSON file describes', nonEmpty('--spec'))
    .option('--dtype <list>', 'activation dtypes: f16,bf16,f32 or all', dtypes())
    .option('--out <dir>', 'output folder; generated, or generated/MODEL', nonEmpty('--out'))
    .option('--force', 'replace what says something else', false)
    .option('--json', 'print the result as JSON', false)
    .action(async (options) => {
      const { init } = await import('./commands/init.js');
      finish(init(options, io));
    });
}
