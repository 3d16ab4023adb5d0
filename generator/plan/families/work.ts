// What the families of a layer do: the stage that each belongs to, and the rows that its matrices are multiplied with.

import { MoegenError } from '../../errors.js';
import type { Formula } from '../types.js';

interface Work {
  readonly stage: string;
  /** Rows that are multiplied with each matrix, over all experts together; none where there is no matrix. */
  readonly rows?: Formula;
  /** Terms of the sum that each element of the output is. */
  readonly summands?: Formula;
}

const TOKENS = 'num_tokens';
const ASSIGNMENTS = 'num_tokens * top_k';

const WORK: Readonly<Record<string, Work>> = {
  router_logits: { stage: 'router', rows: TOKENS },
  router_select: { stage: 'router' },
  router: { stage: 'router', rows: TOKENS },
  index_count: { stage: 'index build' },
  index_scan: { stage: 'index build' },
  index_scatter: { stage: 'index build' },
  latent_in: { stage: 'latent in', rows: TOKENS },
  decode_latent_in: { stage: 'latent in', rows: TOKENS },
  gate_up: { stage: 'gate_up', rows: ASSIGNMENTS },
  decode_gate_up: { stage: 'gate_up', rows: ASSIGNMENTS },
  down: { stage: 'down', rows: ASSIGNMENTS },
  shared_gate_up: { stage: 'shared expert', rows: TOKENS },
  decode_shared_gate_up: { stage: 'shared expert', rows: TOKENS },
  shared_down: { stage: 'shared expert', rows: TOKENS },
  decode_shared_down: { stage: 'shared expert', rows: TOKENS },
  shared_sigmoid: { stage: 'shared expert', rows: TOKENS },
  combine: { stage: 'combine', summands: 'top_k' },
  decode_down: { stage: 'down, combine', rows: ASSIGNMENTS, summands: 'top_k' },
  latent_out: { stage: 'latent out', rows: TOKENS },
  decode_latent_out: { stage: 'latent out', rows: TOKENS },
};

export function workOf(family: string): Work {
  const work = WORK[family];
  if (work !== undefined) return work;
  throw new MoegenError('plan/no-work', `the work of ${family} kernels is not known`, {
    where: 'generator/plan/families/work.ts',
    help: 'add a row for the family',
  });
}
