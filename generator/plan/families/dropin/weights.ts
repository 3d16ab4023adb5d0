// The weights of the drop-in kernels, one row for each format: which buffers hold a matrix, and the words in which templates read it.
// The audited kernels take FP4 with the words of all columns side by side; each also comes with every other row of the table.

import type { ActivationDtype } from '../../../description/dtypes.js';
import type { GenerationSpec } from '../../../description/generation.js';
import {
  FP4_FORMATS,
  WEIGHT_FORMATS,
  type Fp4Format,
  type DenseFormat,
} from '../../../description/weights.js';
import { argument, buffer } from '../../bindings.js';
import { storageTerms } from '../../storage.js';
import type { Binding, Formula, TemplateValue } from '../../types.js';

type Draft = Omit<Binding, 'index'>;

interface MatrixSizes {
  readonly terms: Formula;
  readonly columns: Formula;
  readonly groupSize: Formula;
}

interface WeightWords {
  readonly [term: string]: TemplateValue;
  readonly isFp4: boolean;
  /** Type of one element, and what turns four into floats; of FP4, the word. */
  readonly msl: string;
  readonly load4: string;
  /** Neighbouring words are those of a column, not those of neighbouring columns. */
  readonly isByTerms: boolean;
}

export interface DropInWeight {
  /** Row of the weight-format table. */
  readonly name: string;
  /** Of dense weights. */
  readonly element: ActivationDtype | null;
  /** Turns one element into a float; of dense weights. */
  readonly load: string | null;
  /** As summaries call it. */
  readonly inWords: string;
  /** What the head of a kernel says that takes them in the place of FP4. */
  readonly description: readonly string[];
  /** Words that templates print wherever they read such weights. */
  readonly words: WeightWords;
  /** The elements and the scales; null where the place of either stays empty. */
  readonly buffers: (
    name: string,
    sizes: MatrixSizes,
    experts: readonly Formula[],
    note?: string,
  ) => (Draft | null)[];
  /** The number of terms with a common scale, as an argument. */
  readonly groupSize: Draft | null;
}

function fp4Weight({ name, neighbours }: Fp4Format): DropInWeight {
  const isByTerms = neighbours === 'terms';
  return {
    name,
    element: null,
    load: null,
    inWords: isByTerms ? 'column-packed FP4' : 'FP4',
    description: [],
    words: { isFp4: true, msl: 'uint', load4: '', isByTerms },
    buffers: (matrix, { terms, columns, groupSize }, experts, note) => {
      const words = `ceil_div(${terms}, 8)`;
      const shape = isByTerms ? [columns, words] : [words, columns];
      return [
        buffer(`${matrix}_weight`, 'u32', [...experts, ...shape], {
          note: ['FP4, eight terms to a word', note].filter(Boolean).join(', '),
        }),
        buffer(`${matrix}_scales`, 'f16', [...experts, `ceil_div(${terms}, ${groupSize})`, columns]),
      ];
    },
    groupSize: argument('group_size'),
  };
}

function denseWeight({ name, element }: DenseFormat, { bf16Storage }: GenerationSpec): DropInWeight {
  const { msl, load, load4 } = storageTerms(element, bf16Storage);
  return {
    name,
    element,
    load,
    inWords: `dense ${name}`,
    description: [
      'Buffers have the indices that they have with FP4 weights: those of scales, and of a group_size argument, stay free.',
    ],
    words: { isFp4: false, msl, load4, isByTerms: false },
    buffers: (matrix, { terms, columns }, experts, note = '') => [
      buffer(`${matrix}_weight`, element, [...experts, terms, columns], { note }),
      null,
    ],
    groupSize: null,
  };
}

const [WORDS_OF_COLUMNS, ...OTHER_FP4] = FP4_FORMATS;

/** What the audited kernels take. */
export const DROP_IN_WEIGHT = fp4Weight(WORDS_OF_COLUMNS);

/** Dense weights in the dtype of the activations, which some of the audited kernels take. */
export function ownWeight(spec: GenerationSpec, activation: ActivationDtype): DropInWeight {
  const format = WEIGHT_FORMATS.find(({ element }) => element === activation);
  if (format === undefined) throw new Error(`no weights are ${activation}`);
  return denseWeight(format, spec);
}

/** The others that a set holds for an activation dtype. */
export function otherWeights(spec: GenerationSpec, activation: ActivationDtype): DropInWeight[] {
  const dense = WEIGHT_FORMATS.filter(({ element }) => spec.everyPair === true || element === activation);
  const all = [...OTHER_FP4.map(fp4Weight), ...dense.map((format) => denseWeight(format, spec))];
  return all.filter(({ name }) => spec.weights.includes(name));
}
