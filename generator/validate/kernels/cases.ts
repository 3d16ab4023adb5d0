// The shapes that every kernel is tried on: no tokens and few, sizes that are a multiple of no tile, odd ones, one expert and
// many, every top_k, and token distributions that leave experts empty or send everything to one.

import type { KernelPlan } from '../../plan/types.js';

export interface KernelCase {
  readonly name: string;
  readonly numTokens: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numExperts: number;
  readonly topK: number;
  /** `spread`: random routing. `one`: all tokens take the same experts. `ties`: equal logits. `nan`: one token is NaN. */
  readonly routing: 'spread' | 'one' | 'ties' | 'nan';
  /** Size of the inputs; 1e30 shows every detour through half. */
  readonly scale: number;
  /**
   * `nonfinite`: some inputs, weights and biases are infinite or NaN, and what they do not meet stays as it is. `ordered`: every
   * sum is exact but for the roundings of the promised order, so that any other order shows.
   */
  readonly numbers: 'plain' | 'nonfinite' | 'ordered';
  /** Only the weights of experts that are taken exist: so many lie beyond what 32 bits can count. */
  readonly isSparse: boolean;
  /**
   * Runs with the checks that are asked for; the others, which go through memory in the same ways, run without. Together
   * these show each shape, each number of tokens, all tokens on one expert, and slots without an expert.
   */
  readonly isChecked: boolean;
}

const TOKENS = [0, 1, 2, 7, 33] as const;

/**
 * Experts and top_k, with hidden and intermediate sizes that leave tails; the products stay small. `checked` is the number of
 * tokens with which a shape is checked.
 */
const SHAPES = [
  { numExperts: 1, topK: 1, hiddenSize: 70, intermediateSize: 45, checked: 33 },
  { numExperts: 7, topK: 1, hiddenSize: 33, intermediateSize: 21, checked: 7 },
  { numExperts: 7, topK: 2, hiddenSize: 301, intermediateSize: 67, checked: 2 },
  { numExperts: 7, topK: 7, hiddenSize: 64, intermediateSize: 32, checked: 1 },
  { numExperts: 60, topK: 1, hiddenSize: 20, intermediateSize: 35, checked: 33 },
  { numExperts: 60, topK: 8, hiddenSize: 52, intermediateSize: 41, checked: 2 },
  { numExperts: 60, topK: 60, hiddenSize: 24, intermediateSize: 12, checked: 1 },
  { numExperts: 512, topK: 2, hiddenSize: 36, intermediateSize: 10, checked: 7 },
  { numExperts: 512, topK: 8, hiddenSize: 18, intermediateSize: 13, checked: 0 },
  { numExperts: 512, topK: 512, hiddenSize: 12, intermediateSize: 6, checked: 1 },
] as const;

const MAX_ASSIGNMENTS = 1100;

type Parts = Omit<KernelCase, 'name' | 'scale' | 'numbers' | 'isSparse'> &
  Partial<Pick<KernelCase, 'scale' | 'numbers' | 'isSparse'>>;

function caseName({
  numTokens,
  hiddenSize,
  intermediateSize,
  numExperts,
  topK,
  ...parts
}: KernelCase): string {
  const { routing, scale, numbers } = parts;
  const sizes = `T=${numTokens} H=${hiddenSize} I=${intermediateSize} E=${numExperts} K=${topK}`;
  const notes = [routing === 'spread' ? '' : routing, scale === 1 ? '' : `scale ${scale}`];
  return [sizes, ...notes, numbers === 'plain' ? '' : numbers].filter(Boolean).join(' ');
}

function named(parts: Parts): KernelCase {
  const all = { name: '', scale: 1, numbers: 'plain', isSparse: false, ...parts } as const;
  return { ...all, name: caseName(all) };
}

const PLAIN = SHAPES.flatMap(({ checked, ...shape }) =>
  TOKENS.filter((numTokens) => numTokens * shape.topK <= MAX_ASSIGNMENTS).map((numTokens) =>
    named({ numTokens, ...shape, routing: 'spread', isChecked: numTokens === checked }),
  ),
);

const MIDDLE = { numTokens: 33, hiddenSize: 52, intermediateSize: 41, numExperts: 60, topK: 8 } as const;

const SPECIAL = [
  named({ ...MIDDLE, routing: 'one', isChecked: false }),
  named({ ...MIDDLE, routing: 'ties', isChecked: false }),
  named({ ...MIDDLE, numExperts: 512, topK: 512, numTokens: 2, routing: 'ties', isChecked: false }),
  named({ ...MIDDLE, routing: 'nan', isChecked: false }),
  named({ ...MIDDLE, numExperts: 7, topK: 7, numTokens: 7, routing: 'nan', isChecked: true }),
];

/** More than half the range of half: only dtypes with eight exponent bits get it. */
const HUGE = named({ ...MIDDLE, routing: 'spread', scale: 1e15, isChecked: false });

/** More tokens than eight bits can count; the shapes above have more experts than that. */
const MANY = named({
  numTokens: 300,
  hiddenSize: 20,
  intermediateSize: 12,
  numExperts: 5,
  topK: 2,
  routing: 'spread',
  isChecked: false,
});

