import { describe, expect, test } from 'vitest';
import { referenceRouting, type RoutedBlock, type RoutingInputs } from '../../generator/reference/router.js';
import type { Router } from '../../generator/description/block.js';

const PLAIN: Router = {
  scoring: { kind: 'raw' },
  logitBias: false,
  input: 'block',
  norm: null,
  temperature: 1,
  softcap: null,
  markedSelectionBias: false,
  expertScale: false,
  selectionBias: false,
  groups: null,
  selection: { kind: 'top_k' },
  post: 'none',
  normalize: { kind: 'none' },
  scale: 1,
};

interface Case {
  readonly router: Partial<Router>;
  readonly logits: readonly number[];
  readonly topK: number;
  readonly bias?: readonly number[];
  readonly numZeroExperts?: number;
  readonly inputs?: Partial<RoutingInputs>;
}

/** Routes one token, or several if the logits are those of several. */
function route({ router, logits, topK, bias, numZeroExperts = 0, inputs }: Case, numTokens = 1) {
  const block: RoutedBlock = {
    numExperts: logits.length / numTokens - numZeroExperts,
    numZeroExperts,
    topK,
    router: { ...PLAIN, ...router, selectionBias: bias !== undefined },
  };
  const { ids, weights } = referenceRouting(block, Float64Array.from(logits), {
    selectionBias: bias ?? null,
    tokenTable: null,
    tokenIds: null,
    ...inputs,
  });
  return { ids: Array.from(ids), weights: Array.from(weights) };
}

function expectRouting(given: Case, ids: readonly number[], weights: readonly number[]): void {
  const routing = route(given);
  expect(routing.ids).toEqual(ids);
  routing.weights.forEach((weight, slot) => {
    expect(weight).toBeCloseTo(weights[slot] ?? NaN, 14);
  });
}

/** Softmax of them is 0.1, 0.4, 0.2, 0.3. */
const LOGITS = [1, 4, 2, 3].map(Math.log);
/** Sigmoid of them is 0.2, 0.8, 0.5, 0.6. */
const ODDS = [0.25, 4, 1, 1.5].map(Math.log);

describe('scores', () => {
  test.each<[string, Case, readonly number[], readonly number[]]>([
    [
      'softmax over all',
      { router: { scoring: { kind: 'softmax' } }, logits: LOGITS, topK: 2 },
      [1, 3],
      [0.4, 0.3],
    ],
    [
      'sigmoid',
      { router: { scoring: { kind: 'sigmoid' } }, logits: ODDS, topK: 3 },
      [1, 3, 2],
      [0.8, 0.6, 0.5],
    ],
    [
      'sqrtsoftplus',
      {
        router: { scoring: { kind: 'sqrtsoftplus' } },
        logits: [Math.log(Math.E - 1), 25, Math.log(Math.E ** 4 - 1)],
        topK: 3,
      },
      [1, 2, 0],
      [5, 2, 1],
    ],
    ['raw', { router: {}, logits: [-3, 5, 2], topK: 2 }, [1, 2], [5, 2]],
    [
      'softmax of the selected',
      { router: { post: 'softmax' }, logits: LOGITS, topK: 2 },
      [1, 3],
      [4 / 7, 3 / 7],
    ],
    ['sigmoid of the selected', { router: { post: 'sigmoid' }, logits: ODDS, topK: 1 }, [1], [0.8]],
  ])('%s', (_, given, ids, weights) => {
    expectRouting(given, ids, weights);
  });

  test('large logits do not overflow', () => {
    expectRouting(
      { router: { scoring: { kind: 'softmax' } }, logits: [5000, 5000, -5000], topK: 2 },
      [0, 1],
      [0.5, 0.5],
    );
  });
});

