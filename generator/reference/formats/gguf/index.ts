// The GGUF formats, most of them one codec each.

import type { FormatReference } from '../types.js';
import { blockReference, type BlockCodec } from './block.js';
import { FEW_BITS } from './few-bits.js';
import { GGUF_FLOAT4 } from './float4.js';
import { IQ4_NL, IQ4_XS } from './iq4.js';
import { Q2_K } from './q2-k.js';
import { Q3_K } from './q3-k.js';
import { Q4_K, Q5_K } from './q4-q5-k.js';
import { Q6_K } from './q6-k.js';
import { ROUND_TO_NEAREST } from './round-to-nearest.js';

const BLOCKS: readonly BlockCodec[] = [
  ...ROUND_TO_NEAREST,
  Q2_K,
  Q3_K,
  Q4_K,
  Q5_K,
  Q6_K,
  IQ4_NL,
  IQ4_XS,
  ...FEW_BITS,
];

export const GGUF_REFERENCES: readonly FormatReference[] = [...BLOCKS.map(blockReference), ...GGUF_FLOAT4];
