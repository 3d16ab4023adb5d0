// The drop-in matrix kernels that mix several experts for a tile of rows: each reads a tile's activations once for all experts,
// and differs from the others in where the routing comes from, in the weights and in what is done to the sum.

import type { GenerationSpec } from '../../../spec/generation.js';
import { accessorTerms } from '../../storage.js';
import { tileTerms, tileThreads } from '../../tiles.js';
import type { KernelPlan, TemplateValue } from '../../types.js';
import { grid, seedPlan, seedPlans, type SeedContext } from './common.js';
import { mixtureForms } from './mixture-forms.js';
import { maxSlots, mixtureBytes, type MixtureForm } from './mixture-form.js';

export function seedMixturePlans(spec: GenerationSpec): KernelPlan[] {
  return seedPlans(spec, (context) => mixtureForms(context).map((form) => mixturePlan(context, form)));
}

function mixturePlan(context: SeedContext, form: MixtureForm): KernelPlan {
  const { spec, dtype } = context;
  const { tile, sizes, weight, routing } = form;
  const columns = `ceil_div(${form.shape.columns}, ${tile.blockN})`;
  const rows = `ceil_div(${form.shape.tokens}, ${tile.blockM})`;
  return seedPlan(context, form.file, form.kernel, {
    family: 'seed_mixture',
    template: 'seed/mixture',
    summary: `${form.summary}, ${dtype}`,
    bindings: form.bindings,
    dispatch: grid(tileThreads(tile), columns, routing.kind === 'sorted' ? form.shape.experts : rows),
    threadgroupBytes: mixtureBytes(form),
    terms: {
      tile: tileTerms(tile),
      maxSlots: maxSlots(tile),
      description: form.description,
      sizes: { ...sizes },
      operands: [{ name: 'sum' }],
      input: { name: form.input, load4: context.storage.load4 },
      weight,
      output: { name: form.output.name, store: context.storage.store, value: form.output.value },
      hasExperts: routing.kind !== 'none',
      isListed: routing.kind === 'listed',
      isRouted: routing.kind === 'routed',
      isSorted: routing.kind === 'sorted',
      ...routingTerms(context, form),
      hasShared: form.shared !== null,
      shared: { weight: '', scales: '', condition: '', ...form.shared },
      accessors: accessorTerms([{ dtype, loads: true, loads4: true, stores: true }], spec.bf16Storage),
    },
  });
}

/** What the template prints for the way in which experts are given. */
function routingTerms({ storage }: SeedContext, { routing }: MixtureForm): Record<string, TemplateValue> {
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
        sorted: { token: routing.token, offsets: routing.offsets },
        entryWeights: { ...routing.weights },
      };
  }
}
