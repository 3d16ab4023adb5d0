// The weight formats as people read about them, in the command line and in the documentation.

import {
  FORMAT_ALIASES,
  FP4_FORMATS,
  QUANTISED_FORMATS,
  WEIGHT_FORMATS,
  type Plane,
  type WeightFormat,
} from './weights.js';

export interface FormatRow {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  /** Buffers of a matrix, each with what it holds for how many terms of a row. */
  readonly planes: readonly string[];
  /** Terms that share a scale; null where there is none, or where the kernel's arguments say it. */
  readonly blockTerms: number | null;
  /** A row holds whole groups of so many terms; null where the kernel's arguments say it. */
  readonly groupTerms: number | null;
  /** The partial that decodes it, below the package's folder; null where the drop-in kernels do it themselves. */
  readonly source: string | null;
  /** Whether experts, shared experts and latent projections come in it, or the drop-in kernels alone. */
  readonly inModels: boolean;
}

export function formatRows(): FormatRow[] {
  const dropIn = FP4_FORMATS.map(({ name, summary }) => {
    const planes = ['weight', 'scales'];
    const unknown = { blockTerms: null, groupTerms: null, source: null };
    return { name, aliases: aliasesOf(name), summary, planes, ...unknown, inModels: false };
  });
  return [...[...WEIGHT_FORMATS, ...QUANTISED_FORMATS].map(describe), ...dropIn];
}

function describe(format: WeightFormat): FormatRow {
  const { name, summary, planes, hasScale, blockTerms, groupTerms, decoder } = format;
  return {
    name,
    aliases: aliasesOf(name),
    summary,
    planes: planes.map(describePlane),
    blockTerms: hasScale ? blockTerms : null,
    groupTerms,
    source: `templates/partials/formats/${decoder}.hbs`,
    inModels: true,
  };
}

function aliasesOf(name: string): string[] {
  return Object.keys(FORMAT_ALIASES).filter((alias) => FORMAT_ALIASES[alias] === name);
}

function describePlane({ suffix, element, elements, terms, rows }: Plane): string {
  if (terms === null && rows === null) return `${suffix}: ${element} for the matrix`;
  const count = elements === 1 ? element : `${elements} ${element}`;
  const reach = terms === null ? 'row' : terms === 1 ? 'term' : `${terms} terms`;
  const tile = rows === null || rows === 1 ? '' : ` of ${rows} rows`;
  return `${suffix}: ${count} for each ${reach}${tile}`;
}
