// Where quantised matrices go: the kinds of files that tools know a format by, and of each what its tensors are called.

import { MoegenError } from '../errors.js';
import type { TensorRole } from '../description/block.js';
import { FORMAT_ALIASES } from '../description/weights.js';
import { GGUF_TYPES } from '../checkpoint/gguf-types.js';
import { formatReference, FORMAT_REFERENCES } from '../reference/formats/index.js';
import { MLX_FORMATS, type MlxFormat } from './mlx-form.js';
import { PUBLISHED_FORMATS, type PublishedFormat } from './published-form.js';

/** A tensor that holds matrices, or a part of each, one after the other. */
export interface OutputPlane {
  /** As the format calls it, or `shape`, the extents of the matrix. */
  readonly plane: string;
  readonly name: string;
  /** As safetensors or GGUF spells it. */
  readonly type: string;
  readonly shape: readonly number[];
}

/** What `--weights` names: a format, and who writes files with it. */
export type Target =
  | { readonly kind: 'mlx'; readonly format: MlxFormat }
  | { readonly kind: 'published'; readonly format: PublishedFormat }
  | { readonly kind: 'gguf'; readonly format: { readonly name: string } };

const GGUF_NAMES: readonly string[] = [...GGUF_TYPES.values()].flatMap(({ name }) =>
  FORMAT_REFERENCES.has(name) && !['f16', 'bf16', 'f32'].includes(name) ? [name] : [],
);

/** Throws `quantize/unknown-format`. */
export function targetNamed(given: string): Target {
  const name = FORMAT_ALIASES[given] ?? given;
  const mlx = MLX_FORMATS.find((format) => format.name === name);
  if (mlx !== undefined) return { kind: 'mlx', format: mlx };
  const published = PUBLISHED_FORMATS.find((format) => format.name === name);
  if (published !== undefined) return { kind: 'published', format: published };
  if (GGUF_NAMES.includes(name)) return { kind: 'gguf', format: { name } };
  throw new MoegenError('quantize/unknown-format', `expected a format that has a quantiser, got ${given}`, {
    where: '--weights',
    help:
      'use affineBITS_gGROUP_TYPE (2 to 8 bits, groups of 32, 64 or 128, scales f16, bf16 or f32), mxfp4, mxfp8 or nvfp4_plain as MLX stores ' +
      `them; ${PUBLISHED_FORMATS.map((format) => format.name).join(', ')}; or of GGUF ${GGUF_NAMES.join(', ')}`,
  });
}

/** A row of a matrix holds whole groups of so many terms. */
export function groupTermsOf({ format }: Target): number {
  return formatReference(format.name).groupTerms;
}

/** Whether a role is that of a matrix that is quantised with the experts. */
export function isQuantised(role: TensorRole): boolean {
  return /^(?:expert|adjugate|shared)_(?:gate_up|gate|up|down)$/.test(role);
}

/** One for experts and shared experts, perhaps another for routers. */
export interface Targets {
  readonly experts: Target;
  readonly router: (Target & { readonly kind: 'mlx' }) | null;
}

export function unsupported(
  what: string,
  reason: string,
  where: string,
  help = 'give the checkpoint in safetensors, with what lies beside the experts not quantised',
): MoegenError {
  return new MoegenError('quantize/unsupported', `${what} cannot be quantised: ${reason}`, { where, help });
}
