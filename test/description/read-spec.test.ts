import { describe, expect, test } from 'vitest';
import { MoegenError } from '../../generator/errors.js';
import { readBlock } from '../../generator/description/models/index.js';
import { readBlockSpec } from '../../generator/description/read-spec.js';

const SMALL = {
  hidden_size: 64,
  intermediate_size: 32,
  num_experts: 8,
  top_k: 2,
  router: { scoring: { kind: 'softmax' } },
};

/** All that a block can have at once. */
const LARGE = {
  ...SMALL,
  num_zero_experts: 4,
  router: {
    scoring: { kind: 'sigmoid' },
    logit_bias: true,
    selection_bias: true,
    groups: { count: 3, keep: 2, score: 'max' },
    normalize: { kind: 'p_norm', p: 2 },
    scale: 1.5,
    input: 'own',
    norm: { epsilon: 1e-6, factor: 0.5 },
    temperature: 2,
    softcap: 30,
    marked_selection_bias: true,
    expert_scale: true,
  },
  experts: {
    gate_up: 'interleaved',
    gate_up_order: 'in_out',
    bias: true,
    glu: { kind: 'oai', limit: 7, alpha: 1.7 },
    weight_on: 'input',
  },
  latent: { size: 16, norm: { epsilon: 1e-5 } },
  routed_scale: 2,
  output_bias: true,
  shared: {
    intermediate_size: 48,
    layout: 'packed',
    sigmoid_gate: true,
    input_norm: { epsilon: 0 },
    output_norm: { epsilon: 1 },
  },
  tensors: { router: { name: 'gate.weight' }, expert_down: { name: 'd{expert}' } },
};

const read = (value: unknown) => readBlockSpec(JSON.stringify(value), 'block.json');

test('what is left out has its default', () => {
  const block = read(SMALL);
  const mixtral = readBlock(
    { model_type: 'olmoe', hidden_size: 64, intermediate_size: 32, num_experts: 8, num_experts_per_tok: 2 },
    0,
    'c',
  );
  expect({ ...block, tensors: {} }).toEqual({ ...mixtral, tensors: {} });
  expect(block.tensors).toEqual({
    router: { name: 'router', shape: [8, 64] },
    expert_gate_up: { name: 'expert_gate_up', shape: [8, 64, 64] },
    expert_down: { name: 'expert_down', shape: [8, 64, 32] },
  });
});

test('adjugate experts have a tensor for each group', () => {
  const adjugate = { experts_per_group: 4, intermediate_size: 5, scale: 0.5 };
  const given = { experts_per_group: 4, intermediate_size: 5, layout: 'packed' };
  const [apart, packed] = [read({ ...SMALL, adjugate }), read({ ...SMALL, adjugate: given })];
  expect(apart.adjugate).toEqual({ expertsPerGroup: 4, intermediateSize: 5, layout: 'separate', scale: 0.5 });
  expect(packed.adjugate).toEqual({ expertsPerGroup: 4, intermediateSize: 5, layout: 'packed', scale: 1 });
  expect(apart.tensors).toMatchObject({
    adjugate_gate: { name: 'adjugate_gate', shape: [2, 5, 64] },
    adjugate_up: { name: 'adjugate_up', shape: [2, 5, 64] },
    adjugate_down: { name: 'adjugate_down', shape: [2, 64, 5] },
  });
  expect(packed.tensors.adjugate_gate_up).toEqual({ name: 'adjugate_gate_up', shape: [2, 10, 64] });
});

