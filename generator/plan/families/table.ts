// The families of kernels, one row each: the stage of a layer that a family belongs to, the projection whose matrix it multiplies, and the
// rows that it multiplies it with. Every other table of families has this one's names as its keys.

import { MoegenError } from '../../errors.js';
import type { Projection } from '../../description/weights.js';

type Formula = string;

interface Family {
  /** Null for kernels that no layer of the pipeline runs. */
  readonly stage: string | null;
  /** Whose format is the format of its weights. */
  readonly projection?: Projection;
  /** Rows that are multiplied with each matrix, over all experts together; none where there is no matrix. */
  readonly rows?: Formula;
  /** Terms of the sum that each element of the output is. */
  readonly summands?: Formula;
}

const TOKENS = 'num_tokens';
const ASSIGNMENTS = 'num_tokens * top_k';

const ROUTER = { stage: 'router', projection: 'router', rows: TOKENS } as const;
const INDEX = { stage: 'index build' } as const;
const GATE_UP = { stage: 'gate_up', projection: 'gate_up', rows: ASSIGNMENTS } as const;
const DOWN = { stage: 'down', projection: 'down', rows: ASSIGNMENTS } as const;
const ADJUGATE_GATE_UP = {
  stage: 'adjugate gate_up',
  projection: 'adjugate_gate_up',
  rows: ASSIGNMENTS,
} as const;
const ADJUGATE_DOWN = { stage: 'adjugate down', projection: 'adjugate_down', rows: ASSIGNMENTS } as const;
const COMBINE = { stage: 'combine', summands: 'top_k' } as const;
const SHARED = { stage: 'shared expert', rows: TOKENS } as const;
const SHARED_GATE_UP = { ...SHARED, projection: 'shared_gate_up' } as const;
const SHARED_DOWN = { ...SHARED, projection: 'shared_down' } as const;
const SHARED_GATE = { ...SHARED, projection: 'router' } as const;
const LATENT_IN = { stage: 'latent in', projection: 'latent', rows: TOKENS } as const;
const LATENT_OUT = { stage: 'latent out', projection: 'latent', rows: TOKENS } as const;
const OUTSIDE = { stage: null } as const;

const ROWS = {
  router_norm: { stage: 'router' },
  router_logits: ROUTER,
  batched_router_logits: ROUTER,
  router_select: { stage: 'router' },
  index_build: INDEX,
  index_count: INDEX,
  index_scan: INDEX,
  index_scatter: INDEX,
  latent_in: LATENT_IN,
  decode_latent_in: LATENT_IN,
  expert_norm: { stage: 'gate_up' },
  gate_up: GATE_UP,
  skinny_gate_up: GATE_UP,
  decode_gate_up: GATE_UP,
  down: DOWN,
  skinny_down: DOWN,
  decode_down: DOWN,
  adjugate_gate_up: ADJUGATE_GATE_UP,
  skinny_adjugate_gate_up: ADJUGATE_GATE_UP,
  decode_adjugate_gate_up: ADJUGATE_GATE_UP,
  adjugate_down: ADJUGATE_DOWN,
  skinny_adjugate_down: ADJUGATE_DOWN,
  decode_adjugate_down: ADJUGATE_DOWN,
  shared_norm: { stage: 'shared expert' },
  shared_gate_up: SHARED_GATE_UP,
  decode_shared_gate_up: SHARED_GATE_UP,
  shared_down: SHARED_DOWN,
  decode_shared_down: SHARED_DOWN,
  shared_output_norm: { stage: 'shared expert' },
  shared_sigmoid: SHARED_GATE,
  shared_mix: SHARED_GATE,
  combine: COMBINE,
  decode_combine: COMBINE,
  routed_norm: { stage: 'combine' },
  latent_norm: { stage: 'latent out' },
  latent_out: LATENT_OUT,
  decode_latent_out: LATENT_OUT,
  convert: OUTSIDE,
  compact_ids: OUTSIDE,
  dropin_router: OUTSIDE,
  dropin_dispatch: OUTSIDE,
  dropin_assignments: OUTSIDE,
  dropin_entropy: OUTSIDE,
  dropin_mixture: OUTSIDE,
  dropin_decode: OUTSIDE,
  dropin_scatter: OUTSIDE,
  dropin_aggregate: OUTSIDE,
  dropin_gate_up: OUTSIDE,
  dropin_convert: OUTSIDE,
} as const satisfies Readonly<Record<string, Family>>;

export type FamilyName = keyof typeof ROWS;

export type NormName = Extract<FamilyName, `${string}_norm`>;

/** Kernels that no general set has: they are proved within blocks. */
export type BlockFamily = NormName | Extract<FamilyName, `${string}adjugate_${string}`> | 'shared_mix';

export const FAMILIES: Readonly<Record<FamilyName, Family>> = ROWS;

/** Of a family that a layer runs. */
export function stageOf(family: FamilyName): string {
  const { stage } = FAMILIES[family];
  if (stage !== null) return stage;
  throw new MoegenError(
    'plan/no-stage',
    `expected a kernel that layers run, got one of the family ${family}`,
    {
      where: 'generator/plan/families/table.ts',
      help: 'give the family a stage there',
    },
  );
}
