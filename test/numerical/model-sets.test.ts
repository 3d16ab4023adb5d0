// The set that is written for each recorded configuration, run from the files: every block of the model against the block in
// double precision.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { kernelFile } from '../../generator/manifest/build.js';
import { parseManifest, type ManifestKernel } from '../../generator/manifest/schema.js';
import { LAYER_PATHS } from '../../generator/plan/layer.js';
import { planModel } from '../../generator/plan/model.js';
import { planKernels } from '../../generator/plan/plan.js';
import { readFixture } from '../../generator/reference/fixture.js';
import { blockLayers, parseConfig, type LayerBlocks } from '../../generator/description/models/index.js';
import { validateModel, type BlockTexts } from '../../generator/validate/validate.js';
import { moegen } from '../cli/moegen.js';
import { FIXTURE_NAMES, fixturePath } from '../support/fixtures.js';
import { hostDevice } from '../support/host-kernels.js';
import { freshFolder, put } from '../support/output-folder.js';

const SPEC = { activations: ['bf16'], weights: ['bf16'], bf16Storage: 'ushort', mslVersion: '3.0' } as const;

const device = hostDevice();

/** Plans of a model as their texts lie in a folder. */
function textsIn(folder: string, layers: LayerBlocks): BlockTexts {
  const { plans } = planModel('model', layers, SPEC);
  return (block) => {
    const own = new Set(planKernels({ ...SPEC, block }).map(({ name }) => name));
    return Promise.resolve({
      plans: plans.filter(({ name }) => own.has(name)),
      textOf: (plan) => {
        const file = kernelFile(plan);
        return { path: `ushort/${file}`, text: readFileSync(path.join(folder, file), 'utf8') };
      },
    });
  };
}

describe('the set of a model', () => {
  it.each(FIXTURE_NAMES)('%s runs as it is written', async (name) => {
    const { configText } = await readFixture(fixturePath(name));
    const cwd = freshFolder();
    put(cwd, 'config.json', configText);
    const written = await moegen(
      cwd,
      ...['--config', 'config.json', '--out', 'set', '--dtype', 'bf16', '--no-compile'],
    );
    expect(written).toMatchObject({ code: 0, err: '' });

    const folder = path.join(cwd, 'set');
    const manifest = parseManifest(readFileSync(path.join(folder, 'manifest.json'), 'utf8'), name);
    const layers = blockLayers(parseConfig(configText, name), name);
    const runs = manifest.model?.groups.flatMap((group) => group.runs) ?? [];
    const kernels: readonly ManifestKernel[] = manifest.kernels;
    expect(new Set(runs.flatMap((run) => run.kernels))).toEqual(
      new Set(kernels.map((kernel) => kernel.name)),
    );

    const verdicts = await validateModel(
      device,
      textsIn(folder, layers),
      { name, layers },
      {
        ...{ activation: 'bf16', weight: 'bf16', intermediate: 'bf16', paths: LAYER_PATHS },
        ...{ checks: [], seed: 1 },
      },
    );
    expect(verdicts).toHaveLength(layers.blocks.length);
    expect(verdicts.map(({ ok, identical }) => ({ ok, identical }))).toEqual(
      layers.blocks.map(() => ({ ok: true, identical: true })),
    );
  });
});
