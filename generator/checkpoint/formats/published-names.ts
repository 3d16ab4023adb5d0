// The names under which the tensors of a model's MoE blocks are published, which are not those that transformers gives them in memory:
// experts have a module each. One row for each family whose names differ from the usual ones; its model types are those of the model
// table.

import type { TensorRole } from '../../description/block.js';

/**
 * By role, behind the prefix of a block: modules of matrices, or tensors where they are bare parameters or vectors. `{expert}` stands for
 * the number of an expert, `../` for the module around the block.
 */
export type Modules = Readonly<Partial<Record<TensorRole, string>>>;

interface Names {
  /** Of a layer's block; `{layer}` stands for its number. */
  readonly prefix: string;
  readonly modules: Modules;
}

interface MlxNames {
  readonly prefix?: string;
  readonly modules: Modules;
  /** The router is a bare parameter, which MLX never quantises. */
  readonly hasBareRouter?: boolean;
}

interface Family extends Names {
  /** Of what MLX writes, where it is not as usual. */
  readonly mlx?: MlxNames;
  /** What scales of FP8 and FP4 are called where tools call them otherwise. */
  readonly scale?: string;
  /** Matrices of experts lie as [in, out]. */
  readonly isInOut?: boolean;
  /** What the makers did not quantise, though their configuration does not say so. */
  readonly dense?: readonly TensorRole[];
}

const gated = (gate: string, up: string, down: string) => ({
  ...{ expert_gate: gate, expert_up: up, expert_down: down },
});
const W123 = gated('experts.{expert}.w1', 'experts.{expert}.w3', 'experts.{expert}.w2');
const PROJECTIONS_OF_EXPERTS = gated(
  'experts.{expert}.gate_proj',
  'experts.{expert}.up_proj',
  'experts.{expert}.down_proj',
);
const inModule = (module: string) => gated(`${module}.gate_proj`, `${module}.up_proj`, `${module}.down_proj`);
const STACKED = { expert_gate_up: 'experts.gate_up_proj', expert_down: 'experts.down_proj' } as const;
const adjugates = (module: string) => ({
  adjugate_gate: `${module}.gate_proj`,
  adjugate_up: `${module}.up_proj`,
  adjugate_down: `${module}.down_proj`,
});
const shared = (module: string) => ({
  shared_gate: `${module}.gate_proj`,
  shared_up: `${module}.up_proj`,
  shared_down: `${module}.down_proj`,
});
const GRANITE = {
  router: 'router.layer',
  expert_gate_up: 'input_linear',
  expert_down: 'output_linear',
} as const;
const LATENT = {
  latent_in: 'routed_expert_down_proj',
  latent_norm: 'routed_expert_norm.weight',
  latent_out: 'routed_expert_up_proj',
} as const;

const LAYER = 'model.layers.{layer}';
const MLP = `${LAYER}.mlp`;
const SPARSE = `${LAYER}.block_sparse_moe`;
const FEED_FORWARD = `${LAYER}.feed_forward`;
const USUAL: Modules = {
  router: 'gate',
  selection_bias: 'gate.e_score_correction_bias',
  ...PROJECTIONS_OF_EXPERTS,
  ...shared('shared_experts'),
};
const usual = (modules: Modules = {}, prefix = MLP): Names => ({ prefix, modules: { ...USUAL, ...modules } });
const QWEN_SHARED = { ...shared('shared_expert'), shared_sigmoid_gate: 'shared_expert_gate' };
/** Some models of MLX hold the stacked experts where the list of experts was. */
const IN_EXPERTS = { modules: inModule('experts') };
const BARE_ROUTER = { modules: {}, hasBareRouter: true };
const STEP3 = { router: 'moe.gate', ...inModule('moe'), ...shared('share_expert') };
const DEEPSEEK_V4 = {
  prefix: 'layers.{layer}.ffn',
  modules: {
    ...{ router: 'gate', selection_bias: 'gate.bias', marked_selection_bias: 'gate.bias_vl' },
    ...{ token_table: 'gate.tid2eid', ...W123 },
    shared_gate: 'shared_experts.w1',
    shared_up: 'shared_experts.w3',
    shared_down: 'shared_experts.w2',
  },
  mlx: {
    prefix: MLP,
    modules: { selection_bias: 'gate.e_score_correction_bias', ...shared('shared_experts') },
  },
  scale: 'scale',
} as const satisfies Family;

