// `moegen plan`: every dispatch of a model's layers for a number of tokens, with numbers only.

import { MoegenError } from '../../errors.js';
import { evaluateModel, type EvaluatedModel } from '../../plan/evaluate.js';
import type { ActivationDtype } from '../../description/dtypes.js';
import { kernelFile } from '../../manifest/build.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { planModelSet, readModel, type ModelFiles } from '../model.js';
import { grouped, table } from '../table.js';

export interface PlanOptions extends ModelFiles {
  readonly dtype: ActivationDtype;
  /** One format for the experts, and `projection=format`; without it, the format of the activations. */
  readonly weights?: readonly string[] | undefined;
  readonly intermediate: 'stored' | 'float';
  readonly tokens: number;
  readonly json: boolean;
}

export function plan(options: PlanOptions, io: Io): ExitCode {
  const model = readModel(options, io);
  if (model === undefined) {
    throw new MoegenError('cli/nothing-to-plan', 'expected a model, got none', {
      where: 'moegen plan',
      help: 'use --config config.json or --spec block.json',
    });
  }
  const { dtype, tokens, weights = [dtype] } = options;
  const formats = weights.filter((entry) => !entry.includes('='));
  const [weight = dtype, second] = formats;
  if (second !== undefined) {
    throw new MoegenError('cli/two-formats', `expected one weight format, got ${formats.join(', ')}`, {
      where: '--weights',
      help: 'plan one after the other; a projection by itself is --weights FORMAT,PROJECTION=FORMAT',
    });
  }
  const set = planModelSet(model, {
    dtype: [dtype],
    weights: formats.length === 0 ? [weight, ...weights] : weights,
    kernel: '*',
  });
  const evaluated = evaluateModel(set, {
    activation: dtype,
    weight,
    intermediate: options.intermediate === 'float' ? 'f32' : dtype,
    numTokens: tokens,
  });
  const files = new Map(set.plans.map((kernel) => [kernel.name, kernelFile(kernel)]));
  if (options.json) printJson(io, { schemaVersion: 1, ...withFiles(evaluated, files) });
  else io.out(describe(evaluated));
  return EXIT.done;
}

/** Files lie below the folder of the model's set. */
function withFiles(model: EvaluatedModel, files: ReadonlyMap<string, string>): object {
  return {
    ...model,
    groups: model.groups.map((group) => ({
      ...group,
      dispatches: group.dispatches.map((dispatch) => ({ ...dispatch, file: files.get(dispatch.kernel) })),
    })),
  };
}

function describe({ modelType, activation, weight, numTokens, groups }: EvaluatedModel): string {
  return [
    `${modelType}: ${grouped(numTokens)} tokens, activations ${activation}, weights ${weight}`,
    ...groups.flatMap(({ layers, path, tile, buffers, scratchBytes, dispatches }) => [
      '',
      `layers ${layers.join(', ')}: ${path} path${tile === 'none' ? '' : `, ${tile} tiles`}, ${grouped(scratchBytes)} bytes of scratch`,
      table(
        ['buffer', 'use', 'bytes', 'offset'],
        buffers.map(({ name, use, bytes, offset }) => [
          name,
          use,
          grouped(bytes),
          offset === undefined ? '' : grouped(offset),
        ]),
        ['bytes', 'offset'],
      ),
      table(
        ['kernel', 'barrier', 'threadgroups', 'threads', 'constants'],
        dispatches.map(({ kernel, barrier, threadgroups, indirect, threadsPerThreadgroup, constants }) => [
          kernel,
          barrier ? 'before' : '',
          `${indirect === undefined ? '' : 'at most '}${threadgroups.join(' x ')}`,
          threadsPerThreadgroup.join(' x '),
          constants.map(({ name, value }) => `${name} ${String(value)}`).join(', '),
        ]),
      ),
    ]),
    '',
  ].join('\n');
}
