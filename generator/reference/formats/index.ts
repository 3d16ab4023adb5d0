// The float64 references of all weight formats, by name.

import { MoegenError } from '../../errors.js';
import { AFFINE_REFERENCES } from './affine.js';
import { DENSE_REFERENCES } from './dense.js';
import { FP4_REFERENCES } from './fp4.js';
import { FP8_REFERENCES } from './fp8.js';
import { GGUF_REFERENCES } from './gguf/index.js';
import { INTEGER_REFERENCES } from './integers.js';
import { MX_REFERENCES } from './mx.js';
import { NVFP4_REFERENCES } from './nvfp4.js';
import type { FormatReference } from './types.js';

export const FORMAT_REFERENCES: ReadonlyMap<string, FormatReference> = new Map(
  [
    ...DENSE_REFERENCES,
    ...FP4_REFERENCES,
    ...AFFINE_REFERENCES,
    ...MX_REFERENCES,
    ...NVFP4_REFERENCES,
    ...FP8_REFERENCES,
    ...INTEGER_REFERENCES,
    ...GGUF_REFERENCES,
  ].map((format) => [format.name, format]),
);

/** Throws `reference/unknown-format`. */
export function formatReference(name: string): FormatReference {
  const format = FORMAT_REFERENCES.get(name);
  if (format !== undefined) return format;
  throw new MoegenError('reference/unknown-format', `expected the name of a weight format, got "${name}"`, {
    where: 'weight formats',
    help: `use one of ${[...FORMAT_REFERENCES.keys()].join(', ')}`,
  });
}