describe('weights', () => {
  const softmax: Partial<Router> = { scoring: { kind: 'softmax' } };
  test.each<[string, Partial<Router>, readonly number[]]>([
    ['sum', { normalize: { kind: 'sum', epsilon: 0 } }, [4 / 7, 3 / 7]],
    ['sum with epsilon', { normalize: { kind: 'sum', epsilon: 0.1 } }, [0.5, 0.375]],
    ['floor above the sum', { normalize: { kind: 'floor', floor: 0.8 } }, [0.5, 0.375]],
    ['floor below the sum', { normalize: { kind: 'floor', floor: 0.6 } }, [4 / 7, 3 / 7]],
    ['p-norm of 2', { normalize: { kind: 'p_norm', p: 2 } }, [0.8, 0.6]],
    ['p-norm of 1', { normalize: { kind: 'p_norm', p: 1 } }, [4 / 7, 3 / 7]],
    ['scale', { scale: 2.5 }, [1, 0.75]],
    ['scale comes after normalizing', { normalize: { kind: 'sum', epsilon: 0 }, scale: 7 }, [4, 3]],
  ])('%s', (_, router, weights) => {
    expectRouting({ router: { ...softmax, ...router }, logits: LOGITS, topK: 2 }, [1, 3], weights);
  });

  test('normalizing comes after a function of the selected', () => {
    const router: Partial<Router> = { post: 'sigmoid', normalize: { kind: 'sum', epsilon: 0 } };
    expectRouting({ router, logits: ODDS, topK: 2 }, [1, 3], [0.8 / 1.4, 0.6 / 1.4]);
  });
});

describe('selection', () => {
  test('ties go to the lowest index', () => {
    expectRouting({ router: {}, logits: [1, 3, 3, 3, 1], topK: 4 }, [1, 2, 3, 0], [3, 3, 3, 1]);
  });

  test('a bias decides who is selected, not with which weight', () => {
    const router: Partial<Router> = { scoring: { kind: 'sigmoid' } };
    expectRouting({ router, logits: ODDS, topK: 2, bias: [0.9, 0, 0, 0] }, [0, 1], [0.2, 0.8]);
  });

  test('experts without weights are selected like the others', () => {
    const router: Partial<Router> = { scoring: { kind: 'softmax' } };
    expectRouting({ router, logits: LOGITS, topK: 2, numZeroExperts: 2 }, [1, 3], [0.4, 0.3]);
  });

  test('each token has its own', () => {
    expect(route({ router: {}, logits: [1, 2, 3, 9, 8, 7], topK: 1 }, 2)).toEqual({
      ids: [2, 0],
      weights: [3, 9],
    });
  });
});

describe('groups', () => {
  // Sums of the two best: 3 + 1, 2.5 + 2, 0 + 0.5; the highest of each: 3, 2.5, 0.5.
  const logits = [3, 1, 0, 2.5, 2, -1, 0, 0.5, -2];
  test.each<[string, NonNullable<Router['groups']>, readonly number[]]>([
    ['two best sum', { count: 3, keep: 1, score: 'top2_sum' }, [3, 4]],
    ['highest', { count: 3, keep: 1, score: 'max' }, [0, 1]],
    ['two of three', { count: 3, keep: 2, score: 'top2_sum' }, [0, 3]],
  ])('%s', (_, groups, ids) => {
    expect(route({ router: { groups }, logits, topK: 2 }).ids).toEqual(ids);
  });

  test('are rated with the bias', () => {
    const bias = [0, 0, 0, 0, 0, 0, 0, 9, 9];
    const groups = { count: 3, keep: 1, score: 'top2_sum' } as const;
    expect(route({ router: { groups }, logits, topK: 2, bias })).toEqual({ ids: [7, 8], weights: [0.5, -2] });
  });

  test('ties go to the first group', () => {
    const groups = { count: 2, keep: 1, score: 'max' } as const;
    expect(route({ router: { groups }, logits: [5, 1, 5, 4], topK: 2 }).ids).toEqual([0, 1]);
  });
});

