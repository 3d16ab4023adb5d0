// The format of each matrix of a block, as a configuration alone tells it: under the names that the model is published with, or those that
// MLX gives it.

import { MoegenError } from '../../errors.js';
import type { MoeBlock, TensorRole } from '../../description/block.js';
import { checkBlock } from '../../description/check-block.js';
import { wrappedConfigs } from '../../description/models/find-model.js';
import { modelTypeOf } from '../../description/models/index.js';
import { PROJECTION_ROLES, PROJECTIONS, type Projection } from '../../description/weights.js';
import { expertShape } from '../bind-layout.js';
import { moduleAt } from './names.js';
import { publishedNames, type PublishedNames } from './published-names.js';
import type { Quantization } from './quantization.js';

type Values = Readonly<Record<string, unknown>>;

/** `config` is that of the whole model. */
export function namesOf(
  config: unknown,
  { method }: Pick<Quantization, 'method'>,
  where: string,
): PublishedNames {
  const types = wrappedConfigs(config as Values).flatMap(({ model_type: type }) =>
    typeof type === 'string' ? [type] : [''],
  );
  return publishedNames(modelTypeOf(config, where), types, method);
}

/** The block as its matrices are published: gate and up apart where they are modules, rows as inputs in bare parameters alone. */
export function publishedBlock(block: MoeBlock, names: PublishedNames, where: string): MoeBlock {
  const { experts, shared } = block;
  const isApart = names.modules.expert_gate_up === undefined;
  const isSharedApart = shared?.layout === 'packed' && names.modules.shared_gate_up === undefined;
  const order = names.isInOut ? 'in_out' : 'out_in';
  return checkBlock(
    {
      ...block,
      experts: {
        ...experts,
        gateUp: experts.gateUp !== 'ungated' && isApart ? 'separate' : experts.gateUp,
        gateUpOrder: order,
        downOrder: names.modules.expert_down === 'experts.mlp.w2' ? 'in_out' : order,
      },
      shared: isSharedApart ? { ...shared, layout: 'separate' } : shared,
      tensors: {},
    },
    where,
  );
}

export interface RoleFormat {
  readonly role: TensorRole;
  readonly projection: Projection;
  /** As the tool calls it. */
  readonly format: string;
  /** Of a row of the matrix as it is packed. */
  readonly terms: number;
}

/** Of a block as it is published. Throws `checkpoint/unknown-names`, `checkpoint/unknown-quantization`, `checkpoint/mixed-formats`. */
export function roleFormats(
  block: MoeBlock,
  layer: number,
  names: PublishedNames,
  quantization: Quantization,
  where: string,
): RoleFormat[] {
  return PROJECTIONS.flatMap((projection) => {
    const formats = PROJECTION_ROLES[projection].flatMap((role): RoleFormat[] => {
      if (block.tensors[role] === undefined) return [];
      const module = moduleAt(names.prefix.replace('{layer}', String(layer)), nameOf(role, names, where), 0);
      const isLeft = projection === 'router' || names.dense.includes(role);
      const format =
        role === 'router' && names.hasBareRouter
          ? quantization.dense
          : quantization.formatOf(otherNames(module), isLeft);
      return [{ role, projection, format, terms: packedTerms(block, role) }];
    });
    const [first] = formats;
    const other = formats.find(({ format }) => format !== first?.format);
    if (other === undefined) return formats;
    throw new MoegenError(
      'checkpoint/mixed-formats',
      `expected one format for ${projection} of layer ${layer}, got ${first?.format ?? ''} and ${other.format}`,
      { where, help: 'pass --weights with a format that moegen has, and convert the weights to it' },
    );
  });
}

function packedTerms(block: MoeBlock, role: TensorRole): number {
  const { experts } = block;
  const rows = { ...experts, gateUpOrder: 'out_in', downOrder: 'out_in' } as const;
  return expertShape({ ...block, experts: rows }, role).terms;
}

/** What a role is called in files. Throws `checkpoint/unknown-names`. */
export function nameOf(role: TensorRole, { modules, refusal }: PublishedNames, where: string): string {
  const name = modules[role];
  if (name !== undefined) return name;
  throw new MoegenError(
    'checkpoint/unknown-names',
    `it is not known how the ${role} of this model is published${refusal === null ? '' : `: ${refusal}`}`,
    { where, help: 'give the checkpoint itself: moegen model DIR' },
  );
}

/** What stands before the layers of models that are wrapped or not: tools do not agree on it. */
const PREFIXES = [
  ...['model', 'model.language_model', 'language_model.model', 'language_model', 'thinker.model'],
  'backbone',
];

function otherNames(module: string): string[] {
  const at = module.search(/\blayers\./);
  if (at < 0) return [module];
  return [
    ...new Set([module, ...PREFIXES.map((prefix) => `${prefix}.${module.slice(at)}`), module.slice(at)]),
  ];
}
