// What the partials of the weight formats print, and how kernels load single elements beside them.

import type { ActivationDtype, Bf16Storage } from '../description/dtypes.js';
import type { WeightFormat } from '../description/weights.js';
import { storageTerms, type StorageUse } from './storage.js';

/** Bits of floats whose unit is the lowest bit, or the bit above a byte, are 2^23 and 2^15 more than the codes there. */
const [LOW_CODE_BASE, HIGH_CODE_BASE] = [2 ** 23, 2 ** 15];

export function formatTerms(format: WeightFormat, bf16Storage: Bf16Storage) {
  const { element, decoder, summary, hasScale, hasOffset, isPaired, pairs, zero, blockTerms } = format;
  const bytes = element === 'f32' ? 64 : 32;
  const scale = storageTerms(format.scaleElement ?? 'f32', bf16Storage);
  return {
    summary,
    hasScale,
    hasOffset,
    isPaired,
    isPlain: blockTerms === 16,
    isHalves: blockTerms === 32 && !isPaired,
    isNibbles: pairs === 'nibbles',
    decoder,
    isWide: element === 'f32',
    isBf16: element === 'bf16',
    isF16: element === 'f16',
    msl: storageTerms(element ?? 'f32', bf16Storage).msl,
    scaleMsl: scale.msl,
    scaleLoad: scale.load,
    lowCodeBase: LOW_CODE_BASE + zero,
    highCodeBase: HIGH_CODE_BASE + zero,
    // A dense block in vectors of 16 bytes, in words of 4, and terms of such a vector.
    blockVectors: bytes / 16,
    blockWords: bytes / 4,
    vectorTerms: element === 'f32' ? 4 : 8,
    ...format.words,
  };
}

/** Biases are stored as dense weights are; beside packed weights, as the activations are. */
export function biasElement(format: WeightFormat, activation: ActivationDtype): ActivationDtype {
  return format.element ?? activation;
}

/** What a kernel's file needs to read its weights' scales and biases. */
export function formatUses(
  format: WeightFormat,
  activation: ActivationDtype,
  hasBias: boolean,
): StorageUse[] {
  const { scaleElement } = format;
  return [
    ...(scaleElement === null ? [] : [{ dtype: scaleElement, loads: true }]),
    ...(hasBias ? [{ dtype: biasElement(format, activation), loads: true }] : []),
  ];
}
