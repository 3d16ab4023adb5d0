import { describe, expect, test } from 'vitest';
import { MoegenError } from '../../generator/errors.js';
import { encodeBf16 } from '../../generator/floats/bfloat16.js';
import { f16Overflow } from '../../generator/reference/f16-range.js';
import { filledWeights } from '../../generator/reference/filled-weights.js';
import { fixtureWeights, parseFixture, readFixture } from '../../generator/reference/fixture.js';
import { fillParameter } from '../../generator/reference/parameter-fill.js';
import { parseConfig, readBlock } from '../../generator/description/models/index.js';
import { safetensorsBytes } from './safetensors-bytes.js';

const CONFIG = {
  model_type: 'mixtral',
  hidden_size: 4,
  intermediate_size: 3,
  num_local_experts: 2,
  num_experts_per_tok: 1,
};
const METADATA = {
  model_type: 'mixtral',
  block: 'MixtralSparseMoeBlock',
  config: JSON.stringify(CONFIG),
  parameters: JSON.stringify({
    'gate.weight': { shape: [2, 4], scale: 0.25 },
    'experts.gate_up_proj': { shape: [2, 6, 4], scale: 0.5 },
    'experts.down_proj': { shape: [2, 4, 3], scale: 0.5 },
  }),
};

interface Parts {
  readonly metadata?: Record<string, string>;
  readonly x?: readonly number[];
  readonly dtypeOfX?: string;
}

/** Two tokens of four values. */
function fixtureBytes({
  metadata = METADATA,
  x = [1, 2, 3, 4, 5, 6, 7, 8],
  dtypeOfX = 'BF16',
}: Parts): Uint8Array {
  const bf16 = new Uint8Array(encodeBf16(x).buffer);
  const header = {
    __metadata__: metadata,
    x: { dtype: dtypeOfX, shape: [2, 4], data_offsets: [0, 16] },
    y_f64: { dtype: 'F64', shape: [2, 4], data_offsets: [16, 80] },
    y_bf16: { dtype: 'BF16', shape: [2, 4], data_offsets: [80, 96] },
    rows_ok: { dtype: 'U8', shape: [2], data_offsets: [96, 98] },
  };
  return safetensorsBytes(header, [
    ...bf16,
    ...new Uint8Array(new Float64Array(8).fill(0.5).buffer),
    ...bf16,
    1,
    0,
  ]);
}

test('a fixture comes out whole', () => {
  const fixture = parseFixture(fixtureBytes({ metadata: { ...METADATA, layer_idx: '3' } }), 'f');
  expect(fixture).toMatchObject({
    modelType: 'mixtral',
    blockClass: 'MixtralSparseMoeBlock',
    layer: 3,
    numTokens: 2,
    hiddenSize: 4,
    rowsOk: [true, false],
  });
  expect(fixture.x).toEqual(Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  expect(fixture.transformersBf16).toEqual(fixture.x);
  expect(fixture.expected).toEqual(new Float64Array(8).fill(0.5));
  expect(parseFixture(fixtureBytes({}), 'f').layer).toBe(1);
});

test('weights are filled by name, and an expert gets its own part', () => {
  const fixture = parseFixture(fixtureBytes({}), 'f');
  const weights = fixtureWeights(fixture, readBlock(CONFIG, 1, 'c'));
  expect(weights.tensor('router')).toEqual(fillParameter('gate.weight', 0, 8, 0.25));
  expect(weights.expert('expert_gate_up', 1)).toEqual(fillParameter('experts.gate_up_proj', 24, 24, 0.5));
  expect(() => weights.tensor('output_bias')).toThrow(
    'expected the block to have a tensor in the role output_bias, found none',
  );
});

test('a parameter of one expert each, of all rows together, and a table of integers', () => {
  const block = readBlock(CONFIG, 1, 'c');
  const renamed = {
    ...block,
    tensors: {
      expert_up: { name: 'e{expert}.up', shape: [3, 4] },
      expert_gate: { name: 'flat', shape: [6, 4] },
      token_table: { name: 'table', shape: [5, 2] },
    },
  };
  const parameters = {
    'e1.up': { shape: [3, 4], scale: 1 },
    flat: { shape: [6, 4], scale: 1 },
    table: { shape: [5, 2], scale: null },
  };
  const weights = filledWeights(parameters, renamed, 'f');
  expect(weights.expert('expert_up', 1)).toEqual(fillParameter('e1.up', 0, 12, 1));
  expect(weights.expert('expert_gate', 1)).toEqual(fillParameter('flat', 12, 12, 1));
  expect(weights.tensor('token_table')).toEqual(new Float32Array(10));
  expect(() => weights.expert('expert_up', 0)).toThrow(
    'expected a parameter "e0.up" in the role expert_up, found none',
  );
});

describe('a file that is no fixture is refused', () => {
  const withoutConfig = Object.fromEntries(Object.entries(METADATA).filter(([key]) => key !== 'config'));
  test.each<[string, Parts, string]>([
    ['no config', { metadata: withoutConfig }, 'expected "config" in the metadata of a fixture, found none'],
    [
      'a layer that is no number',
      { metadata: { ...METADATA, layer_idx: '1.5' } },
      'expected "layer_idx" to be a whole number, got "1.5"',
    ],
    ['another dtype', { dtypeOfX: 'F16' }, 'expected a tensor "x" of type BF16 [2, 4], got F16 [2, 4]'],
  ])('%s', (_, parts, message) => {
    expect(() => parseFixture(fixtureBytes(parts), 'f')).toThrow(
      new MoegenError('reference/invalid-fixture', message, { where: 'f', help: 'write the fixture again' }),
    );
  });

  test('parameters without shape', () => {
    const metadata = { ...METADATA, parameters: '{"w": {"scale": 1}}' };
    expect(() => parseFixture(fixtureBytes({ metadata }), 'f')).toThrow(
      /^expected "parameters" to give each parameter's shape and scale: .*w\.shape/s,
    );
  });

  test('no x', () => {
    const bytes = safetensorsBytes({ __metadata__: METADATA }, []);
    expect(() => parseFixture(bytes, 'f')).toThrow(
      'expected a tensor "x" of shape [tokens, hidden_size], got []',
    );
  });

  test('a file that does not exist', async () => {
    const error = await readFixture('no/such.safetensors').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(MoegenError);
    expect(error).toMatchObject({ code: 'reference/unreadable-fixture', where: 'no/such.safetensors' });
  });
});

describe('f16', () => {
  const overflowOf = (parts: Parts) => {
    const fixture = parseFixture(fixtureBytes(parts), 'f');
    return f16Overflow(fixture, readBlock(parseConfig(fixture.configText, 'f'), 1, 'f'), null);
  };

  test('a fixture of common values fits', () => {
    expect(overflowOf({})).toBeNull();
    expect(overflowOf({ x: new Array<number>(8).fill(65280) })).not.toMatch(/^x reaches/);
  });

  test('too large an input, a parameter, or a value on the way is named', () => {
    expect(overflowOf({ x: [1, 2, 3, 4, 5, 6, 7, -(2 ** 20)] })).toBe(
      'x reaches 1.049e+6, beyond the largest f16 value 65504',
    );
    const parameters = METADATA.parameters.replace(
      '"shape":[2,4],"scale":0.25',
      '"shape":[2,4],"scale":131072',
    );
    expect(overflowOf({ metadata: { ...METADATA, parameters } })).toBe(
      'parameter gate.weight reaches 1.311e+5, beyond the largest f16 value 65504',
    );
    expect(overflowOf({ x: new Array<number>(8).fill(1024) })).toMatch(/^the hidden reaches .*beyond/);
  });
});