/** By model type as the model table names it. */
const FAMILIES: Readonly<Record<string, Family>> = {
  mixtral: usual(W123, SPARSE),
  minimax: usual(W123, SPARSE),
  phimoe: usual(W123, SPARSE),
  minimax_m2: usual({ ...W123, selection_bias: 'e_score_correction_bias' }, SPARSE),
  minimax_m3_vl: usual({ ...W123, selection_bias: 'e_score_correction_bias' }, SPARSE),
  kimi_linear: { ...usual({ ...W123, ...LATENT }, SPARSE), dense: ['latent_in', 'latent_out'] },
  granitemoe: { prefix: SPARSE, modules: GRANITE },
  granitemoeshared: graniteShared(),
  granitemoehybrid: graniteShared(),
  jetmoe: { prefix: MLP, modules: { ...GRANITE, output_bias: 'bias' } },
  gpt_oss: { prefix: MLP, modules: { router: 'router', ...STACKED }, mlx: IN_EXPERTS },
  llama4: {
    prefix: FEED_FORWARD,
    modules: { router: 'router', ...STACKED, ...shared('shared_expert') },
    mlx: IN_EXPERTS,
    isInOut: true,
  },
  aria: {
    prefix: MLP,
    modules: {
      ...{ router: 'router', expert_gate_up: 'experts.fc1', expert_down: 'experts.fc2' },
      ...shared('shared_experts'),
    },
    isInOut: true,
  },
  qwen2_moe: usual(QWEN_SHARED),
  qwen3_next: usual(QWEN_SHARED),
  qwen3_5_moe: { prefix: MLP, modules: { router: 'gate', ...STACKED, ...QWEN_SHARED } },
  qwen3_vl_moe: { prefix: MLP, modules: { router: 'gate', ...STACKED }, isInOut: true },
  grove_moe: {
    ...usual(adjugates('chunk_experts.{expert}')),
    // No model of MLX has them: stacked as the experts of others are.
    mlx: { modules: adjugates('chunk_experts') },
  },
  hunyuan_v1_moe: usual({ router: 'gate.wg', ...shared('shared_mlp') }),
  ernie4_5_moe: usual({ selection_bias: 'moe_statics.e_score_correction_bias' }),
  longcat_flash: usual({
    router: 'router.classifier',
    selection_bias: 'router.e_score_correction_bias',
  }),
  jamba: usual({ router: 'router' }, FEED_FORWARD),
  dbrx: {
    prefix: 'transformer.blocks.{layer}.ffn',
    modules: { router: 'router.layer', ...gated('experts.mlp.w1', 'experts.mlp.v1', 'experts.mlp.w2') },
  },
  afmoe: { ...usual({ router: 'router.gate', selection_bias: 'expert_bias' }), mlx: IN_EXPERTS },
  dots1: { ...usual(), mlx: { ...IN_EXPERTS, hasBareRouter: true } },
  exaone_moe: {
    ...usual({ selection_bias: 'e_score_correction_bias' }),
    mlx: { modules: { selection_bias: 'gate.e_score_correction_bias' }, hasBareRouter: true },
  },
  bailing_moe: {
    ...usual({ selection_bias: 'gate.expert_bias' }),
    mlx: { modules: { router: 'gate.gate_proj' } },
  },
  lfm2_moe: usual({ ...W123, selection_bias: 'expert_bias' }, FEED_FORWARD),
  nemotron_h: {
    ...usual(
      { latent_in: 'fc1_latent_proj', latent_out: 'fc2_latent_proj' },
      'backbone.layers.{layer}.mixer',
    ),
    mlx: { modules: { expert_up: 'switch_mlp.fc1', expert_down: 'switch_mlp.fc2' }, hasBareRouter: true },
  },
  deepseek_v4: DEEPSEEK_V4,
  deepseek_v41: DEEPSEEK_V4,
  laguna: {
    ...usual({ selection_bias: 'experts.e_score_correction_bias', ...shared('shared_expert') }),
    mlx: BARE_ROUTER,
  },
  ...Object.fromEntries(
    [
      ...['deepseek', 'deepseek_v2', 'deepseek_v3', 'glm4_moe', 'glm4_moe_lite', 'glm_moe_dsa'],
      ...['mimo_v2_flash', 'solar_open'],
    ].map((type) => [type, { ...usual(), mlx: BARE_ROUTER }]),
  ),
  klear: {
    ...usual({ selection_bias: 'expert_bias', shared_mix: 'coefficient' }),
    mlx: IN_EXPERTS,
  },
  smallthinker: usual(
    {
      router: 'primary_router',
      ...gated('experts.{expert}.gate', 'experts.{expert}.up', 'experts.{expert}.down'),
    },
    SPARSE,
  ),
  grok: usual({ ...W123, ...shared('../mlp') }, SPARSE),
  step3_text: { prefix: LAYER, modules: STEP3 },
  step3p7: {
    prefix: LAYER,
    modules: { ...STEP3, selection_bias: 'moe.router_bias' },
    mlx: {
      prefix: MLP,
      modules: { router: 'gate.gate', selection_bias: 'gate.router_bias', ...shared('share_expert') },
    },
  },
  gemma4: {
    prefix: LAYER,
    modules: {
      ...{ router: 'router.proj', router_norm: 'router.scale', expert_scale: 'router.per_expert_scale' },
      ...{ ...STACKED, ...shared('mlp') },
      expert_norm: 'pre_feedforward_layernorm_2.weight',
      routed_norm: 'post_feedforward_layernorm_2.weight',
      shared_norm: 'pre_feedforward_layernorm.weight',
      shared_output_norm: 'post_feedforward_layernorm_1.weight',
    },
    mlx: { modules: inModule('experts.switch_glu') },
  },
};

