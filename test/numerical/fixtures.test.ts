import { describe, expect, it } from 'vitest';
import type { ActivationDtype } from '../../generator/spec/dtypes.js';
import type { FixtureOptions } from '../../generator/validate/fixtures.js';
import { validateFixtures } from '../../generator/validate/validate.js';
import { allPlans, fixturePath, hostDevice, kernelTexts } from '../support/host-kernels.js';

const FIXTURES = ['mixtral', 'qwen3_moe', 'qwen3_norm', 'olmoe'];
const DTYPES = ['f16', 'bf16', 'f32'] as const satisfies readonly ActivationDtype[];

const device = hostDevice();
const texts = await kernelTexts(allPlans());

function options(activation: ActivationDtype, change: Partial<FixtureOptions> = {}): FixtureOptions {
  return {
    activation,
    weight: activation,
    intermediate: activation,
    paths: ['batched', 'decode'],
    checks: [],
    seed: 1,
    ...change,
  };
}

describe('whole blocks', () => {
  it.each(DTYPES)(
    'meet the limits in %s, many tokens at once and one at a time, with the same bits',
    async (dtype) => {
      const verdicts = await validateFixtures(device, texts, FIXTURES.map(fixturePath), options(dtype));
      for (const { file, ok, identical, rel_error, limit, paths } of verdicts) {
        expect({ file, ok, identical }).toEqual({ file, ok: true, identical: true });
        expect(rel_error).toBeLessThan(limit);
        expect(paths.map(({ path }) => path)).toEqual(['batched', 'decode']);
        expect(paths[1]?.dispatches).toHaveLength(3);
      }
    },
  );

  it('stays within 1.8e-3 in bf16 with a float intermediate', async () => {
    const files = [...FIXTURES, 'mixtral_huge_values'].map(fixturePath);
    const verdicts = await validateFixtures(device, texts, files, options('bf16', { intermediate: 'f32' }));
    for (const { ok, rel_error } of verdicts) {
      expect(ok).toBe(true);
      expect(rel_error).toBeLessThan(1.8e-3);
    }
  });

  it.each(['bf16', 'f32'] as const)('carries values that half cannot, in %s', async (dtype) => {
    const [verdict] = await validateFixtures(
      device,
      texts,
      [fixturePath('mixtral_huge_values')],
      options(dtype),
    );
    expect(verdict?.ok).toBe(true);
  });

  it('refuses values that do not fit f16, by name', async () => {
    const refused = validateFixtures(device, texts, [fixturePath('mixtral_huge_values')], options('f16'));
    await expect(refused).rejects.toMatchObject({
      code: 'validate/beyond-f16',
      message: expect.stringContaining('x reaches') as string,
    });
  });

  it('mixes f32 activations with bf16 weights', async () => {
    const [verdict] = await validateFixtures(
      device,
      texts,
      [fixturePath('mixtral')],
      options('f32', { weight: 'bf16' }),
    );
    expect(verdict?.ok).toBe(true);
  });
});
