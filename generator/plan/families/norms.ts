// Norms of a block: each token over its root mean square, float in registers from end to end. What comes out is float, but for the norm
// of the routed sum, which finishes the layer's output.

import type { MoeBlock, TensorRole } from '../../description/block.js';
import type { ActivationDtype } from '../../description/dtypes.js';
import type { GenerationSpec } from '../../description/generation.js';
import { bindings, buffer } from '../bindings.js';
import { constants, type ConstantName } from '../constants.js';
import { kernelName } from '../names.js';
import { NO_OUTPUT_STAGE, outputStage } from '../output.js';
import { accessorTerms, storageTerms } from '../storage.js';
import type { KernelPlan } from '../types.js';
import type { NormName } from './table.js';
import { printed } from '../printed.js';

const THREADS = 256;
const SIMDGROUPS = THREADS / 32;

export interface Norm {
  readonly family: NormName;
  readonly summary: string;
  readonly input: string;
  /** The input is what a kernel before left, not the activations. */
  readonly isFloat: boolean;
  readonly output: string;
  readonly width: ConstantName;
  readonly weight: { readonly name: string; readonly role: TensorRole };
  readonly epsilon: ConstantName;
  readonly factor: ConstantName | null;
  readonly finishes: boolean;
}

const PLAIN = { isFloat: false, width: 'hidden_size', factor: null, finishes: false } as const;

/** Those that the block has, in the order in which they run. */
export function blockNorms({ router, experts, latent, shared }: MoeBlock): Norm[] {
  const norms: readonly (readonly [object | null | undefined, Norm])[] = [
    [
      router.norm,
      {
        ...PLAIN,
        family: 'router_norm',
        summary: "Norm of the router's input",
        input: router.input === 'own' ? 'router_states' : 'hidden_states',
        output: 'normed_router_states',
        weight: { name: 'router_norm_weight', role: 'router_norm' },
        epsilon: 'router_norm_epsilon',
        factor: 'router_norm_factor',
      },
    ],
    [
      experts.inputNorm,
      {
        ...PLAIN,
        family: 'expert_norm',
        summary: "Norm of the routed experts' input",
        input: 'hidden_states',
        output: 'expert_states',
        weight: { name: 'expert_norm_weight', role: 'expert_norm' },
        epsilon: 'expert_norm_epsilon',
      },
    ],
    [
      shared?.inputNorm,
      {
        ...PLAIN,
        family: 'shared_norm',
        summary: "Norm of the shared expert's input",
        input: 'hidden_states',
        output: 'shared_states',
        weight: { name: 'shared_norm_weight', role: 'shared_norm' },
        epsilon: 'shared_norm_epsilon',
      },
    ],
    [
      shared?.outputNorm,
      {
        ...PLAIN,
        family: 'shared_output_norm',
        summary: "Norm of the shared expert's output",
        input: 'shared_product',
        isFloat: true,
        output: 'shared_output',
        weight: { name: 'shared_output_norm_weight', role: 'shared_output_norm' },
        epsilon: 'shared_output_norm_epsilon',
      },
    ],
    [
      latent?.norm,
      {
        ...PLAIN,
        family: 'latent_norm',
        summary: "Norm of the routed experts' sum in the latent space",
        input: 'routed_latent',
        isFloat: true,
        output: 'normed_latent',
        width: 'latent_size',
        weight: { name: 'latent_norm_weight', role: 'latent_norm' },
        epsilon: 'latent_norm_epsilon',
      },
    ],
    [
      experts.outputNorm,
      {
        ...PLAIN,
        family: 'routed_norm',
        summary: "Norm of the routed experts' sum, and the end of the layer",
        input: 'routed_sum',
        isFloat: true,
        output: 'output',
        weight: { name: 'routed_norm_weight', role: 'routed_norm' },
        epsilon: 'routed_norm_epsilon',
        finishes: true,
      },
    ],
  ];
  return norms.flatMap(([given, norm]) => (given == null ? [] : [norm]));
}

export function normPlans(spec: GenerationSpec): KernelPlan[] {
  const { block } = spec;
  if (block === null) return [];
  return spec.activations.flatMap((activation) =>
    blockNorms(block).map((norm) => normPlan(spec, activation, norm)),
  );
}

function normPlan(spec: GenerationSpec, activation: ActivationDtype, norm: Norm): KernelPlan {
  const { family, input, output, width, weight, epsilon, factor, finishes } = norm;
  const stage = finishes ? outputStage(spec) : NO_OUTPUT_STAGE;
  const inputDtype = norm.isFloat ? 'f32' : activation;
  const outputDtype = finishes ? activation : 'f32';
  return {
    name: kernelName(family, activation),
    family,
    folder: activation,
    summary: `${norm.summary}, ${outputDtype} output`,
    axes: { activation },
    constants: constants(spec, width, epsilon, ...(factor === null ? [] : [factor]), ...stage.constants),
    bindings: bindings(
      buffer(input, inputDtype, ['num_tokens', width]),
      buffer(weight.name, 'f32', [width], { role: weight.role }),
      buffer(output, outputDtype, ['num_tokens', width], { access: 'write' }),
      ...stage.bindings,
    ),
    dispatch: { threadgroups: ['num_tokens', '1', '1'], threadsPerThreadgroup: [THREADS, 1, 1] },
    threadgroupBytes: SIMDGROUPS * 4,
    mslVersion: spec.mslVersion,
    ...printed('rms_norm', {
      threads: THREADS,
      simdgroups: SIMDGROUPS,
      width,
      input: { name: input, load: storageTerms(inputDtype, spec.bf16Storage).load },
      weight: weight.name,
      epsilon,
      hasFactor: factor !== null,
      factor: factor ?? '',
      steps: stage.steps,
      isMixing: stage.isMixing,
      output: { name: output, store: storageTerms(outputDtype, spec.bf16Storage).store },
      accessors: accessorTerms(
        [
          { dtype: inputDtype, loads: true },
          { dtype: outputDtype, stores: true },
        ],
        spec.bf16Storage,
      ),
    }),
  };
}
