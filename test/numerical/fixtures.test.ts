import { describe, expect, it } from 'vitest';
import type { ActivationDtype } from '../../generator/description/dtypes.js';
import { LAYER_PATHS, layerPaths } from '../../generator/plan/layer.js';
import type { FixtureOptions } from '../../generator/validate/fixtures.js';
import { validateFixtures } from '../../generator/validate/validate.js';
import { FIXTURE_NAMES, fixtureBlock, fixturePath } from '../support/fixtures.js';
import { openBlockTexts, hostDevice } from '../support/host-kernels.js';

const FIXTURES = FIXTURE_NAMES.filter((name) => name !== 'mixtral_huge_values');
/** Those whose decode path is the five dispatches alone. */
const PLAIN = ['mixtral', 'qwen3_moe', 'qwen3_norm', 'olmoe'];
const DTYPES = ['f16', 'bf16', 'f32'] as const satisfies readonly ActivationDtype[];

const device = hostDevice();

function options(activation: ActivationDtype, change: Partial<FixtureOptions> = {}): FixtureOptions {
  return {
    activation,
    weight: activation,
    intermediate: activation,
    paths: LAYER_PATHS,
    checks: [],
    seed: 1,
    ...change,
  };
}

describe('whole blocks', () => {
  describe.each(DTYPES)('in %s', (dtype) => {
    it.each(FIXTURES)('%s meets its limit on every path, with the same bits', async (name) => {
      const [verdict] = await validateFixtures(device, openBlockTexts, [fixturePath(name)], options(dtype));
      expect(verdict).toMatchObject({ ok: true, identical: true });
      const { experts } = await fixtureBlock(name);
      expect(verdict?.paths.map((run) => run.path)).toEqual(layerPaths(experts));
      if (PLAIN.includes(name)) expect(verdict?.paths[0]?.dispatches).toHaveLength(5);
      // Transformers' own error in BF16 is the one that users live with today.
      if (dtype === 'bf16')
        expect(verdict?.rel_error).toBeLessThan(0.8 * (verdict?.rel_error_reference ?? 0));
    });
  });

  it.each([...FIXTURES, 'mixtral_huge_values'])(
    '%s stays within 1.8e-3 in bf16 with a float intermediate',
    async (name) => {
      const [verdict] = await validateFixtures(
        device,
        openBlockTexts,
        [fixturePath(name)],
        options('bf16', { intermediate: 'f32' }),
      );
      expect(verdict?.ok).toBe(true);
      expect(verdict?.rel_error).toBeLessThan(1.8e-3);
      expect(verdict?.rel_error).toBeLessThan(0.6 * (verdict?.rel_error_reference ?? 0));
    },
  );

  it.each(['bf16', 'f32'] as const)('carries values that half cannot, in %s', async (dtype) => {
    const [verdict] = await validateFixtures(
      device,
      openBlockTexts,
      [fixturePath('mixtral_huge_values')],
      options(dtype),
    );
    expect(verdict?.ok).toBe(true);
  });

  it('refuses values that do not fit f16, by name', async () => {
    const refused = validateFixtures(
      device,
      openBlockTexts,
      [fixturePath('mixtral_huge_values')],
      options('f16'),
    );
    await expect(refused).rejects.toMatchObject({
      code: 'validate/beyond-f16',
      message: expect.stringContaining('x reaches') as string,
    });
  });

  it('mixes f32 activations with bf16 weights', async () => {
    const [verdict] = await validateFixtures(
      device,
      openBlockTexts,
      [fixturePath('mixtral')],
      options('f32', { weight: 'bf16' }),
    );
    expect(verdict?.ok).toBe(true);
  });
});
