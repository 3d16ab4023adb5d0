// The router: logits of all tokens, spread over the whole GPU, and their selection in a second dispatch.

import type { ActivationDtype } from '../../description/dtypes.js';
import type { MoeBlock } from '../../description/block.js';
import type { GenerationSpec } from '../../description/generation.js';
import type { WeightFormat } from '../../description/weights.js';
import { argument, bindings, buffer } from '../bindings.js';
import { constants, type ConstantName } from '../constants.js';
import { biasElement, formatTerms, formatUses } from '../format-terms.js';
import { biasTerms, matrixBuffers, plainPart, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import {
  groupColumns,
  LOGIT_SHAPE,
  rowBytes,
  rowShape,
  rowShapeTerms,
  rowThreads,
  type RowShape,
} from '../rows.js';
import { accessorTerms, storageTerms } from '../storage.js';
import type { KernelPlan } from '../types.js';
import { productTerms } from './product.js';
import { NO_FINISH } from './product-forms.js';
import { assertRoutable, logitConstants, logitParts, selectVariants } from './router-parts.js';
import { routerSelectPlan } from './router-select.js';
import { rowTerms } from './row-sources.js';
import { projectionFormats } from './shared.js';
import { printed } from '../printed.js';

export function routerPlans(spec: GenerationSpec): KernelPlan[] {
  if (spec.block !== null) assertRoutable(spec.block);
  const logits = spec.activations.flatMap((activation) =>
    projectionFormats(spec, 'router', activation).flatMap((weight) => [
      routerLogitsPlan(spec, activation, weight, FEW_TOKENS),
      routerLogitsPlan(spec, activation, weight, {
        family: 'batched_router_logits',
        shape: rowShape(weight, 'token', 1),
      }),
    ]),
  );
  return [...logits, ...selectVariants(spec).map((variant) => routerSelectPlan(spec, variant))];
}

/** The same product in two shapes: few rows of weights for each threadgroup, or many, of which each row of input is used more. */
interface LogitForm {
  readonly family: 'router_logits' | 'batched_router_logits';
  readonly shape: RowShape;
}

const FEW_TOKENS: LogitForm = { family: 'router_logits', shape: LOGIT_SHAPE };

interface LogitInput {
  readonly name: string;
  readonly dtype: ActivationDtype;
  /** Of the kernel's name. */
  readonly words: readonly string[];
}

/** What the logits are products of; what a norm made is float. */
function logitInput(block: MoeBlock | null, activation: ActivationDtype): LogitInput {
  const { norm = null, input = 'block' } = block?.router ?? {};
  if (norm !== null) return { name: 'normed_router_states', dtype: 'f32', words: ['normed'] };
  return input === 'own'
    ? { name: 'router_states', dtype: activation, words: ['own_input'] }
    : { name: 'hidden_states', dtype: activation, words: [] };
}

/** What becomes of a logit after its bias. */
function logitShape(block: MoeBlock | null) {
  const { temperature = 1, softcap = null } = block?.router ?? {};
  const [isTempered, isCapped] = [temperature !== 1, softcap !== null];
  const constantNames: ConstantName[] = [];
  if (isTempered) constantNames.push('router_temperature');
  if (isCapped) constantNames.push('router_softcap');
  return {
    isTempered,
    isCapped,
    words: [isTempered ? 'tempered' : '', isCapped ? 'capped' : ''],
    constants: constantNames,
    description: [
      ...(isTempered ? ['The logits are divided by router_temperature.'] : []),
      ...(isCapped ? ['A logit becomes router_softcap * tanh(logit / router_softcap).'] : []),
    ],
  };
}

function routerLogitsPlan(
  spec: GenerationSpec,
  activation: ActivationDtype,
  weight: WeightFormat,
  { family, shape: rows }: LogitForm,
): KernelPlan {
  const parts = logitParts(spec);
  const { routerBias, scoredShape } = parts;
  const matrices: Matrices = {
    parts: [{ ...plainPart('router', 'num_experts', false), width: scoredShape }],
    order: 'out_in',
    columns: 'num_experts',
    terms: 'hidden_size',
    owner: 'layer',
  };
  const source = logitInput(spec.block, activation);
  const input = storageTerms(source.dtype, spec.bf16Storage);
  const bias = biasElement(weight, activation);
  const switched = { condition: 'has_router_bias', note: 'if has_router_bias' };
  const columns = groupColumns(rows, 1);
  const shape = logitShape(spec.block);
  const note = { always: ' + router_bias[e]', switched: ' (+ router_bias[e])', never: '' }[routerBias];
  return {
    name: kernelName(family, ...shape.words, ...source.words, activation, weight.name),
    family,
    folder: activation,
    summary: `Router logits of ${family === 'router_logits' ? 'a few' : 'many'} ${activation} tokens with ${weight.summary} weights, float output`,
    axes: { activation, weight: weight.name },
    constants: constants(spec, ...logitConstants(parts), ...shape.constants),
    bindings: bindings(
      buffer(source.name, source.dtype, ['num_tokens', 'hidden_size']),
      ...matrixBuffers(matrices, weight, bias),
      ...(routerBias === 'never'
        ? []
        : [
            buffer('router_bias', bias, [scoredShape], {
              ...(routerBias === 'switched' ? switched : {}),
              role: 'router_bias',
            }),
          ]),
      buffer('logits', 'f32', ['num_tokens', scoredShape], { access: 'write' }),
      argument('num_tokens'),
    ),
    dispatch: {
      threadgroups: [`ceil_div(${scoredShape}, ${columns})`, `ceil_div(num_tokens, ${rows.maxRows})`, '1'],
      threadsPerThreadgroup: [rowThreads(rows), 1, 1],
    },
    rows: { maxRows: rows.maxRows, columns },
    threadgroupBytes: rowBytes(weight, rows, 'token'),
    mslVersion: spec.mslVersion,
    ...printed('row_product', {
      rows: rowTerms({ source: 'token', isGathered: false, inWords: '' }),
      shape: rowShapeTerms(weight, rows, 1),
      format: formatTerms(weight, spec.bf16Storage),
      product: {
        ...productTerms(matrices, weight, spec.bf16Storage, rows.laneRows),
        columns: parts.numScored,
      },
      part: biasTerms(matrices, matrices.parts[0], ''),
      routerBias: { isAlways: routerBias === 'always', isSwitched: routerBias === 'switched' },
      description: [
        `logits[t, e] = sum over h of ${source.name}[t, h] * router_weight[e, h]${note}, in float from end to end.`,
        ...shape.description,
      ],
      hasZeroExperts: parts.hasZeroExperts,
      finish: {
        ...NO_FINISH,
        isRow: true,
        isLogit: true,
        biasLoad: storageTerms(bias, spec.bf16Storage).load,
        isTempered: shape.isTempered,
        isCapped: shape.isCapped,
      },
      output: { name: 'logits', store: 'float' },
      steps: [],
      input: { name: source.name, msl: input.msl, load4: input.load4 },
      accessors: accessorTerms(
        [{ dtype: source.dtype, loads4: true }, ...formatUses(weight, activation, routerBias !== 'never')],
        spec.bf16Storage,
      ),
    }),
  };
}
