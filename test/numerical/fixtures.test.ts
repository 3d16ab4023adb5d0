import { describe, expect, it } from 'vitest';
import type { ActivationDtype } from '../../generator/spec/dtypes.js';
import type { FixtureOptions } from '../../generator/validate/fixtures.js';
import { validateFixtures } from '../../generator/validate/validate.js';
import { FIXTURE_NAMES, fixturePath } from '../support/fixtures.js';
import { blockTexts, hostDevice } from '../support/host-kernels.js';

const FIXTURES = FIXTURE_NAMES.filter((name) => name !== 'mixtral_huge_values');
/** Those whose decode path is the three dispatches alone. */
const PLAIN = ['mixtral', 'qwen3_moe', 'qwen3_norm', 'olmoe'];
const DTYPES = ['f16', 'bf16', 'f32'] as const satisfies readonly ActivationDtype[];

const device = hostDevice();

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
  describe.each(DTYPES)('in %s', (dtype) => {
    it.each(FIXTURES)('%s meets its limit, batched and token by token with the same bits', async (name) => {
      const [verdict] = await validateFixtures(device, blockTexts, [fixturePath(name)], options(dtype));
      expect(verdict).toMatchObject({ ok: true, identical: true });
      expect(verdict?.paths.map((run) => run.path)).toEqual(['batched', 'decode']);
      if (PLAIN.includes(name)) expect(verdict?.paths[1]?.dispatches).toHaveLength(3);
      // Transformers' own error in BF16 is the one that users live with today.
      if (dtype === 'bf16')
        expect(verdict?.rel_error).toBeLessThan(0.8 * (verdict?.rel_error_reference ?? 0));
    });
  });

  it('stays within 1.8e-3 in bf16 with a float intermediate', async () => {
    const files = [...FIXTURES, 'mixtral_huge_values'].map(fixturePath);
    const verdicts = await validateFixtures(
      device,
      blockTexts,
      files,
      options('bf16', { intermediate: 'f32' }),
    );
    for (const { ok, rel_error, rel_error_reference } of verdicts) {
      expect(ok).toBe(true);
      expect(rel_error).toBeLessThan(1.8e-3);
      expect(rel_error).toBeLessThan(0.6 * rel_error_reference);
    }
  });

  it.each(['bf16', 'f32'] as const)('carries values that half cannot, in %s', async (dtype) => {
    const [verdict] = await validateFixtures(
      device,
      blockTexts,
      [fixturePath('mixtral_huge_values')],
      options(dtype),
    );
    expect(verdict?.ok).toBe(true);
  });

  it('refuses values that do not fit f16, by name', async () => {
    const refused = validateFixtures(
      device,
      blockTexts,
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
      blockTexts,
      [fixturePath('mixtral')],
      options('f32', { weight: 'bf16' }),
    );
    expect(verdict?.ok).toBe(true);
  });
});