describe('a token table', () => {
  const tokenTable = [2, 0, 1, 1, 0, 2];
  const router: Partial<Router> = {
    scoring: { kind: 'sigmoid' },
    selection: { kind: 'token_table', vocabSize: 3 },
    normalize: { kind: 'sum', epsilon: 0 },
  };

  test('gives the experts; their weights come from the logits', () => {
    const given = { router, logits: ODDS, topK: 2, inputs: { tokenTable, tokenIds: [2] } };
    expectRouting(given, [0, 2], [0.2 / 0.7, 0.5 / 0.7]);
  });

  test('may name an expert twice', () => {
    expectRouting(
      { router, logits: ODDS, topK: 2, inputs: { tokenTable, tokenIds: [1] } },
      [1, 1],
      [0.5, 0.5],
    );
  });

  test('leaves the slot of an absent expert open', () => {
    const logits = [NaN, 0, Math.log(3)];
    const routing = route({ router, logits, topK: 2, inputs: { tokenTable, tokenIds: [0] } });
    expect(routing).toEqual({ ids: [2, 3], weights: [1, NaN] });
  });
});

describe('sparsemixer', () => {
  const router: Partial<Router> = { scoring: { kind: 'sparsemixer', epsilon: 0.125 } };

  test('a pick far above the others has weight 1', () => {
    expectRouting({ router, logits: [1, 8, 4], topK: 2 }, [1, 2], [1, 1]);
  });

  test('rivals within the margin share, and a former pick is no rival', () => {
    // Margin 0.25: (8 - 7) / 8 is inside, (8 - 4) / 8 outside; in the second round (7 - 4) / 7 is outside.
    const e = Math.E;
    expectRouting({ router, logits: [7, 8, 4], topK: 2 }, [1, 0], [e / (e + 1), 1]);
  });

  test('a logit larger in magnitude sets the scale', () => {
    // (1 - -7) / max(7, 1) = 8/7 is outside, (-6 - -7) / 7 inside.
    const e = Math.E;
    expectRouting({ router, logits: [-7, 1, -6], topK: 2 }, [1, 2], [1, e / (e + 1)]);
  });

  test('below zero, too, the larger magnitude sets the scale', () => {
    // (-2 - -10) / max(10, -2) is outside, (-2 - -2.25) / 2.25 inside.
    const e = Math.exp(0.25);
    expectRouting({ router, logits: [-10, -2, -2.25], topK: 2 }, [1, 2], [e / (e + 1), 1]);
  });

  test('equal logits are rivals, zeros among them', () => {
    expectRouting({ router, logits: [0, 0], topK: 2 }, [0, 1], [0.5, 1]);
  });
});

describe('NaN', () => {
  const softmax: Partial<Router> = { scoring: { kind: 'softmax' }, normalize: { kind: 'sum', epsilon: 0 } };

  test('never selects, and has no probability', () => {
    expectRouting(
      { router: { scoring: { kind: 'softmax' } }, logits: [NaN, 0, NaN, Math.log(3)], topK: 1 },
      [3],
      [0.75],
    );
  });

  test('leaves slots open that cannot be filled', () => {
    const routing = route({ router: softmax, logits: [NaN, 1, NaN, NaN], topK: 3 });
    expect(routing).toEqual({ ids: [1, 4, 4], weights: [1, NaN, NaN] });
    const zero = route({ router: softmax, logits: [NaN, NaN], topK: 1, numZeroExperts: 1 });
    expect(zero).toEqual({ ids: [2], weights: [NaN] });
  });

  test('in a bias makes the expert absent', () => {
    expect(route({ router: {}, logits: [9, 1], topK: 1, bias: [NaN, 0] }).ids).toEqual([1]);
    const softmax = { scoring: { kind: 'softmax' } } as const;
    const logits = [Math.log(3), 0];
    expect(route({ router: softmax, logits, topK: 2, bias: [NaN, 0] })).toEqual({
      ids: [1, 2],
      weights: [expect.closeTo(0.25, 12), NaN],
    });
  });

  test('leaves sparsemixer without a second pick', () => {
    const router: Partial<Router> = { scoring: { kind: 'sparsemixer', epsilon: 0.01 } };
    expect(route({ router, logits: [NaN, 2], topK: 2 })).toEqual({ ids: [1, 2], weights: [1, NaN] });
  });

  test('of a whole token concerns that token only', () => {
    const routing = route({ router: softmax, logits: [NaN, NaN, 0, 1], topK: 1 }, 2);
    expect(routing).toEqual({ ids: [2, 1], weights: [NaN, 1] });
  });
});