/** More terms than a row that is staged whole has room for. */
const WIDE_TERMS = 8300;
const WIDE = named({
  numTokens: 2,
  hiddenSize: WIDE_TERMS,
  intermediateSize: 6,
  numExperts: 2,
  topK: 1,
  routing: 'spread',
  isChecked: false,
});

const NONFINITE = named({
  numTokens: 9,
  hiddenSize: 70,
  intermediateSize: 45,
  numExperts: 7,
  topK: 2,
  routing: 'spread',
  numbers: 'nonfinite',
  isChecked: false,
});

const ORDERED = named({
  numTokens: 9,
  hiddenSize: 102,
  intermediateSize: 420,
  numExperts: 3,
  topK: 1,
  routing: 'spread',
  numbers: 'ordered',
  isChecked: false,
});

const FAR_ELEMENTS = 2 ** 32;

/** All tokens take the last expert, whose matrices begin beyond the last element that 32 bits can count. */
function farCase(hiddenSize: number, intermediateSize: number): KernelCase {
  const numExperts = Math.ceil(FAR_ELEMENTS / (hiddenSize * intermediateSize)) + 2;
  return named({
    numTokens: 2,
    hiddenSize,
    intermediateSize,
    numExperts,
    topK: 1,
    routing: 'one',
    isSparse: true,
    isChecked: false,
  });
}

/** Shapes of kernels whose rows hold whole groups of terms, in groups. */
const GROUPED = [
  { numExperts: 1, topK: 1, hidden: 2, intermediate: 1, checked: 33 },
  { numExperts: 7, topK: 2, hidden: 3, intermediate: 2, checked: 7 },
  { numExperts: 5, topK: 5, hidden: 1, intermediate: 3, checked: 2 },
  { numExperts: 40, topK: 4, hidden: 2, intermediate: 1, checked: 1 },
] as const;

/** Terms of rows that take several steps; those of gate and up are more than is staged at once. */
const LONG_HIDDEN = 2560;
const LONG_INTERMEDIATE = 768;

/** Groups of more terms make the matrices too large for all checks. */
const CHECKED_UNIT = 64;

/** Long rows of gate and up, and of down. */
function longCases(unit: number): KernelCase[] {
  const shape = { numTokens: 1, numExperts: 2, topK: 1, routing: 'spread' } as const;
  const parts = { ...shape, isChecked: unit <= CHECKED_UNIT };
  return [
    named({ ...parts, hiddenSize: LONG_HIDDEN, intermediateSize: unit }),
    named({ ...parts, hiddenSize: unit, intermediateSize: LONG_INTERMEDIATE }),
  ];
}

/** The smallest sizes that are wider than a tile and hold whole groups, and long rows of them. */
function groupedCases(groupTerms: number): KernelCase[] {
  const unit = groupTerms < 64 ? 32 : groupTerms;
  const small = GROUPED.flatMap(({ numExperts, topK, hidden, intermediate, checked }) =>
    TOKENS.map((numTokens) => {
      const sizes = { hiddenSize: hidden * unit, intermediateSize: intermediate * unit };
      const parts = { numTokens, numExperts, topK, ...sizes } as const;
      return named({
        ...parts,
        routing: numTokens === 33 && topK === 4 ? 'nan' : 'spread',
        isChecked: numTokens === checked,
      });
    }),
  );
  return [...small, ...longCases(unit)];
}

const SMALL = { numTokens: 5, numExperts: 4, topK: 2, routing: 'spread', isChecked: false } as const;

/** Small enough that the inputs and outputs of hundreds of kernels fit into one file. */
export function smallCase(groupTerms: number): KernelCase {
  if (groupTerms === 1) return named({ ...SMALL, hiddenSize: 36, intermediateSize: 20 });
  const unit = Math.max(groupTerms, 32);
  return named({ ...SMALL, hiddenSize: unit, intermediateSize: unit });
}

/** `groupTerms`: terms of which a row of weights holds whole groups. */
export function kernelCases(activation: string, groupTerms = 1): KernelCase[] {
  if (groupTerms > 1) return groupedCases(groupTerms);
  return [...PLAIN, ...SPECIAL, ...(activation === 'f16' ? [] : [HUGE])];
}

/** Sizes and numbers that other dtypes of the weights show no better. */
export function rareCases(groupTerms = 1): KernelCase[] {
  return groupTerms > 1 ? [] : [MANY, WIDE, NONFINITE, ORDERED];
}

/** Whether the kernel's dense weights, if it has any, are of the activations' own dtype. */
export function hasOwnDtype({ axes }: Pick<KernelPlan, 'axes'>): boolean {
  return axes['weight'] === undefined || axes['weight'] === axes['activation'];
}

/** What only makes sense where memory is not taken before it is touched: a matrix for each of thousands of experts. */
export function sparseCases(groupTerms = 1): KernelCase[] {
  if (groupTerms === 1) return [farCase(WIDE_TERMS, 66)];
  const unit = groupTerms < 64 ? 32 : groupTerms;
  return [farCase(unit < 256 ? Math.ceil(WIDE_TERMS / unit) * unit : unit, unit)];
}
