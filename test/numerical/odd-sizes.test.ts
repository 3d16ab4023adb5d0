// Blocks whose rows end where no buffer may begin, in half and bfloat, for a few tokens.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { blockLayers, parseConfig, type LayerBlocks } from '../../generator/description/models/index.js';
import { readBlockSpec } from '../../generator/description/read-spec.js';
import { LAYER_PATHS } from '../../generator/plan/layer.js';
import { validateModel } from '../../generator/validate/validate.js';
import { openBlockTexts, hostDevice } from '../support/host-kernels.js';

const device = hostDevice();

function read(name: string): LayerBlocks {
  const text = readFileSync(path.resolve(import.meta.dirname, '../fixtures/specs', `${name}.json`), 'utf8');
  if (name.endsWith('config')) return blockLayers(parseConfig(text, name), name);
  return { numLayers: 1, blocks: [{ block: readBlockSpec(text, name), layers: [0] }], denseLayers: [] };
}

it.each([
  ['s8_hidden33', 'f16'],
  ['s8_hidden33', 'bf16'],
  ['qwen_odd_hidden_config', 'f16'],
  ['qwen_odd_hidden_config', 'bf16'],
] as const)('%s in %s, 5 tokens', async (name, dtype) => {
  const verdicts = await validateModel(
    device,
    openBlockTexts,
    { name, layers: read(name), numTokens: 5 },
    {
      ...{ activation: dtype, weight: dtype, intermediate: dtype },
      ...{ paths: LAYER_PATHS, checks: [], seed: 1 },
    },
  );
  expect(verdicts.map(({ ok, identical }) => ({ ok, identical }))).toEqual([{ ok: true, identical: true }]);
});
