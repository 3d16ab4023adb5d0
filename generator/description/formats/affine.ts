// MLX's affine quantisation: unsigned codes, and a scale and an offset for each group of terms.

import { ACTIVATION_DTYPES, type ActivationDtype } from '../dtypes.js';
import { PLAIN, rowPlane, type WeightFormat } from './types.js';

const BITS = [2, 3, 4, 5, 6, 8] as const;
const GROUPS = [32, 64, 128] as const;

function affine(
  bits: (typeof BITS)[number],
  groupTerms: (typeof GROUPS)[number],
  scaleElement: ActivationDtype,
): WeightFormat {
  const isVectors = bits === 4 || bits === 8;
  const isWhole = 32 % bits === 0;
  return {
    ...PLAIN,
    name: `affine${bits}_g${groupTerms}_${scaleElement}`,
    summary: `affine ${bits}-bit in groups of ${groupTerms}, ${scaleElement} scales`,
    groupTerms,
    hasOffset: true,
    planes: [
      isWhole ? rowPlane('weight', 'u32', 1, 32 / bits) : rowPlane('weight', 'u32', bits, 32),
      rowPlane('scales', scaleElement, 1, groupTerms),
      rowPlane('offsets', scaleElement, 1, groupTerms),
    ],
    decoder: 'affine',
    pairs: bits === 4 ? 'nibbles' : null,
    scaleElement,
    words: {
      bits,
      groupTerms,
      isVectors,
      isEven: bits % 2 === 0,
      largestCode: 2 ** bits - 1,
      // A block in vectors of 16 bytes, and terms of a word.
      blockVectors: bits / 4,
      wordTerms: 32 / bits,
    },
  };
}

export const AFFINE_FORMATS: readonly WeightFormat[] = BITS.flatMap((bits) =>
  GROUPS.flatMap((group) => ACTIVATION_DTYPES.map((scales) => affine(bits, group, scales))),
);