test('every key is understood', () => {
  expect(read(LARGE)).toEqual({
    hiddenSize: 64,
    intermediateSize: 32,
    numExperts: 8,
    numZeroExperts: 4,
    topK: 2,
    router: {
      scoring: { kind: 'sigmoid' },
      logitBias: true,
      selectionBias: true,
      groups: { count: 3, keep: 2, score: 'max' },
      selection: { kind: 'top_k' },
      post: 'none',
      normalize: { kind: 'p_norm', p: 2 },
      scale: 1.5,
      input: 'own',
      norm: { epsilon: 1e-6, factor: 0.5 },
      temperature: 2,
      softcap: 30,
      markedSelectionBias: true,
      expertScale: true,
    },
    experts: {
      gateUp: 'interleaved',
      gateUpOrder: 'in_out',
      downOrder: 'out_in',
      bias: true,
      glu: { kind: 'oai', limit: 7, alpha: 1.7 },
      weightOn: 'input',
      inputNorm: null,
      outputNorm: null,
    },
    adjugate: null,
    latent: { size: 16, bias: false, norm: { epsilon: 1e-5 } },
    routedScale: 2,
    outputBias: true,
    shared: {
      intermediateSize: 48,
      layout: 'packed',
      bias: false,
      glu: { kind: 'plain', activation: 'silu' },
      sigmoidGate: true,
      combine: 'sum',
      inputNorm: { epsilon: 0 },
      outputNorm: { epsilon: 1 },
    },
    tensors: {
      router: { name: 'gate.weight', shape: [12, 64] },
      router_bias: { name: 'router_bias', shape: [12] },
      router_norm: { name: 'router_norm', shape: [64] },
      selection_bias: { name: 'selection_bias', shape: [12] },
      marked_selection_bias: { name: 'marked_selection_bias', shape: [12] },
      expert_scale: { name: 'expert_scale', shape: [12] },
      expert_gate_up: { name: 'expert_gate_up', shape: [8, 16, 64] },
      expert_gate_up_bias: { name: 'expert_gate_up_bias', shape: [8, 64] },
      expert_down: { name: 'd{expert}', shape: [16, 32] },
      expert_down_bias: { name: 'expert_down_bias', shape: [8, 16] },
      latent_in: { name: 'latent_in', shape: [16, 64] },
      latent_norm: { name: 'latent_norm', shape: [16] },
      latent_out: { name: 'latent_out', shape: [64, 16] },
      shared_norm: { name: 'shared_norm', shape: [64] },
      shared_gate_up: { name: 'shared_gate_up', shape: [96, 64] },
      shared_down: { name: 'shared_down', shape: [64, 48] },
      shared_output_norm: { name: 'shared_output_norm', shape: [64] },
      shared_sigmoid_gate: { name: 'shared_sigmoid_gate', shape: [1, 64] },
      output_bias: { name: 'output_bias', shape: [64] },
    },
  });
});

test('tensors may have a shape of their own that holds the same values', () => {
  const shapes = (shape: number[]) =>
    read({ ...SMALL, tensors: { expert_down: { name: 'w', shape } } }).tensors.expert_down;
  expect(shapes([512, 32])).toEqual({ name: 'w', shape: [512, 32] });
});

test('a token table may name more experts per token than there are', () => {
  const selection = { kind: 'token_table', vocab_size: 5 };
  const block = read({ ...SMALL, top_k: 9, router: { scoring: { kind: 'sigmoid' }, selection } });
  expect(block.tensors.token_table).toEqual({ name: 'token_table', shape: [5, 9] });
});

