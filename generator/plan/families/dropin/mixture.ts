// The drop-in matrix kernels that mix several experts for a tile of rows: each reads a tile's activations once for all experts,
// and differs from the others in where the routing comes from, in the weights and in what is done to the sum.

import type { GenerationSpec } from '../../../description/generation.js';
import { tileTerms, tileThreads } from './tiles.js';
import type { DispatchRule, KernelPlan } from '../../types.js';
import { grid, dropInAccessors, dropInPlan, weightedPlans, type DropInContext } from './common.js';
import { dispatchForms } from './dispatch-forms.js';
import { mixtureForms } from './mixture-forms.js';
import { maxSlots, mixtureBytes, resultStride, type MixtureForm } from './mixture-form.js';
import { printed } from '../../printed.js';

export function dropInMixturePlans(spec: GenerationSpec): KernelPlan[] {
  return weightedPlans(spec, (context) =>
    [...mixtureForms(context), ...dispatchForms(context)].map((form) => mixturePlan(context, form)),
  );
}

function mixturePlan(context: DropInContext, form: MixtureForm): KernelPlan {
  const { dtype } = context;
  const { tile, sizes, routing } = form;
  return dropInPlan(context, form.file, form.kernel, {
    family: form.family,
    weight: form.weight.name,
    summary: `${form.summary}, ${dtype}`,
    bindings: form.bindings,
    dispatch: dispatchOf(form),
    tile,
    resultStride: resultStride(tile),
    threadgroupBytes: mixtureBytes(form),
    ...printed('dropin/mixture', {
      tile: tileTerms(tile),
      resultStride: resultStride(tile),
      maxSlots: maxSlots(tile),
      description: [...form.description, ...context.weight.description],
      sizes: { ...sizes },
      operands: [{ name: 'sum' }],
      input: { name: form.input, load4: context.storage.load4 },
      weight: weightTerms(form),
      output: { load: context.storage.load, store: context.storage.store, ...form.output },
      rowGroups: { inWords: rowGroupsInWords(form) },
      splitsRows: form.rowGroups === 'split',
      hasBitWeights: form.bindings.some(({ asBits }) => asBits === true),
      hasExperts: routing.kind !== 'none',
      isListed: routing.kind === 'listed',
      isRouted: routing.kind === 'routed',
      isSorted: routing.kind === 'sorted',
      ...routingTerms(context, form),
      hasShared: form.shared !== null,
      shared: form.shared ?? { isOptional: false },
      accessors: dropInAccessors(context),
    }),
  });
}

/** What the matrix and the scales are called that the loop over experts has come to; the shared expert is one of them. */
function weightTerms({ weight, routing }: MixtureForm) {
  const names =
    routing.kind === 'none'
      ? { matrix: 'shared_weight', scales: 'shared_scales' }
      : { matrix: 'matrix', scales: 'scales' };
  return { ...weight.words, ...names };
}

function dispatchOf({ tile, shape, rowGroups }: MixtureForm): DispatchRule {
  const columns = `ceil_div(${shape.columns}, ${tile.blockN})`;
  const rows = `ceil_div(${shape.tokens}, ${tile.blockM})`;
  switch (rowGroups) {
    case 'tiles':
      return grid(tileThreads(tile), columns, rows);
    case 'strided':
      return grid(tileThreads(tile), columns, shape.experts);
    case 'split':
      return grid(tileThreads(tile), columns, rows, shape.slots);
  }
}

/** What a grid has in y. */
function rowGroupsInWords({ tile, rowGroups }: MixtureForm): string {
  switch (rowGroups) {
    case 'tiles':
      return `${tile.blockM} rows (y)`;
    case 'strided':
      return 'expert (y), which share the rows among them';
    case 'split':
      return `${tile.blockM} rows (y), which the slots (z) share among them`;
  }
}

/** What the template prints for the way in which experts are given. */
function routingTerms({ storage }: DropInContext, { routing }: MixtureForm) {
  const slots = 'slots' in routing ? routing.slots : '';
  switch (routing.kind) {
    case 'none':
      return {};
    case 'listed':
      return {
        progress: { name: 'next_slot', end: slots },
        ids: routing.ids,
        entryWeights: { ...routing.weights },
      };
    case 'routed':
      return {
        progress: { name: 'next_slot', end: slots },
        router: { name: routing.router, load4: storage.load4 },
        logitOperands: [{ name: 'logit' }],
      };
    case 'sorted':
      return {
        progress: { name: 'position', end: 'num_sorted' },
        sorted: { tokens: routing.tokens, hasOffsets: routing.tokens !== 'buckets' },
        entryWeights: { ...routing.weights },
      };
  }
}
