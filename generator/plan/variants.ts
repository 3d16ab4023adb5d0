// Which variants of the expert kernels a set holds: for a block exactly those that it needs, otherwise the common ones. A
// variant changes the text of a kernel; what it says beyond the common case is a word in the kernel's name.

import { GENERAL_GLU_VARIANTS, gluVariant, type GluVariant } from '../description/activations.js';
import type { MoeBlock } from '../description/block.js';
import type { GenerationSpec } from '../description/generation.js';
import { expertBanks, ROUTED_BANK, type ExpertBank } from './banks.js';
import type { ConstantName } from './constants.js';
import type { GateUpLayout, Order } from './matrices.js';

export interface GateUpVariant {
  readonly bank: ExpertBank;
  readonly glu: GluVariant;
  readonly layout: GateUpLayout;
  readonly order: Order;
  readonly hasBias: boolean;
  /** The routing weight multiplies the input. */
  readonly isInputWeighted: boolean;
  readonly space: Space;
}

export interface DownVariant {
  readonly bank: ExpertBank;
  readonly order: Order;
  readonly hasBias: boolean;
  /** Rows bear their weight already: combine adds them as they are. */
  readonly isUnweighted: boolean;
  readonly space: Space;
}

export interface SharedVariant {
  readonly glu: GluVariant;
  readonly layout: GateUpLayout;
  readonly hasBias: boolean;
  /** The input is what a norm made. */
  readonly isNormed: boolean;
}

/** Where the experts work: on the hidden states, or in a latent space, whose values are float. */
interface Space {
  readonly isLatent: boolean;
  /** What a projection or a norm made; else the states are the activations. */
  readonly isFloat: boolean;
  readonly width: ConstantName;
  /** Buffer of the experts' input. */
  readonly states: string;
}

const HIDDEN: Space = { isLatent: false, isFloat: false, width: 'hidden_size', states: 'hidden_states' };
const NORMED: Space = { isLatent: false, isFloat: true, width: 'hidden_size', states: 'expert_states' };
const LATENT: Space = { isLatent: true, isFloat: true, width: 'latent_size', states: 'latent_states' };

export function blockSpace(block: MoeBlock | null): Space {
  if (block?.latent != null) return LATENT;
  return block?.experts.inputNorm == null ? HIDDEN : NORMED;
}

/** Whether kernels exist that multiply a few rows of each expert: of matrices that lie by rows. */
export function hasSkinnyKernels({
  gateUpOrder,
  downOrder,
}: Pick<MoeBlock['experts'], 'gateUpOrder' | 'downOrder'>): boolean {
  return gateUpOrder === 'out_in' && downOrder === 'out_in';
}

const COMMON = { bank: ROUTED_BANK, order: 'out_in', hasBias: false, space: HIDDEN } as const;

export function gateUpVariants({ block }: GenerationSpec): GateUpVariant[] {
  if (block !== null) return expertBanks(block).map((bank) => gateUpVariant(block, bank));
  return GENERAL_GLU_VARIANTS.map((glu) => ({
    ...COMMON,
    glu,
    layout: 'concatenated',
    isInputWeighted: false,
  }));
}

function gateUpVariant(block: MoeBlock, bank: ExpertBank): GateUpVariant {
  const { experts } = block;
  return {
    bank,
    glu: gluVariant(experts.glu, experts.gateUp !== 'ungated'),
    layout: layoutIn(block, bank),
    order: bank.owner === 'expert' ? experts.gateUpOrder : 'out_in',
    hasBias: experts.bias,
    isInputWeighted: experts.weightOn === 'input',
    space: blockSpace(block),
  };
}

function layoutIn({ experts, adjugate }: MoeBlock, { owner }: ExpertBank): GateUpLayout {
  if (owner === 'expert' || experts.gateUp === 'ungated') return experts.gateUp;
  return adjugate?.layout === 'packed' ? 'concatenated' : 'separate';
}

export function downVariant(block: MoeBlock | null, bank: ExpertBank = ROUTED_BANK): DownVariant {
  if (block === null) return { ...COMMON, isUnweighted: false };
  return {
    bank,
    order: bank.owner === 'expert' ? block.experts.downOrder : 'out_in',
    hasBias: block.experts.bias,
    isUnweighted: block.experts.weightOn === 'input',
    space: blockSpace(block),
  };
}

export function sharedVariant(block: MoeBlock | null): SharedVariant | null {
  if (block === null) {
    return {
      glu: gluVariant({ kind: 'plain', activation: 'silu' }, true),
      layout: 'separate',
      hasBias: false,
      isNormed: false,
    };
  }
  if (block.shared === null) return null;
  const { glu, layout, bias, inputNorm } = block.shared;
  return {
    glu: gluVariant(glu, layout !== 'ungated'),
    layout: layout === 'packed' ? 'concatenated' : layout,
    hasBias: bias,
    isNormed: inputNorm !== null,
  };
}

/** The words of a kernel's name, and the axes of its plan, that tell its variant. */
interface VariantNaming {
  readonly words: readonly string[];
  readonly axes: Readonly<Record<string, string>>;
}

export function gateUpNaming(variant: GateUpVariant): VariantNaming {
  const { glu, layout, order, hasBias, isInputWeighted, space } = variant;
  return {
    words: [
      glu.name,
      layout === 'concatenated' ? '' : layout,
      orderWord(order),
      biasWord(hasBias),
      isInputWeighted ? 'weighted_input' : '',
      spaceWord(space),
    ],
    axes: {
      glu: glu.name,
      layout,
      order,
      bias: biasAxis(hasBias),
      weight_on: isInputWeighted ? 'input' : 'output',
      space: spaceAxis(space),
    },
  };
}

/** The down projection alone, whose rows stay unweighted in any case. */
export function downNaming({ order, hasBias, space }: DownVariant): VariantNaming {
  return {
    words: [orderWord(order), biasWord(hasBias), spaceWord(space)],
    axes: { order, bias: biasAxis(hasBias), space: spaceAxis(space) },
  };
}

/** The sum over a token's slots. */
export function combineNaming({ isUnweighted, space }: DownVariant): VariantNaming {
  return {
    words: [unweightedWord(isUnweighted), spaceWord(space)],
    axes: { weight_on: isUnweighted ? 'input' : 'output', space: spaceAxis(space) },
  };
}

export function sharedNaming({ glu, layout, hasBias, isNormed }: SharedVariant): VariantNaming {
  return {
    words: [glu.name, layout === 'concatenated' ? '' : layout, biasWord(hasBias), isNormed ? 'normed' : ''],
    axes: { glu: glu.name, layout, bias: biasAxis(hasBias) },
  };
}

export function projectionNaming(hasBias: boolean): VariantNaming {
  return { words: [biasWord(hasBias)], axes: { bias: biasAxis(hasBias) } };
}

function orderWord(order: Order): string {
  return order === 'in_out' ? 'transposed' : '';
}

function biasWord(hasBias: boolean): string {
  return hasBias ? 'biased' : '';
}

function biasAxis(hasBias: boolean): string {
  return hasBias ? 'added' : 'none';
}

function unweightedWord(isUnweighted: boolean): string {
  return isUnweighted ? 'unweighted' : '';
}

function spaceWord({ isLatent, isFloat }: Space): string {
  if (isLatent) return 'latent';
  return isFloat ? 'normed' : '';
}

function spaceAxis(space: Space): string {
  return spaceWord(space) || 'hidden';
}