function graniteShared(): Family {
  return {
    prefix: SPARSE,
    modules: {
      ...GRANITE,
      shared_gate_up: '../shared_mlp.input_linear',
      shared_down: '../shared_mlp.output_linear',
    },
  };
}

/** Types whose rows of the model table stand for models that are published as others are. */
const AS_USUAL: readonly string[] = ['cohere2_moe', 'flex_olmo', 'olmoe', 'qwen3_moe', 'qwen3_omni_moe'];

/** MLX stacks the experts of a layer. */
const MLX_EXPERTS = inModule('switch_mlp');

/** Models that wrap a text model, by their type: what stands before the text model's names. */
const WRAPPERS: Readonly<Record<string, (prefix: string) => string>> = {
  ...Object.fromEntries(
    ['aria', 'kimi_k25', 'kimi_k3', 'llama4', 'minimax_m3', 'minimax_m3_vl'].map((type) => [
      type,
      (prefix: string) => `language_model.${prefix}`,
    ]),
  ),
  ...Object.fromEntries(
    ['gemma4', 'gemma4_unified', 'glm4v_moe', 'qwen3_5_moe', 'qwen3_vl_moe'].map((type) => [
      type,
      (prefix: string) => prefix.replace('model.', 'model.language_model.'),
    ]),
  ),
  qwen3_omni_moe: (prefix) => `thinker.${prefix}`,
};

/** Models whose published matrices no recipe can make into buffers, with the reason. */
const REFUSED: Readonly<Record<string, string>> = {
  nllb_moe: 'its encoder and its decoder each number their layers from 0',
};

export interface PublishedNames extends Names {
  readonly scale: string | null;
  readonly isInOut: boolean;
  readonly dense: readonly TensorRole[];
  /** Whatever the configuration says of all modules. */
  readonly hasBareRouter: boolean;
  /** Why there are none, as a clause. */
  readonly refusal: string | null;
}

/**
 * `type` is the row of the model table, `wrapped` the types of the configurations from the whole model to the text part. Tools that
 * quantise linear modules give every expert its own first; MLX stacks them.
 */
export function publishedNames(type: string, wrapped: readonly string[], method: string): PublishedNames {
  const family: Family = FAMILIES[type] ?? usual();
  const isKnown = type in FAMILIES || AS_USUAL.includes(type);
  const known = [type, ...wrapped].map((each) => REFUSED[each]).find((reason) => reason !== undefined);
  const refusal = known ?? (isKnown ? null : 'nobody has written down how this model is published');
  const { scale = null, isInOut = false, dense = [] } = family;
  const wrapper = wrapped.length > 1 ? WRAPPERS[wrapped[0] ?? ''] : undefined;
  const { prefix, modules } = method === 'mlx' ? mlxNames(family) : namesFor(family, method);
  const isMlxWrapped = method === 'mlx' && wrapper !== undefined;
  const whole = isMlxWrapped ? `language_model.${prefix}` : (wrapper?.(prefix) ?? prefix);
  const isOwnLayout = method === 'none' || method === 'mxfp4';
  return {
    ...{ prefix: whole, modules, scale, refusal },
    isInOut: isInOut && isOwnLayout,
    dense: method === 'mlx' ? [] : dense,
    hasBareRouter: method === 'mlx' && family.mlx?.hasBareRouter === true,
  };
}

function namesFor({ prefix, modules }: Names, method: string): Names {
  const isBare = modules.expert_down === STACKED.expert_down;
  if (!isBare || method === 'none' || method === 'mxfp4') return { prefix, modules };
  return { prefix, modules: { ...withoutGateUp(modules), ...PROJECTIONS_OF_EXPERTS } };
}

function mlxNames({ prefix, modules, mlx }: Family): Names {
  return {
    prefix: mlx?.prefix ?? prefix,
    modules: { ...withoutGateUp(modules), ...MLX_EXPERTS, ...mlx?.modules },
  };
}

function withoutGateUp(modules: Modules): Modules {
  return Object.fromEntries(Object.entries(modules).filter(([role]) => role !== 'expert_gate_up'));
}

/** All names of all families, of MLX last. */
export function allPublishedNames(): readonly Modules[] {
  const families: readonly Family[] = [usual(), ...Object.values(FAMILIES)];
  return [...families.map(({ modules }) => modules), ...families.map((family) => mlxNames(family).modules)];
}
