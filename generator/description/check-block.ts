// The description of a block, as a file or a model's row gives it, into a complete MoeBlock: defaults filled in, every
// field of the right type, the fields consistent with each other, and a tensor for each role.

import { z } from 'zod';
import { MoegenError } from '../errors.js';
import { blockTraits, TENSOR_ROLES, type BlockTraits, type MoeBlock, type TensorRole } from './block.js';
import { describeIssue } from './schema-issues.js';
import { isOfExperts, tensorShapes } from './tensors.js';

/** Without a shape of its own, a tensor has the one that its role implies. */
const tensorInput = z.strictObject({
  name: z.string().min(1),
  shape: z.array(z.int().positive()).nullable().default(null),
});
type TensorInputs = Readonly<Partial<Record<TensorRole, z.output<typeof tensorInput>>>>;

const blockInput = blockTraits.extend({
  tensors: z.partialRecord(z.enum(TENSOR_ROLES), tensorInput).default({}),
});

/** `where` names the file. */
export function checkBlock(value: unknown, where: string): MoeBlock {
  const parsed = blockInput.safeParse(value);
  if (!parsed.success) {
    const { key, message, help } = describeIssue(blockInput, value, parsed.error);
    throw new MoegenError('spec/invalid-block', message, { where: place(where, key), help });
  }
  const { tensors, ...traits } = parsed.data;
  checkConsistency(traits, where);
  return { ...traits, tensors: completeTensors(traits, tensors, where) };
}

function place(where: string, key: string): string {
  return key === '' ? where : `${where}: ${key}`;
}

type Rule = readonly [violated: boolean, key: string, message: string];

function checkConsistency(block: BlockTraits, where: string): void {
  for (const [violated, key, message] of [
    ...selectionRules(block),
    ...groupRules(block),
    ...expertRules(block),
    ...adjugateRules(block),
  ]) {
    if (!violated) continue;
    throw new MoegenError('spec/inconsistent-block', message, {
      where: place(where, key),
      help: 'change one of the two values',
    });
  }
}

function selectionRules({ router, topK, ...block }: BlockTraits): Rule[] {
  const scored = block.numExperts + block.numZeroExperts;
  const isTable = router.selection.kind === 'token_table';
  const kind = router.scoring.kind;
  const isSparsemixer = kind === 'sparsemixer';
  return [
    [
      !isTable && topK > scored,
      'top_k',
      `top_k must be at most the number of experts (${scored}), got ${topK}`,
    ],
    [isSparsemixer && topK !== 2, 'top_k', `top_k must be 2 with sparsemixer, got ${topK}`],
    [
      isSparsemixer && (isTable || router.selectionBias || router.groups !== null),
      'router.scoring',
      'sparsemixer selects by itself: expected no selection bias, no groups and no token table beside it',
    ],
    [
      isTable && (router.selectionBias || router.groups !== null),
      'router.selection',
      'a token table selects by itself: expected no selection bias and no groups beside it',
    ],
    [
      router.markedSelectionBias && !router.selectionBias,
      'router.marked_selection_bias',
      'marked_selection_bias replaces selection_bias for some tokens: expected selection_bias to be true beside it',
    ],
    [
      isSparsemixer && router.expertScale,
      'router.expert_scale',
      'sparsemixer weighs by itself: expected no expert_scale beside it',
    ],
    [
      kind !== 'raw' && router.post !== 'none',
      'router.post',
      `post must be "none" with ${kind} scores, got "${router.post}"; only raw scores take one`,
    ],
  ];
}

function groupRules({ router, topK, ...block }: BlockTraits): Rule[] {
  const { groups } = router;
  if (groups === null) return [];
  const scored = block.numExperts + block.numZeroExperts;
  const groupSize = scored / groups.count;
  const selectable = groups.keep * groupSize;
  const key = 'router.groups';
  return [
    [
      scored % groups.count !== 0,
      key,
      `count must divide the number of experts (${scored}), got ${groups.count}`,
    ],
    [groups.keep > groups.count, key, `keep must be at most count (${groups.count}), got ${groups.keep}`],
    [
      groups.score === 'top2_sum' && groupSize < 2,
      key,
      `top2_sum needs groups of at least 2 experts, got ${groupSize}`,
    ],
    [topK > selectable, key, `the kept groups must hold top_k (${topK}) experts, got ${selectable}`],
  ];
}

