// The drop-in matrix kernels of the dispatch file: one linear layer whose rows go to several experts, in four forms that differ in
// how the assignments of rows to experts are given and in the grid.

import type { GenerationSpec } from '../../../spec/generation.js';
import { argument, bindings, buffer, structArgument, structLayout } from '../../bindings.js';
import { accessorTerms, storageTerms } from '../../storage.js';
import type { Binding, DispatchRule, KernelPlan, TemplateValue } from '../../types.js';
import { grid, seedPlan, seedPlans, type SeedContext } from './common.js';
import { ROW_TILE, ROW_TILE_BYTES, rowTileTerms } from './row-tile.js';

const FILE = 'moe_dispatch';

const PARAMS = structLayout('MoEDispatchParams', [
  ['batch_size', 'u32'],
  ['hidden_dim', 'u32'],
  ['out_dim', 'u32'],
  ['num_experts', 'u32'],
  ['top_k', 'u32'],
  ['group_size', 'u32'],
]);

const CAPACITY = argument('max_per_expert', 'entries of a bucket');

/** Words along the terms, eight to a word, and their scales. */
const FP4_BUFFERS = [
  buffer('expert_weight', 'u32', ['num_experts', 'ceil_div(hidden_dim, 8)', 'out_dim'], {
    note: 'FP4, 8 terms to a word',
  }),
  buffer('scales', 'f16', ['num_experts', 'ceil_div(hidden_dim, group_size)', 'out_dim']),
];

/** Where an expert's words and scales begin. */
const FP4_OPERANDS: TemplateValue = [
  'expert_weight + ulong(expert) * ((params.hidden_dim + 7) / 8) * params.out_dim',
  'scales + ulong(expert) * ((params.hidden_dim + params.group_size - 1) / params.group_size) * params.out_dim',
  'params.group_size',
];

interface Form {
  readonly kernel: string;
  readonly summary: string;
  /** The buffers that say which rows an expert gets. */
  readonly routing: (context: SeedContext) => Omit<Binding, 'index'>[];
  /** Where an expert's entries lie; each row has its own slots otherwise. */
  readonly entries: Readonly<Record<'name' | 'weights' | 'begin' | 'end' | 'perRow', string>> | null;
  readonly source: string;
  readonly isAdded: boolean;
  readonly isFloatOutput: boolean;
  readonly hasCapacity: boolean;
  readonly dispatch: DispatchRule;
  readonly gridInWords: string;
  readonly notes: readonly string[];
}

const COLUMN_GROUPS = `ceil_div(out_dim, ${ROW_TILE.columns})`;
const ROW_GROUPS = `ceil_div(batch_size, ${ROW_TILE.rows})`;
const GROUP_IN_WORDS = `one threadgroup of ${ROW_TILE.threads} threads per ${ROW_TILE.columns} columns (x)`;

const OWNER_NOTES = [
  'Each threadgroup owns every expert of its rows, instead of all rows of one expert: no two threadgroups add to one output.',
  'What output held before is added once, in float.',
];

const SLOTS = {
  routing: ({ dtype }: SeedContext) => [
    buffer('topk_ids', 'u32', ['batch_size', 'top_k']),
    buffer('topk_weights', dtype, ['batch_size', 'top_k']),
  ],
  entries: null,
  source: 'slots',
  hasCapacity: false,
} as const;

const PER_EXPERT = {
  isAdded: true,
  isFloatOutput: false,
  dispatch: grid(ROW_TILE.threads, COLUMN_GROUPS, 'num_experts'),
  gridInWords: `${GROUP_IN_WORDS} and expert (y), which share the rows among them, ${ROW_TILE.rows} at a time.`,
} as const;

