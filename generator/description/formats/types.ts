// What every weight format says about itself. A weight is scale * code + offset; a block of neighbouring terms of a row shares scale and
// offset, and its codes are small numbers that 16 bits hold exactly. The planes say what lies in memory.

import type { ActivationDtype, ElementType } from '../dtypes.js';

export const PLANE_SUFFIXES = ['weight', 'scales', 'offsets', 'global'] as const;
export type PlaneSuffix = (typeof PLANE_SUFFIXES)[number];

/**
 * One buffer of a matrix: for every `terms` terms of every `rows` rows it holds `elements` elements, row after row. What is null
 * reaches over all terms, or over all rows; at the edges of a matrix there may be fewer rows and terms.
 */
export interface Plane {
  readonly suffix: PlaneSuffix;
  readonly element: ElementType;
  readonly elements: number;
  readonly terms: number | null;
  readonly rows: number | null;
}

/** The partials in templates/partials/formats. */
type Decoder =
  | 'dense'
  | 'affine'
  | 'mxfp4'
  | 'nvfp4'
  | 'fp8'
  | 'q8_0'
  | 'nibbles'
  | 'few_bits'
  | 'tq2_0'
  | 'q2_K'
  | 'q3_K'
  | 'q4_K'
  | 'q6_K'
  | 'iq4_xs'
  | 'gguf_mxfp4'
  | 'gguf_nvfp4';

/**
 * How codes lie in a block, where tiles of 16-bit elements take them in pairs: eight to a word, or as bytes, four to a word. Codes are below
 * 128, before `zero` is subtracted: bfloat has room for no more beside the power of two that makes them a number.
 */
type CodePairs = 'nibbles' | 'bytes';

export interface WeightFormat {
  readonly name: string;
  readonly summary: string;
  /** The dtype of dense weights, else null. */
  readonly element: ActivationDtype | null;
  /** Terms that share scale and offset: the unit in which sums are formed. */
  readonly blockTerms: 16 | 32;
  /** Terms that lie together: a row holds whole groups. */
  readonly groupTerms: number;
  readonly hasScale: boolean;
  readonly hasOffset: boolean;
  /** Two neighbouring blocks lie interleaved: lanes that share them exchange halves. */
  readonly isPaired: boolean;
  readonly planes: readonly Plane[];
  readonly decoder: Decoder;
  readonly pairs: CodePairs | null;
  /** What a stored code is more than its value. */
  readonly zero: number;
  /** The dtype of the plane of scales, where that holds numbers of one. */
  readonly scaleElement: ActivationDtype | null;
  /** What else the partial prints, where it serves several formats. */
  readonly words: Readonly<Record<string, number | boolean>>;
}

export interface DenseFormat extends WeightFormat {
  readonly element: ActivationDtype;
}

/** What most formats have in common. */
export const PLAIN = {
  element: null,
  blockTerms: 32,
  groupTerms: 32,
  hasScale: true,
  hasOffset: false,
  isPaired: false,
  pairs: null,
  zero: 0,
  scaleElement: null,
  words: {},
} as const;

/** A plane of which every row has its own elements. */
export function rowPlane(
  suffix: PlaneSuffix,
  element: ElementType,
  elements: number,
  terms: number | null,
): Plane {
  return { suffix, element, elements, terms, rows: 1 };
}
