// What the modules and tensors of a layer's MoE block are called in checkpoints, behind the layer's prefix: under the names that models are
// published with, in whatever model they are, and under those of GGUF.

import { PROJECTION_ROLES } from '../../description/weights.js';
import type { TensorRole } from '../../description/block.js';
import { allPublishedNames, type Modules } from './published-names.js';

type Names = readonly (readonly [TensorRole, readonly string[]])[];

/** `{expert}` stands for the number of an expert. */
const GGUF: readonly Modules[] = [
  {
    ...{
      router: 'ffn_gate_inp',
      shared_sigmoid_gate: 'ffn_gate_inp_shexp',
      selection_bias: 'exp_probs_b.bias',
    },
    ...{ expert_gate: 'ffn_gate_exps', expert_up: 'ffn_up_exps', expert_down: 'ffn_down_exps' },
    ...{ shared_gate: 'ffn_gate_shexp', shared_up: 'ffn_up_shexp', shared_down: 'ffn_down_shexp' },
    ...{ adjugate_gate: 'ffn_gate_chexps', adjugate_up: 'ffn_up_chexps', adjugate_down: 'ffn_down_chexps' },
    expert_gate_up: 'ffn_gate_up_exps',
  },
  // Older files have a tensor for each expert.
  {
    ...{ expert_gate: 'ffn_gate.{expert}', expert_up: 'ffn_up.{expert}', expert_down: 'ffn_down.{expert}' },
    selection_bias: 'exp_probs_b',
  },
];

/** Of tools that keep the names that transformers has in memory. */
const IN_MEMORY: readonly Modules[] = [
  {
    ...{
      router: 'router',
      expert_gate_up: 'switch_mlp.gate_up_proj',
      shared_gate_up: 'shared_experts.gate_up_proj',
    },
    selection_bias: 'gate.moe_statics.e_score_correction_bias',
  },
];

const ALL = [...allPublishedNames(), ...GGUF, ...IN_MEMORY];

function namesOf(role: TensorRole): readonly string[] {
  return [...new Set(ALL.flatMap((modules) => modules[role] ?? []))];
}

const MATRIX_ROLES = Object.values(PROJECTION_ROLES).flat();
const VECTOR_ROLES = [
  ...['selection_bias', 'marked_selection_bias', 'token_table', 'output_bias', 'expert_scale'],
  ...['router_norm', 'expert_norm', 'latent_norm', 'routed_norm', 'shared_norm', 'shared_output_norm'],
] as readonly TensorRole[];

/** Matrices, by the module that holds them. The first that a layer has is taken. */
export const MATRIX_NAMES: Names = MATRIX_ROLES.map((role) => [role, namesOf(role)]);

/** Rows of numbers, by the tensor that holds them. */
export const VECTOR_NAMES: Names = VECTOR_ROLES.map((role) => [role, namesOf(role)]);

/** Which modules make a layer one with experts, behind its prefix. */
export const EXPERT_MODULE = new RegExp(
  `^(.*?)(?<!\\.shared_mlp)\\.(?:${namesOf('expert_down')
    .map((name) => name.replaceAll('.', '\\.').replace('{expert}', '\\d+'))
    .join('|')})$`,
);

/** The module of that name in a block; `expert` is the number for `{expert}`. */
export function moduleAt(prefix: string, name: string, expert: number | null = null): string {
  const numbered = expert === null ? name : name.replace('{expert}', String(expert));
  return numbered.startsWith('../')
    ? `${prefix.replace(/\.[^.]*$/, '')}.${numbered.slice('../'.length)}`
    : `${prefix}.${numbered}`;
}
