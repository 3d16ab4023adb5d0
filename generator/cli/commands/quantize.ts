// `moegen quantize`: writes a checkpoint whose experts are in another format.

import path from 'node:path';
import { MoegenError } from '../../errors.js';
import { splitWeights } from '../../description/weights.js';
import { quantize as convert } from '../../weights/quantize.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';

export interface QuantizeOptions {
  readonly output: string;
  readonly weights: readonly string[];
  readonly json: boolean;
}

export async function quantize(location: string, options: QuantizeOptions, io: Io): Promise<ExitCode> {
  const { names, mix } = splitWeights(options.weights);
  const [format, ...further] = names;
  const stray = Object.keys(mix).find((projection) => projection !== 'router');
  if (format === undefined || further.length > 0 || stray !== undefined) {
    throw new MoegenError(
      'cli/one-format',
      `expected one format, and at most router=FORMAT, got ${options.weights.join(',')}`,
      {
        where: '--weights',
        help: 'use for example --weights affine4_g64_bf16,router=affine8_g64_bf16',
      },
    );
  }
  const result = await convert(path.resolve(io.cwd, location), path.resolve(io.cwd, options.output), {
    format,
    router: mix.router,
    onLayer: (done, all) => {
      if (io.isTerminal) io.err(`\r${done} of ${all} matrices${done === all ? '\n' : ''}`);
    },
  });
  if (options.json) printJson(io, { out: options.output, format, ...result });
  else
    io.out(
      `${options.output}: ${result.matrices} matrices of layers ${result.layers.join(', ')} in ${format}, ${result.bytes} bytes\n`,
    );
  if (result.left > 0) {
    io.err(
      `${result.left} tensors are no part of a MoE block and stay behind: the new file has no names for them\n`,
    );
  }
  return EXIT.done;
}
