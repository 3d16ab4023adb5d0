// down: the grouped matrix product of the intermediate rows with down_weight. Its output stays in float, for combine to round.

import type { GenerationSpec } from '../../spec/generation.js';
import { bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import { matrixBuffers, plainPart, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import { accessorTerms, storageTerms } from '../storage.js';
import { tileBytes, tileName, TILES, tileTerms, tileThreads } from '../tiles.js';
import type { KernelPlan, TileShape } from '../types.js';
import { downNaming, downVariant, type DownVariant } from '../variants.js';
import { productTerms } from './product.js';
import { expertAxes, partTerm, type ExpertAxes } from './shared.js';

export function downPlans(spec: GenerationSpec): KernelPlan[] {
  return expertAxes(spec).flatMap((axes) => Object.values(TILES).map((tile) => downPlan(spec, axes, tile)));
}

/** The matrix that the routed experts' down kernels multiply, tiled or not. */
export function downMatrices({ order, hasBias, space }: DownVariant): Matrices {
  return {
    parts: [plainPart('down', space.width, hasBias)],
    order,
    columns: space.width,
    terms: 'intermediate_size',
    isPerExpert: true,
  };
}

function downPlan(spec: GenerationSpec, axes: ExpertAxes, tile: TileShape): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const variant = downVariant(spec.block);
  const { width } = variant.space;
  const { words, axes: variantAxes } = downNaming(variant);
  const matrices = downMatrices(variant);
  const input = storageTerms(intermediate.dtype, spec.bf16Storage);
  const stored = storageTerms(weight.element, spec.bf16Storage);
  return {
    name: kernelName('down', ...words, activation, weight.name, intermediate.suffix, tileName(tile)),
    family: 'down',
    folder: activation,
    template: 'down',
    summary: `Grouped down projection of ${intermediate.dtype} rows with ${weight.summary} weights, float output`,
    axes: {
      activation,
      weight: weight.name,
      ...variantAxes,
      intermediate: intermediate.dtype,
      tile: tileName(tile),
    },
    constants: constants(spec, width, 'intermediate_size'),
    bindings: bindings(
      buffer('intermediate', intermediate.dtype, ['num_tokens * top_k', 'intermediate_size'], {
        note: 'rows in expert order',
      }),
      ...matrixBuffers(matrices, weight.element),
      buffer('tile_map', 'u32', ['max_tiles', '3'], { note: 'expert, first row, number of rows' }),
      buffer('expert_output', 'f32', ['num_tokens * top_k', width], {
        access: 'write',
        note: 'rows in expert order',
        open: ['gaps'],
      }),
    ),
    dispatch: {
      threadgroups: [`ceil_div(${width}, ${tile.blockN})`, 'num_tiles', '1'],
      indirect: 'down_threadgroups',
      threadsPerThreadgroup: [tileThreads(tile), 1, 1],
    },
    tile,
    threadgroupBytes: tileBytes(tile, 1),
    mslVersion: spec.mslVersion,
    terms: {
      tile: tileTerms(tile),
      product: productTerms(matrices, stored),
      part: partTerm(matrices, matrices.parts[0], {
        column: 'column',
        biasLoad: stored.load,
        input: 'intermediate[r, i]',
        term: 'i',
        index: 'h',
      }),
      input: { name: 'intermediate', load4: input.load4 },
      accessors: accessorTerms(
        [
          { dtype: intermediate.dtype, loads4: true },
          { dtype: weight.element, loads4: true, loads: variant.hasBias },
        ],
        spec.bf16Storage,
      ),
    },
  };
}
