// A checkpoint into one whose experts are in another format, as the tools that know it store it: one matrix after the other is decoded, encoded by
// the rule that the format's reference names, and written where it belongs. Matrices that are in the format already are copied, so that
// quantising again changes nothing. All other tensors are copied, except between safetensors and GGUF: their names are not the same, and
// what is not of a MoE block stays behind.

import { locateLayer, type LocatedLayer } from '../checkpoint/bind.js';
import { moeLayers, withoutRoles, type MoeLayer } from '../checkpoint/formats/layers.js';
import { openUnbound, type UnboundModel } from '../checkpoint/model.js';
import { MoegenError } from '../errors.js';
import type { MoeBlock } from '../description/block.js';
import { layerNaming, type LayerNaming } from './naming.js';
import { otherTensors, plainTensors } from './other-tensors.js';
import { biasTensors, layerMatrices } from './output-matrices.js';
import { groupTermsOf, isQuantised, targetNamed, unsupported, type Target, type Targets } from './target.js';
import { writeCheckpoint, type OutputMatrix, type OutputTensor } from './write.js';
import type { MlxFormat } from './mlx-form.js';

export interface QuantizeChoice {
  /** Of experts and shared experts. */
  readonly format: string;
  /** Of routers; without it they stay as they are. */
  readonly router?: string | undefined;
  readonly onLayer?: ((done: number, all: number) => void) | undefined;
}

export interface QuantizeResult {
  readonly layers: readonly number[];
  readonly matrices: number;
  readonly bytes: number;
  /** Tensors that are no part of a MoE block, and whose names the new file does not know. */
  readonly left: number;
}

/**
 * Throws `quantize/unknown-format`, `quantize/unsupported`, `quantize/partial-group`, `quantize/same-place`, and what reading and encoding
 * throw.
 */
export async function quantize(
  location: string,
  out: string,
  choice: QuantizeChoice,
): Promise<QuantizeResult> {
  const targets = targetsOf(choice);
  const model = await openUnbound(location);
  try {
    return await convert(model, out, targets, choice.onLayer);
  } finally {
    await model.checkpoint.close();
  }
}

function targetsOf({ format, router }: QuantizeChoice): Targets {
  const experts = targetNamed(format);
  if (router === undefined) return { experts, router: null };
  const own = targetNamed(router);
  if (experts.kind === 'mlx' && own.kind === 'mlx') return { experts, router: own };
  throw unsupported('a router', 'MLX alone reads routers that are not dense', '--weights');
}

async function convert(
  model: UnboundModel,
  out: string,
  targets: Targets,
  onLayer: QuantizeChoice['onLayer'],
): Promise<QuantizeResult> {
  const { checkpoint, where, blocks } = model;
  if (blocks.pool !== undefined)
    throw unsupported(
      'experts of text and of images',
      'a file holds them in one list',
      where,
      'quantise it with another tool',
    );
  const { experts } = targets;
  if (experts.kind === 'gguf' && checkpoint.kind === 'gguf' && checkpoint.files.length > 1)
    throw unsupported('GGUF in several files', 'their metadata count them', where, 'merge the files first');
  const isCrossing = (checkpoint.kind === 'gguf') !== (experts.kind === 'gguf');
  const naming = layerNaming(model, experts, isCrossing);
  const matrices: OutputMatrix[] = [];
  const tensors: OutputTensor[] = [];
  const taken = new Set<string>();
  const routers: Record<string, MlxFormat> = {};
  const layers = layersOf(model);
  for (const { block, layer } of layers) {
    const located = locateLayer(block, layer, where);
    const own = layerOutputs(layer, located, targets, naming, where);
    matrices.push(...own.matrices);
    tensors.push(...own.tensors);
    for (const name of own.taken) taken.add(name);
    const [module] = layer.matrices.get('router') ?? [];
    if (targets.router !== null && module !== undefined) routers[module.module] = targets.router.format;
    if (isCrossing) tensors.push(...plainTensors(layer, located, naming));
  }
  for (const { terms, name } of matrices) checkGroups(experts, terms, name);
  const others = isCrossing ? null : otherTensors(model, taken, experts);
  const written = [...(others?.tensors ?? []), ...tensors];
  const bytes = await writeCheckpoint(out, {
    ...{ model, target: experts, matrices, tensors: written },
    overrides: { ...others?.overrides, ...routers },
    leftOut: others?.leftOut ?? [],
    onMatrix: (done) => onLayer?.(done, matrices.length),
  });
  return {
    layers: blocks.blocks.flatMap((each) => each.layers).sort((a, b) => a - b),
    matrices: matrices.length,
    bytes,
    left: isCrossing ? checkpoint.tensors.size - tensorsOf(layers.map(({ layer }) => layer)) : 0,
  };
}

function layersOf({ checkpoint, quantization, blocks, where }: UnboundModel) {
  const found = new Map(moeLayers(checkpoint.tensors, quantization).map((layer) => [layer.index, layer]));
  return blocks.blocks
    .flatMap(({ block, layers }) => layers.map((index) => ({ block, index })))
    .sort((a, b) => a.index - b.index)
    .map(({ block, index }): { readonly block: MoeBlock; readonly layer: MoeLayer } => {
      const layer = found.get(index);
      if (layer !== undefined) return { block, layer: withoutRoles(layer, blocks.ignored ?? []) };
      throw new MoegenError('checkpoint/missing-tensor', `expected experts in layer ${index}, found none`, {
        where,
        help: 'check that all files of the checkpoint are there',
      });
    });
}

function tensorsOf(layers: readonly MoeLayer[]): number {
  const names = layers.flatMap(({ matrices, vectors }) => [
    ...[...matrices.values()].flat().flatMap(({ planes }) => Object.values(planes)),
    ...[...vectors.values()].flat(),
  ]);
  return new Set(names.map(({ name }) => name)).size;
}

interface LayerOutputs {
  readonly matrices: readonly OutputMatrix[];
  readonly tensors: readonly OutputTensor[];
  /** Names of tensors that these replace. */
  readonly taken: readonly string[];
}

function layerOutputs(
  layer: MoeLayer,
  located: LocatedLayer,
  targets: Targets,
  naming: LayerNaming,
  where: string,
): LayerOutputs {
  const chosen = located.matrices.filter(
    ({ role }) => isQuantised(role) || (role === 'router' && targets.router !== null),
  );
  const matrices = layerMatrices(layer, located.traits, chosen, targets, naming, where);
  const biases = [...layer.vectors].filter(([role]) => /^expert_\w+_bias$/.test(role));
  const modules = chosen.flatMap(({ stored }) => stored.flatMap(({ planes }) => Object.values(planes)));
  return {
    matrices,
    tensors: biases.flatMap(([role, tensors]) => biasTensors(layer, located.traits, role, tensors, naming)),
    taken: [...modules, ...biases.flatMap(([, own]) => own)].map(({ name }) => name),
  };
}

function checkGroups(target: Target, terms: number, name: string): void {
  const group = groupTermsOf(target);
  if (terms % group === 0) return;
  throw new MoegenError(
    'quantize/partial-group',
    `expected rows of whole groups of ${group} terms, got ${terms} terms in ${name}`,
    { where: '--weights', help: 'use a format with smaller groups' },
  );
}