const FORMS: readonly Form[] = [
  {
    ...SLOTS,
    kernel: 'moe_dispatch_fused',
    summary: 'Linear layer of each row with the experts of its slots',
    isAdded: false,
    isFloatOutput: false,
    dispatch: grid(ROW_TILE.threads, COLUMN_GROUPS, ROW_GROUPS),
    gridInWords: `${GROUP_IN_WORDS} and ${ROW_TILE.rows} rows (y).`,
    notes: [],
  },
  {
    ...SLOTS,
    kernel: 'moe_dispatch_parallel',
    summary: 'Linear layer of each row with the experts of its slots, added in float',
    isAdded: true,
    isFloatOutput: true,
    dispatch: grid(ROW_TILE.threads, COLUMN_GROUPS, ROW_GROUPS, 'top_k'),
    gridInWords: `${GROUP_IN_WORDS}, ${ROW_TILE.rows} rows (y) and slot (z), which share the rows among them.`,
    notes: OWNER_NOTES,
  },
  {
    ...PER_EXPERT,
    kernel: 'moe_dispatch_grouped',
    summary: 'Linear layer of rows that are given in expert order',
    routing: ({ dtype }) => [
      buffer('sorted_assignments', 'u32', ['batch_size * top_k'], {
        note: 'token * top_k + slot, in expert order',
      }),
      buffer('expert_offsets', 'u32', ['num_experts + 1']),
      buffer('sorted_weights', dtype, ['batch_size * top_k'], { note: 'in the same order' }),
    ],
    entries: {
      name: 'sorted_assignments',
      weights: 'sorted_weights',
      begin: 'expert_offsets[expert]',
      end: 'expert_offsets[expert + 1]',
      perRow: 'params.top_k',
    },
    source: "the row's assignments",
    hasCapacity: false,
    notes: OWNER_NOTES,
  },
  {
    ...PER_EXPERT,
    kernel: 'moe_dispatch_atomic',
    summary: "Linear layer of rows that are given in each expert's bucket",
    routing: ({ dtype }) => [
      buffer('token_buffer', 'u32', ['num_experts', 'max_per_expert'], { note: 'tokens in any order' }),
      buffer('weight_buffer', dtype, ['num_experts', 'max_per_expert']),
      buffer('expert_counts', 'u32', ['num_experts'], { note: 'beyond max_per_expert nothing is read' }),
    ],
    entries: {
      name: 'token_buffer',
      weights: 'weight_buffer',
      begin: 'ulong(expert) * max_per_expert',
      end: 'begin + min(expert_counts[expert], max_per_expert)',
      perRow: '1',
    },
    source: 'the buckets that name the row',
    hasCapacity: true,
    notes: OWNER_NOTES,
  },
];

export function seedDispatchPlans(spec: GenerationSpec): KernelPlan[] {
  return seedPlans(spec, (context) => FORMS.map((form) => dispatchPlan(context, form)));
}

function dispatchPlan(context: SeedContext, form: Form): KernelPlan {
  const { dtype, spec, storage } = context;
  const output = form.isFloatOutput ? 'f32' : dtype;
  const { load, store } = storageTerms(output, spec.bf16Storage);
  return seedPlan(context, FILE, form.kernel, {
    family: 'seed_dispatch',
    template: 'seed/dispatch',
    summary: `${form.summary}, ${dtype} with FP4 weights`,
    bindings: bindings(
      buffer('activations', dtype, ['batch_size', 'hidden_dim']),
      ...FP4_BUFFERS,
      ...form.routing(context),
      buffer('output', output, ['batch_size', 'out_dim'], { access: form.isAdded ? 'read_write' : 'write' }),
      structArgument('params', PARAMS),
      ...(form.hasCapacity ? [CAPACITY] : []),
    ),
    dispatch: form.dispatch,
    threadgroupBytes: ROW_TILE_BYTES,
    terms: {
      tile: rowTileTerms(),
      weightOperands: FP4_OPERANDS,
      msl: storage.msl,
      load: storage.load,
      load4: storage.load4,
      bySlots: form.entries === null,
      entries: form.entries ?? { name: '', weights: '', begin: '', end: '', perRow: '' },
      isAdded: form.isAdded,
      output: { load, store },
      assignment: form.isAdded ? '+=' : '=',
      source: form.source,
      gridInWords: form.gridInWords,
      notes: form.notes,
      accessors: accessorTerms(
        [
          { dtype, loads: true, loads4: true },
          { dtype: output, loads: form.isAdded, stores: true },
        ],
        spec.bf16Storage,
      ),
    },
  });
}
