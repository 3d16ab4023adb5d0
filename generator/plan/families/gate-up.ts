// gate_up: the grouped matrix product of gathered tokens with the gate and up matrices, ending in the activation.

import type { GenerationSpec } from '../../spec/generation.js';
import { bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import { gateUpParts, layoutNote, matrixBuffers, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import { accessorTerms, storageTerms } from '../storage.js';
import { tileBytes, tileName, TILES, tileTerms, tileThreads } from '../tiles.js';
import type { KernelPlan, TileShape } from '../types.js';
import { gateUpNaming, gateUpVariants, type GateUpVariant } from '../variants.js';
import { productTerms } from './product.js';
import {
  activationTerms,
  expertAxes,
  gluConstants,
  gluTerms,
  partTerms,
  ROUTED_GLU,
  type ExpertAxes,
} from './shared.js';

export function gateUpPlans(spec: GenerationSpec): KernelPlan[] {
  return expertAxes(spec).flatMap((axes) =>
    gateUpVariants(spec).flatMap((variant) =>
      Object.values(TILES).map((tile) => gateUpPlan(spec, axes, variant, tile)),
    ),
  );
}

/** The matrices that the routed experts' gate_up kernels multiply, tiled or not. */
export function gateUpMatrices({ layout, order, hasBias, space }: GateUpVariant): Matrices {
  const columns = 'intermediate_size';
  const parts = gateUpParts(layout, { prefix: '', hasBias, columns });
  return { parts, order, columns, terms: space.width, isPerExpert: true };
}

function gateUpPlan(
  spec: GenerationSpec,
  axes: ExpertAxes,
  variant: GateUpVariant,
  tile: TileShape,
): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const { glu, layout, order, isInputWeighted, space } = variant;
  const { words, axes: variantAxes } = gateUpNaming(variant);
  const matrices = gateUpMatrices(variant);
  const inputDtype = space.isLatent ? 'f32' : activation;
  const input = storageTerms(inputDtype, spec.bf16Storage);
  const stored = storageTerms(weight.element, spec.bf16Storage);
  const result = storageTerms(intermediate.dtype, spec.bf16Storage);
  return {
    name: kernelName('gate_up', ...words, activation, weight.name, intermediate.suffix, tileName(tile)),
    family: 'gate_up',
    folder: activation,
    template: 'gate_up',
    summary: `Grouped gate and up projections of gathered ${activation} tokens with ${weight.summary} weights, ${glu.summary}`,
    axes: {
      activation,
      weight: weight.name,
      ...variantAxes,
      intermediate: intermediate.dtype,
      tile: tileName(tile),
    },
    constants: constants(spec, space.width, 'intermediate_size', 'top_k', ...gluConstants(glu, ROUTED_GLU)),
    bindings: bindings(
      buffer(space.states, inputDtype, ['num_tokens', space.width]),
      ...matrixBuffers(matrices, weight.element, layoutNote(layout, order)),
      buffer('sorted_assignments', 'u32', ['num_tokens * top_k'], {
        note: 'token * top_k + slot, in expert order',
      }),
      ...(isInputWeighted ? [buffer('topk_weights', 'f32', ['num_tokens', 'top_k'])] : []),
      buffer('tile_map', 'u32', ['max_tiles', '3'], { note: 'expert, first row, number of rows' }),
      buffer('intermediate', intermediate.dtype, ['num_tokens * top_k', 'intermediate_size'], {
        access: 'write',
        note: 'rows in expert order',
        open: ['gaps'],
      }),
    ),
    dispatch: {
      threadgroups: [`ceil_div(intermediate_size, ${tile.blockN})`, 'num_tiles', '1'],
      indirect: 'gate_up_threadgroups',
      threadsPerThreadgroup: [tileThreads(tile), 1, 1],
    },
    tile,
    threadgroupBytes: tileBytes(tile, matrices.parts.length),
    mslVersion: spec.mslVersion,
    terms: {
      tile: tileTerms(tile),
      product: productTerms(matrices, stored),
      parts: partTerms(matrices, {
        column: 'column',
        biasLoad: stored.load,
        input: isInputWeighted ? 'x[h]' : `${space.states}[token, h]`,
        term: 'h',
        index: 'i',
      }),
      input: { name: space.states, load4: input.load4, isWeighted: isInputWeighted },
      result: { name: 'intermediate', columns: 'intermediate_size', store: result.store },
      accessors: accessorTerms(
        [
          { dtype: inputDtype, loads4: true },
          { dtype: weight.element, loads4: true, loads: variant.hasBias },
          { dtype: intermediate.dtype, stores: true },
        ],
        spec.bf16Storage,
      ),
      glu: gluTerms(glu, ROUTED_GLU),
      activation: activationTerms(glu),
    },
  };
}
