// The JSON that `validate`, `bench` and a probe print, as a report reads it. Of each it takes what it shows; what else there is may
// change.

import { z } from 'zod';
import { MoegenError } from '../errors.js';

const ulps = z.object({ largest: z.number(), counts: z.array(z.number()) });

const verdict = z.object({
  kernel: z.string(),
  ok: z.boolean(),
  trials: z.number(),
  compared: z.number(),
  /** JSON has no infinity: a value that its bound cannot be divided by comes as null. */
  usedShare: z.number().nullable(),
  ulps: z.object({ ...ulps.shape, largest: z.number().nullable() }).optional(),
  failures: z.array(z.object({ case: z.string(), output: z.string(), mismatches: z.number() })).default([]),
  reports: z.array(z.object({ check: z.string(), message: z.string() })).default([]),
  memory: z.array(z.unknown()).default([]),
});
export type Verdict = z.infer<typeof verdict>;

const fixture = z.object({
  file: z.string(),
  model_type: z.string(),
  dtype: z.string(),
  ok: z.boolean(),
  rel_error: z.number().nullable(),
  limit: z.number(),
  rel_error_reference: z.number(),
  rows: z.number(),
  dispatches: z.array(z.string()),
});

const validated = z
  .object({
    device: z.string(),
    machine: z.string().default(''),
    seed: z.number().optional(),
    checks: z.array(z.string()).default([]),
    kernels: z.array(verdict).default([]),
    fixtures: z.array(fixture).default([]),
  })
  .refine(({ kernels, fixtures }) => kernels.length + fixtures.length > 0, 'no kernels and no fixtures');
export type Validated = z.infer<typeof validated>;

const floor = z.object({ read: z.number(), written: z.number(), flops: z.number() });
const stage = z.object({
  stage: z.string(),
  kernel: z.string(),
  floor,
  counted: z
    .object({ bytesRead: z.number(), bytesWritten: z.number(), ratio: z.number(), flops: z.number() })
    .optional(),
  time: z.object({ microseconds: z.number(), ratio: z.number() }).optional(),
});
const benched = z.object({
  model: z.string(),
  device: z.string(),
  machine: z.string(),
  layers: z
    .array(
      z.object({
        activation: z.string(),
        weight: z.string(),
        numTokens: z.number(),
        path: z.string(),
        stages: z.array(stage),
        readBandwidth: z.number().optional(),
      }),
    )
    .min(1),
});
export type Benched = z.infer<typeof benched>;
export type BenchedStage = z.infer<typeof stage>;

const probed = z.object({
  moegenProbe: z.literal(1),
  version: z.string(),
  machine: z.object({ name: z.string(), system: z.string() }),
  languages: z.array(
    z.object({
      version: z.string(),
      kernels: z.number(),
      compiled: z.number(),
      failed: z.array(z.object({ kernel: z.string(), message: z.string() })),
    }),
  ),
  kernels: z.array(verdict),
  answers: z.array(z.object({ question: z.string(), answer: z.string() })),
});
export type Probed = z.infer<typeof probed>;

export const RESULTS = { validated, benched, probed };

/** `command`: what prints such JSON. */
export function parseResult<K extends keyof typeof RESULTS>(
  kind: K,
  text: string,
  { where, command }: { readonly where: string; readonly command: string },
): z.infer<(typeof RESULTS)[K]> {
  const schema: z.ZodType = RESULTS[kind];
  const result = schema.safeParse(jsonOf(text));
  if (result.success) return result.data as z.infer<(typeof RESULTS)[K]>;
  const [first] = result.error.issues;
  const place = first?.path.length ? ` at ${first.path.join('.')}` : '';
  throw new MoegenError(
    'report/unreadable-result',
    `expected the JSON of ${command}, got ${first?.message ?? 'other JSON'}${place}`,
    {
      where,
      help: `print it with \`${command} > FILE\``,
    },
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
}
