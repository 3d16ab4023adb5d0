// A file with inputs and outputs of a model's MoE layers, to compare with what kernels give for a checkpoint.

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { MoegenError } from '../../errors.js';

/** Row-major: `x` and `y` are [tokens, hidden]; further keys are not read. */
const layerSchema = z.object({
  layer: z.int().nonnegative(),
  tokens: z.int().positive(),
  hidden: z.int().positive(),
  x: z.array(z.number()),
  y: z.array(z.number()),
});
const fileSchema = z.object({ layers: z.array(layerSchema).min(1) });

export type ExpectedLayer = z.output<typeof layerSchema>;

/** Throws `validate/invalid-expected`. */
export async function readExpected(file: string): Promise<readonly ExpectedLayer[]> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause), file, cause);
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error), file);
  for (const { layer, tokens, hidden, x, y } of parsed.data.layers) {
    const wanted = tokens * hidden;
    if (x.length === wanted && y.length === wanted) continue;
    throw invalid(`layer ${layer} has ${x.length} and ${y.length} numbers of ${tokens} x ${hidden}`, file);
  }
  return parsed.data.layers;
}

function invalid(reason: string, where: string, cause?: unknown): MoegenError {
  return new MoegenError(
    'validate/invalid-expected',
    `expected a JSON file {"layers": [{"layer", "tokens", "hidden", "x", "y"}]}: ${reason}`,
    { where, help: 'correct the file given with --expect', cause },
  );
}
