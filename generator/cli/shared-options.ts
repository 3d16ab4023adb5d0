// Options that several commands share.

import { Option } from '@commander-js/extra-typings';
import type { PtxAlignment, PtxMatrix } from '../compile/ptx.js';
import type { MslVersion } from '../compile/types.js';
import { EXPERT_POOLS } from '../description/models/index.js';
import { ACTIVATION_DTYPES } from '../description/dtypes.js';
import { FORMAT_ALIASES, PROJECTIONS, WEIGHT_FORMAT_NAMES } from '../description/weights.js';
import { CHECKS, SUBNORMALS, type Check } from '../native/types.js';
import { listOf, oneOf } from './values.js';

export const MSL_VERSIONS: readonly MslVersion[] = ['3.0', '3.1', '3.2', '4.0'];

export const DEVICES = ['auto', 'metal', 'host', 'cuda'] as const;

const MATRICES: readonly PtxMatrix[] = ['fast', 'ordered'];
const ALIGNMENTS: readonly PtxAlignment[] = ['vector', 'component'];

export function matrixOption(description: string) {
  return new Option('--matrix <kind>', description).argParser(oneOf('--matrix', MATRICES));
}

export function alignmentOption(description: string) {
  return new Option('--alignment <kind>', description).argParser(oneOf('--alignment', ALIGNMENTS));
}

export function allowOption() {
  return new Option('--allow <list>', 'checks to leave out, such as same-value')
    .argParser(listOf('--allow', CHECKS))
    .default<Check[]>([]);
}

export function checksOption(description: string) {
  const list = listOf('--checks', CHECKS);
  const parse = (given: string): Check[] => (given === 'none' ? [] : list(given));
  return new Option('--checks <list>', description)
    .argParser(Object.assign(parse, { values: ['none', ...list.values] }))
    .default<Check[]>([]);
}

export function subnormalsOption(description: string) {
  return new Option('--subnormals <mode>', description).argParser(oneOf('--subnormals', SUBNORMALS));
}

/** One document of JSON cannot hold many runs. */
export function watchOption() {
  return new Option('--watch', 'run again whenever a file that was named changes')
    .conflicts(['json', 'check'])
    .default(false);
}

export function dtypeOption() {
  return new Option('--dtype <list>', 'activation dtypes: f16,bf16,f32 or all')
    .argParser(dtypes())
    .default([...ACTIVATION_DTYPES], 'all');
}

export function expertsOption() {
  return new Option(
    '--experts <pool>',
    'of a model whose images have experts of their own: text or image; text',
  ).argParser(oneOf('--experts', EXPERT_POOLS));
}

export function weightOption(description: string) {
  return new Option('--weights <list>', description).argParser(weights());
}

export function dtypes() {
  return listOf('--dtype', ACTIVATION_DTYPES);
}

/** Names and aliases of formats, or `projection=name`. */
function weights() {
  const names = listOf('--weights', WEIGHT_FORMAT_NAMES);
  const name = oneOf('--weights', [...WEIGHT_FORMAT_NAMES, ...Object.keys(FORMAT_ALIASES)]);
  const projection = oneOf('--weights', PROJECTIONS);
  const parse = (given: string): string[] => {
    const entries = given.split(',').map((entry) => entry.trim());
    const mixed = entries.filter((entry) => entry.includes('='));
    const plain = entries
      .filter((entry) => !entry.includes('='))
      .map((entry) => FORMAT_ALIASES[entry] ?? entry);
    return [
      ...(plain.length === 0 ? [] : names(plain.join(','))),
      ...mixed.map((entry) => {
        const [matrix = '', format = ''] = entry.split('=', 2);
        return `${projection(matrix)}=${FORMAT_ALIASES[format] ?? name(format)}`;
      }),
    ];
  };
  return Object.assign(parse, { values: [...name.values, ...PROJECTIONS.map((own) => `${own}=`)] });
}
