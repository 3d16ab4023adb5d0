// `moegen validate --model`: the layers of a checkpoint on a device, compared with double precision, or with a file of inputs and outputs.

import path from 'node:path';
import type { BoundLayer } from '../../checkpoint/bind.js';
import { configuredDtype } from '../../checkpoint/formats/quantization.js';
import { openModel, type CheckpointModel } from '../../checkpoint/model.js';
import { MoegenError } from '../../errors.js';
import { type ActivationDtype } from '../../description/dtypes.js';
import { readExpected, type ExpectedLayer } from '../../validate/checkpoint/expected.js';
import type { LayerVerdict } from '../../validate/checkpoint/layer.js';
import { validateCheckpoint } from '../../validate/checkpoint/validate.js';
import { describeMismatch } from '../../validate/threadgroup-memory.js';
import { openDevice } from '../devices.js';
import type { ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { selectPlans } from '../select.js';
import { textsOf } from '../texts.js';
import { endOf, runEach } from './block-runs.js';
import type { ValidateOptions } from './validate.js';

export async function runCheckpoint(location: string, options: ValidateOptions, io: Io): Promise<ExitCode> {
  const { layer, expect } = options;
  const expected = expect === undefined ? null : await readExpected(path.resolve(io.cwd, expect));
  const isWanted = (index: number) =>
    (layer ?? index) === index && (expected === null || expected.some((each) => each.layer === index));
  const model = await openModel(path.resolve(io.cwd, location), isWanted, options.experts);
  try {
    checkLayers(model, expected, options);
    return await runLayers(model, expected, options, io);
  } finally {
    await model.checkpoint.close();
  }
}

/** Layers that someone asked for and that have no experts, or no expected outputs. */
function checkLayers(
  { blocks, layers }: CheckpointModel,
  expected: readonly ExpectedLayer[] | null,
  { layer: wanted }: ValidateOptions,
): void {
  const known = blocks.blocks.flatMap((each) => each.layers).sort((a, b) => a - b);
  const strange = [wanted, ...(expected ?? []).map(({ layer }) => layer)].find(
    (index) => index !== undefined && !known.includes(index),
  );
  if (strange !== undefined) {
    throw new MoegenError('cli/no-such-layer', `expected a layer with experts, got ${strange}`, {
      where: strange === wanted ? '--layer' : '--expect',
      help: `layers with experts are ${known.join(', ')}`,
    });
  }
  if (layers.length > 0) return;
  throw new MoegenError(
    'cli/no-such-layer',
    `the file of expected outputs has none for layer ${wanted ?? ''}`,
    {
      where: '--layer',
      help: `it has layers ${(expected ?? []).map(({ layer }) => layer).join(', ')}`,
    },
  );
}

async function runLayers(
  model: CheckpointModel,
  expected: readonly ExpectedLayer[] | null,
  options: ValidateOptions,
  io: Io,
): Promise<ExitCode> {
  const { layers } = model;
  const device = await openDevice(options.device, io, options);
  const dtypes = options.isDtypeGiven ? options.dtype : [configuredDtype(model.config) ?? 'bf16'];
  const runs = dtypes.map((activation) => ({ activation, weight: activation }));
  const subject = { model: model.where, layers, numTokens: options.tokens, expected };
  const outcomes = await runEach<LayerVerdict>(device, runs, layers.length, options, io, (settings) =>
    validateCheckpoint(device, layerTexts(options), subject, settings),
  );
  if (options.json) {
    const refused = outcomes.refusals.map(({ code, message, where }) => ({ code, message, where }));
    printJson(io, { device: device.name, layers: outcomes.verdicts, refused });
  } else {
    for (const verdict of outcomes.verdicts) io.out(describeLayer(verdict));
  }
  return endOf(outcomes, io);
}

/** The set that `moegen model` writes, for one layer. */
function layerTexts({ bf16Storage }: ValidateOptions) {
  return ({ block, formats }: BoundLayer, activation: ActivationDtype) => {
    const mix = Object.entries(formats).map(([projection, format]) => `${projection}=${format}`);
    const selection = { dtype: [activation], weights: [activation, ...mix], kernel: '*', bf16Storage, block };
    return textsOf(selectPlans(selection), bf16Storage);
  };
}

function describeLayer({
  layer,
  dtype,
  ok,
  rel_error,
  limit,
  tokens,
  seconds,
  formats,
  memory,
}: LayerVerdict): string {
  const errors = `error ${rel_error.toExponential(2)} of ${limit.toExponential(2)} allowed`;
  const held = Object.entries(formats).map(([projection, format]) => `${projection} ${format}`);
  const sizes = memory.map((mismatch) => `    ${describeMismatch(mismatch)}\n`);
  const mark = ok ? 'ok    ' : 'FAILED';
  return `${mark} layer ${layer} ${dtype}: ${errors}, ${tokens} tokens, ${held.join(', ')}, ${seconds.toFixed(2)} s\n${sizes.join('')}`;
}
