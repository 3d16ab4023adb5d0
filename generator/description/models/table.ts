// The model table: one row per model type, as its block is in transformers 5. A row is a block description in which the
// values that a configuration decides are read from it, the names of the tensors, and which layers have the block.

import { groupedSigmoidRows } from './grouped-sigmoid-rows.js';
import { logitRows } from './logit-rows.js';
import type { ModelRow } from './parts.js';
import { parallelRows } from './parallel-rows.js';
import { sigmoidRows } from './sigmoid-rows.js';
import { softmaxRows } from './softmax-rows.js';

export const MODEL_ROWS: readonly ModelRow[] = [
  ...softmaxRows,
  ...logitRows,
  ...groupedSigmoidRows,
  ...sigmoidRows,
  ...parallelRows,
];
