// The weight formats, one row each, by name, and which of them the matrices of a layer have.

import { MoegenError } from '../errors.js';
import type { TensorRole } from './block.js';
import type { ActivationDtype } from './dtypes.js';
import { AFFINE_FORMATS } from './formats/affine.js';
import { DENSE_FORMATS } from './formats/dense.js';
import { FLOAT_FORMATS, GGUF_FLOAT_FORMATS } from './formats/floats.js';
import { GGUF_FORMATS } from './formats/gguf.js';
import type { DenseFormat, WeightFormat } from './formats/types.js';
import { suggest } from './nearest.js';

export { PLANE_SUFFIXES } from './formats/types.js';
export type { DenseFormat, Plane, PlaneSuffix, WeightFormat } from './formats/types.js';

export const WEIGHT_FORMATS = DENSE_FORMATS;

export const QUANTISED_FORMATS: readonly WeightFormat[] = [
  ...AFFINE_FORMATS,
  ...FLOAT_FORMATS,
  ...GGUF_FORMATS,
  ...GGUF_FLOAT_FORMATS,
];

/** What people call the most usual row of a family. */
export const FORMAT_ALIASES: Readonly<Record<string, string>> = {
  affine: 'affine4_g64_bf16',
  ...Object.fromEntries([2, 3, 4, 5, 6, 8].map((bits) => [`affine${bits}`, `affine${bits}_g64_bf16`])),
  fp8: 'fp8_128x128_f32',
};

/** Eight E2M1 codes to a word, lowest bits first, and a half scale for each group of terms. */
export interface Fp4Format {
  readonly name: string;
  readonly summary: string;
  /** Which elements of a matrix have their words side by side: those of all columns, or those of one column. */
  readonly neighbours: 'columns' | 'terms';
}

export const FP4_FORMATS = [
  { name: 'fp4', summary: 'FP4, words [terms / 8, columns]', neighbours: 'columns' },
  { name: 'fp4_nk', summary: 'FP4, words [columns, terms / 8]', neighbours: 'terms' },
] as const satisfies readonly Fp4Format[];

/** In the order of the general set: `all` takes the dense ones and those of the drop-in kernels. */
export const GENERAL_FORMAT_NAMES: readonly string[] = [...WEIGHT_FORMATS, ...FP4_FORMATS].map(
  ({ name }) => name,
);

export const WEIGHT_FORMAT_NAMES: readonly string[] = [
  ...GENERAL_FORMAT_NAMES,
  ...QUANTISED_FORMATS.map(({ name }) => name),
];

/** The rows with these names, in the order of the table; the drop-in kernels' own formats have none. */
export function kernelFormats(names: readonly string[]): WeightFormat[] {
  return [...WEIGHT_FORMATS, ...QUANTISED_FORMATS].filter(({ name }) => names.includes(name));
}

function kernelFormatNames(): string[] {
  return [...WEIGHT_FORMATS, ...QUANTISED_FORMATS].map(({ name }) => name);
}

export function denseFormat(element: ActivationDtype): DenseFormat {
  const format = WEIGHT_FORMATS.find(({ name }) => name === element);
  if (format === undefined) throw new Error(`no dense format ${element}`);
  return format;
}

export function formatNamed(name: string): WeightFormat {
  const [format] = kernelFormats([FORMAT_ALIASES[name] ?? name]);
  if (format !== undefined) return format;
  throw new MoegenError('spec/unknown-weights', `expected a weight format of the pipeline, got '${name}'`, {
    where: 'weight formats',
    help: suggest(name, kernelFormatNames(), '`moegen list --formats` shows all'),
  });
}

/** Those in which the kernels of a model come; FP4 is for the drop-in kernels alone. */
export function modelFormats(names: readonly string[]): WeightFormat[] {
  const formats = kernelFormats(names);
  if (formats.length > 0) return formats;
  throw new MoegenError('spec/no-model-weights', `expected weights of a model, got ${names.join(', ')}`, {
    where: 'weight formats',
    help: suggest(names[0] ?? '', kernelFormatNames(), '`moegen list --formats` shows all'),
  });
}

/** The matrices whose format is chosen by itself. */
export const PROJECTIONS = [
  ...(['router', 'gate_up', 'down', 'adjugate_gate_up', 'adjugate_down'] as const),
  ...(['shared_gate_up', 'shared_down', 'latent'] as const),
] as const;
export type Projection = (typeof PROJECTIONS)[number];
export type FormatMix = Readonly<Partial<Record<Projection, string>>>;

/** The matrices of a projection have one format, since one kernel multiplies them, or several in the same way. */
export const PROJECTION_ROLES: Readonly<Record<Projection, readonly TensorRole[]>> = {
  router: ['router', 'shared_sigmoid_gate', 'shared_mix'],
  gate_up: ['expert_gate_up', 'expert_gate', 'expert_up'],
  down: ['expert_down'],
  adjugate_gate_up: ['adjugate_gate_up', 'adjugate_gate', 'adjugate_up'],
  adjugate_down: ['adjugate_down'],
  shared_gate_up: ['shared_gate_up', 'shared_gate', 'shared_up'],
  shared_down: ['shared_down'],
  latent: ['latent_in', 'latent_out'],
};

/** The format of a projection where the layer's is `name`: routers stay dense. */
export function projectionFormat(
  projection: Projection,
  name: string,
  activation: ActivationDtype,
  mix: FormatMix = {},
): WeightFormat {
  const chosen = mix[projection];
  if (chosen !== undefined) return formatNamed(chosen);
  const format = formatNamed(name);
  return projection === 'router' && format.element === null ? denseFormat(activation) : format;
}

/** What `--weights` may say: names for whole layers, and `projection=name` for one of their matrices. */
export interface WeightChoice {
  readonly names: readonly string[];
  readonly mix: FormatMix;
}

export function splitWeights(entries: readonly string[]): WeightChoice {
  const mixed = entries.filter((entry) => entry.includes('='));
  return {
    names: entries.filter((entry) => !entry.includes('=')),
    mix: Object.fromEntries(mixed.map((entry) => entry.split('=', 2) as [string, string])),
  };
}

/** The same as `--weights` says it. */
export function mixEntries(mix: FormatMix): string[] {
  return Object.entries(mix).map(([projection, format]) => `${projection}=${format}`);
}