function expertRules({ experts, shared, latent, numZeroExperts }: BlockTraits): Rule[] {
  const needsGate = 'an expert without a gate takes glu kind "plain"';
  return [
    [
      experts.gateUp === 'ungated' && experts.glu.kind !== 'plain',
      'experts.glu',
      `${needsGate}, got "${experts.glu.kind}"`,
    ],
    [
      shared?.layout === 'ungated' && shared.glu.kind !== 'plain',
      'shared.glu',
      `${needsGate}, got "${shared?.glu.kind ?? ''}"`,
    ],
    [
      latent !== null && (experts.inputNorm !== null || experts.outputNorm !== null),
      'experts',
      'experts in a latent space have the norm of that space alone: expected no input_norm and no output_norm',
    ],
    [
      numZeroExperts > 0 && experts.inputNorm !== null,
      'experts.input_norm',
      'zero experts return the input of the block: expected no input_norm beside them',
    ],
    [
      shared?.combine === 'softmax' && shared.sigmoidGate,
      'shared.combine',
      'a softmax weighs the shared expert already: expected no sigmoid_gate beside it',
    ],
  ];
}

function adjugateRules({ adjugate, experts, numExperts }: BlockTraits): Rule[] {
  if (adjugate === null) return [];
  return [
    [
      numExperts % adjugate.expertsPerGroup !== 0,
      'adjugate.experts_per_group',
      `experts_per_group must divide num_experts (${numExperts}), got ${adjugate.expertsPerGroup}`,
    ],
    [experts.bias, 'adjugate', 'adjugate experts have no biases: expected experts without, too'],
  ];
}

/** A role that is given no tensor gets one named after the role. */
function completeTensors(traits: BlockTraits, given: TensorInputs, where: string): MoeBlock['tensors'] {
  const shapes = tensorShapes(traits);
  const surplus = TENSOR_ROLES.find((role) => given[role] !== undefined && !shapes.has(role));
  if (surplus !== undefined) {
    throw new MoegenError(
      'spec/inconsistent-block',
      `${surplus} is no tensor of this block; it has ${Array.from(shapes.keys()).join(', ')}`,
      {
        where: `${where}: tensors.${surplus}`,
        help: 'remove the tensor, or describe the part that it belongs to',
      },
    );
  }
  const entries = Array.from(shapes, ([role, shape]) => {
    const { name, shape: ownShape } = given[role] ?? { name: role, shape: null };
    const wanted = storedShape(name, role, shape);
    if (ownShape !== null) checkShape(role, ownShape, wanted, traits, where);
    return [role, { name, shape: ownShape ?? wanted }] as const;
  });
  return Object.fromEntries(entries);
}

function storedShape(name: string, role: TensorRole, shape: readonly number[]): readonly number[] {
  return isOfExperts(role) && name.includes('{expert}') ? shape.slice(1) : shape;
}

/** A checkpoint may group the dimensions otherwise, or keep unused slices for the experts without weights. */
function checkShape(
  role: TensorRole,
  given: readonly number[],
  wanted: readonly number[],
  traits: BlockTraits,
  where: string,
): void {
  const elements = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);
  const [numExperts = 1, ...perExpert] = wanted;
  const withZeroExperts = elements([numExperts + traits.numZeroExperts, ...perExpert]);
  const allowed = role.startsWith('expert_') ? [elements(wanted), withZeroExperts] : [elements(wanted)];
  if (allowed.includes(elements(given))) return;
  throw new MoegenError(
    'spec/inconsistent-block',
    `${role} must hold the values of [${wanted.join(', ')}], got [${given.join(', ')}]`,
    { where: `${where}: tensors.${role}.shape`, help: `leave out the shape to use [${wanted.join(', ')}]` },
  );
}