describe('errors', () => {
  const invalid = (message: string, key: string, help: string) =>
    new MoegenError('spec/invalid-block', message, { where: `block.json: ${key}`, help });
  const inconsistent = (message: string, key: string, help = 'change one of the two values') =>
    new MoegenError('spec/inconsistent-block', message, { where: `block.json: ${key}`, help });
  const correct = 'correct the value';

  test.each<[string, unknown, MoegenError]>([
    [
      'an unknown key',
      { ...SMALL, topk: 3 },
      invalid(
        'unknown key "topk"; the nearest known one is "top_k"',
        'topk',
        'known here: hidden_size, intermediate_size, num_experts, num_zero_experts, top_k, router, experts, adjugate, latent, ' +
          'routed_scale, output_bias, shared, tensors',
      ),
    ],
    [
      'an unknown key further in, before what is missing',
      { ...SMALL, top_k: undefined, router: { scoring: { kind: 'softmax' }, group: null } },
      invalid(
        'unknown key "group"; the nearest known one is "groups"',
        'router.group',
        'known here: input, norm, scoring, logit_bias, temperature, softcap, selection_bias, marked_selection_bias, groups, selection, post, normalize, scale, expert_scale',
      ),
    ],
    [
      'an unknown key of one of several kinds',
      { ...SMALL, router: { scoring: { kind: 'sparsemixer', epsilom: 1 } } },
      invalid(
        'unknown key "epsilom"; the nearest known one is "epsilon"',
        'router.scoring.epsilom',
        'known here: kind, epsilon',
      ),
    ],
    [
      'an unknown role',
      { ...SMALL, tensors: { expert_dwn: { name: 'x' } } },
      invalid(
        'unknown key "expert_dwn"; the nearest known one is "expert_down"',
        'tensors.expert_dwn',
        expect.stringContaining('known here: router, router_bias') as string,
      ),
    ],
    [
      'a field name instead of a key',
      { ...SMALL, topK: 3 },
      invalid('unknown key "topK"; the nearest known one is "top_k"', 'topK', 'write keys in snake_case'),
    ],
    [
      'a missing key',
      { ...SMALL, hidden_size: undefined },
      invalid('hidden_size must be of type number, got nothing', 'hidden_size', correct),
    ],
    [
      'a size that is no whole number',
      { ...SMALL, top_k: 1.5 },
      invalid('top_k must be a whole number, got 1.5', 'top_k', correct),
    ],
    [
      'a size of nothing',
      { ...SMALL, top_k: 0 },
      invalid('top_k must be greater than 0, got 0', 'top_k', correct),
    ],
    [
      'a negative count',
      { ...SMALL, num_zero_experts: -1 },
      invalid('num_zero_experts must be at least 0, got -1', 'num_zero_experts', correct),
    ],
    [
      'an unknown kind',
      { ...SMALL, router: { scoring: { kind: 'softmx' } } },
      invalid(
        'router.scoring.kind must be one of "softmax", "sigmoid", "sqrtsoftplus", "raw", "sparsemixer", got "softmx"',
        'router.scoring.kind',
        correct,
      ),
    ],
    [
      'an unknown word',
      { ...SMALL, experts: { weight_on: 'up' } },
      invalid('experts.weight_on must be one of "output", "input", got "up"', 'experts.weight_on', correct),
    ],
    [
      'more experts per token than there are',
      { ...SMALL, top_k: 9 },
      inconsistent('top_k must be at most the number of experts (8), got 9', 'top_k'),
    ],
    [
      'sparsemixer with three picks',
      { ...SMALL, top_k: 3, router: { scoring: { kind: 'sparsemixer', epsilon: 0.1 } } },
      inconsistent('top_k must be 2 with sparsemixer, got 3', 'top_k'),
    ],
    [
      'sparsemixer with a selection bias',
      { ...SMALL, router: { scoring: { kind: 'sparsemixer', epsilon: 0.1 }, selection_bias: true } },
      inconsistent(
        'sparsemixer selects by itself: expected no selection bias, no groups and no token table beside it',
        'router.scoring',
      ),
    ],
    [
      'a token table with groups',
      {
        ...SMALL,
        router: {
          scoring: { kind: 'sigmoid' },
          selection: { kind: 'token_table', vocab_size: 3 },
          groups: { count: 2, keep: 1, score: 'max' },
        },
      },
      inconsistent(
        'a token table selects by itself: expected no selection bias and no groups beside it',
        'router.selection',
      ),
    ],
    [
      'a function of the selected after a softmax',
      { ...SMALL, router: { scoring: { kind: 'softmax' }, post: 'sigmoid' } },
      inconsistent(
        'post must be "none" with softmax scores, got "sigmoid"; only raw scores take one',
        'router.post',
      ),
    ],
    ...(
      [
        [{ count: 3, keep: 1, score: 'max' }, 'count must divide the number of experts (8), got 3'],
        [{ count: 2, keep: 3, score: 'max' }, 'keep must be at most count (2), got 3'],
        [{ count: 8, keep: 2, score: 'top2_sum' }, 'top2_sum needs groups of at least 2 experts, got 1'],
        [{ count: 8, keep: 1, score: 'max' }, 'the kept groups must hold top_k (2) experts, got 1'],
      ] as const
    ).map(
      ([groups, message]) =>
        [
          `groups ${JSON.stringify(groups)}`,
          { ...SMALL, router: { scoring: { kind: 'sigmoid' }, groups } },
          inconsistent(message, 'router.groups'),
        ] as [string, unknown, MoegenError],
    ),
    [
      'a limit without a gate',
      { ...SMALL, experts: { gate_up: 'ungated', glu: { kind: 'oai', limit: 1, alpha: 1 } } },
      inconsistent('an expert without a gate takes glu kind "plain", got "oai"', 'experts.glu'),
    ],
    [
      'a limit without a gate, shared',
      {
        ...SMALL,
        shared: {
          intermediate_size: 3,
          layout: 'ungated',
          glu: { kind: 'clamp_after', activation: 'silu', limit: 1 },
        },
      },
      inconsistent('an expert without a gate takes glu kind "plain", got "clamp_after"', 'shared.glu'),
    ],
    [
      'adjugate experts of groups that are not whole',
      { ...SMALL, adjugate: { experts_per_group: 3, intermediate_size: 4 } },
      inconsistent('experts_per_group must divide num_experts (8), got 3', 'adjugate.experts_per_group'),
    ],
    [
      'adjugate experts beside biases',
      { ...SMALL, experts: { bias: true }, adjugate: { experts_per_group: 2, intermediate_size: 4 } },
      inconsistent('adjugate experts have no biases: expected experts without, too', 'adjugate'),
    ],
    [
      'a tensor that the block does not have',
      { ...SMALL, tensors: { shared_up: { name: 'x' } } },
      inconsistent(
        'shared_up is no tensor of this block; it has router, expert_gate_up, expert_down',
        'tensors.shared_up',
        'remove the tensor, or describe the part that it belongs to',
      ),
    ],
    [
      'a tensor of another size',
      { ...SMALL, tensors: { router: { name: 'x', shape: [8, 65] } } },
      inconsistent(
        'router must hold the values of [8, 64], got [8, 65]',
        'tensors.router.shape',
        'leave out the shape to use [8, 64]',
      ),
    ],
  ])('%s', (_, value, error) => {
    expect(() => read(value)).toThrow(error);
  });

  test('no JSON, no object', () => {
    expect(() => readBlockSpec('{', 'block.json')).toThrow(/^expected a JSON file: /);
    expect(() => read(7)).toThrow('the description must be of type object, got 7');
  });
});
