// The layers of a model with the formats that its configuration says: blocks whose matrices come in different formats are different,
// and packed matrices lie by rows, whatever order the model has in memory.

import { MoegenError } from '../../errors.js';
import type { MoeBlock, TensorRole } from '../../description/block.js';
import { checkBlock } from '../../description/check-block.js';
import type { LayerBlocks } from '../../description/models/index.js';
import {
  FORMAT_ALIASES,
  PROJECTION_ROLES,
  WEIGHT_FORMAT_NAMES,
  WEIGHT_FORMATS,
  type FormatMix,
  type Projection,
} from '../../description/weights.js';
import { ACTIVATION_DTYPES } from '../../description/dtypes.js';
import type { IntegerLayout } from '../../description/recipes.js';
import { affineFormat } from '../repack.js';
import { readQuantization } from './quantization.js';
import { namesOf, publishedBlock, roleFormats, type RoleFormat } from './role-formats.js';

/**
 * The layers with a format for each projection, or as they are where nothing is quantised. `beside` is a configuration that says what
 * files beside it do, or null. Throws `checkpoint/unknown-quantization`, `checkpoint/mixed-formats` and `checkpoint/unsupported-format`.
 */
export function configuredLayers(
  config: unknown,
  layers: LayerBlocks,
  where: string,
  beside: unknown = null,
): LayerBlocks {
  const quantization = readQuantization(config, where, beside);
  if (quantization.method === 'none') return layers;
  const names = namesOf(config, quantization, where);
  const blocks = layers.blocks.flatMap(({ block, layers: numbers }) => {
    const published = publishedBlock(block, names, where);
    const groups = new Map<string, { readonly formats: FormatMix; readonly layers: number[] }>();
    for (const layer of numbers) {
      const formats: FormatMix = Object.fromEntries(
        roleFormats(published, layer, names, quantization, where).map(
          (role) => [role.projection, supported(role, layer, where)] as const,
        ),
      );
      const key = JSON.stringify(formats);
      const known = groups.get(key) ?? { formats, layers: [] as number[] };
      known.layers.push(layer);
      groups.set(key, known);
    }
    return [...groups.values()].map((group) => ({
      ...group,
      block: storedBlock(block, group.formats, where),
    }));
  });
  const sorted = blocks.toSorted((a, b) => (a.layers[0] ?? 0) - (b.layers[0] ?? 0));
  return { ...layers, blocks: sorted };
}

/** Integers are kept as affine, whose kernels take them; products of zero points and scales are exact in float. */
function supported({ format, projection, terms }: RoleFormat, layer: number, where: string): string {
  const found = [format, affineOf(format, terms, where)].map((name) => FORMAT_ALIASES[name] ?? name);
  const known = found.find((name) => WEIGHT_FORMAT_NAMES.includes(name));
  if (known !== undefined) return known;
  throw new MoegenError(
    'checkpoint/unsupported-format',
    `${projection} of layer ${layer} is in the format ${format}, for which there are no kernels`,
    {
      where,
      help: `pass --weights with one of the formats that moegen has (such as ${ACTIVATION_DTYPES.join(', ')}), and convert the weights to it`,
    },
  );
}

/** Bits, group and type of scales, of words and of bytes. */
const INTEGERS = /^(?:int(\d)|i8)_(?:g(\d+)|channel|tensor)_(f16|bf16|f32)(_asym)?$/;

function affineOf(format: string, terms: number, where: string): string {
  const [isInteger, bits = '8', group, type, zeros] = INTEGERS.exec(format) ?? [];
  if (isInteger === undefined) return format;
  const layout = {
    ...{ bits: Number(bits) as IntegerLayout['bits'], scaleType: type as IntegerLayout['scaleType'] },
    ...{ terms, group: group === undefined ? null : Number(group) },
  };
  return affineFormat(layout, zeros !== undefined, where).format;
}

/** Packed matrices lie as [out, in]; the shapes of their tensors follow from that. */
function storedBlock(block: MoeBlock, formats: FormatMix, where: string): MoeBlock {
  const { tensors, ...traits } = block;
  const isPacked = (projection: Projection) =>
    !WEIGHT_FORMATS.some(({ name }) => name === (formats[projection] ?? name));
  const [gateUp, down] = [isPacked('gate_up'), isPacked('down')];
  const experts = {
    ...traits.experts,
    ...(gateUp && { gateUpOrder: 'out_in' as const }),
    ...(down && { downOrder: 'out_in' as const }),
  };
  const moved = new Set<TensorRole>([
    ...(experts.gateUpOrder === traits.experts.gateUpOrder ? [] : PROJECTION_ROLES.gate_up),
    ...(experts.downOrder === traits.experts.downOrder ? [] : PROJECTION_ROLES.down),
  ]);
  const named = Object.entries(tensors).map(
    ([role, tensor]) => [role, moved.has(role as TensorRole) ? { name: tensor.name } : tensor] as const,
  );
  return checkBlock({ ...traits, experts, tensors: Object.fromEntries(named) }, where);
}
