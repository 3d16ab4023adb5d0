// Every decoder and every encoder against bytes and values that were made without them.

import { describe, expect, it } from 'vitest';
import { formatReference } from '../../../generator/reference/formats/index.js';
import { decodeAwq, decodeGptq, type GptqMatrix } from '../../../generator/reference/formats/transposed.js';
import {
  bytesOf,
  differences,
  FORMAT_OF_FILE,
  hexFloat,
  planesOf,
  readVectors,
  valuesOf,
  VECTOR_FILES,
} from './vectors.js';

const TRANSPOSED = ['awq_int4', 'gptq_int4_v1', 'gptq_int4_v2'];

it('no file is left out', () => {
  expect(VECTOR_FILES).toEqual([...Object.keys(FORMAT_OF_FILE), ...TRANSPOSED, 'elements'].sort());
});

describe.each(Object.keys(FORMAT_OF_FILE))('%s', (file) => {
  const { cases, encoder = [] } = readVectors(file);

  it.each(cases)('decodes $name', (each) => {
    const terms = each.shape.at(-1) ?? 0;
    const columns = each.shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
    const decoded = formatReference(FORMAT_OF_FILE[file]?.(each) ?? '').decode(
      planesOf(each.planes),
      columns,
      terms,
    );
    expect(differences(decoded, valuesOf(each.values))).toEqual([]);
  });

  // Of iq4_nl ggml has two quantisers; the one that tries no scales leaves codes of zeros undefined.
  const published = encoder.filter(({ note }) => note !== 'ggml quantize_row_iq4_nl_ref');
  it.each(published)(
    'encodes "$name" as the published quantiser does',
    ({ shape: [columns, terms], params, input, bytes, planes = {} }) => {
      const format = formatReference(FORMAT_OF_FILE[file]?.({ ...(params && { params }), planes }) ?? '');
      const encoded = format.encode(input.map(hexFloat), columns, terms);
      expect(encoded).toEqual(bytes === undefined ? planesOf(planes) : { weight: bytesOf(bytes) });
    },
  );
});

describe.each(TRANSPOSED)('%s', (file) => {
  it.each(readVectors(file).cases)('decodes $name', ({ shape, params = {}, planes, values }) => {
    const [columns = 0, terms = 0] = shape;
    const group = params['group'] === -1 ? terms : Number(params['group']);
    const matrix = { columns, terms, group };
    const decoded = file.startsWith('awq')
      ? decodeAwq(planesOf(planes), matrix)
      : decodeGptq(planesOf(planes), {
          ...matrix,
          bits: 4,
          version: params['checkpoint_format'] as GptqMatrix['version'],
        });
    expect(differences(decoded, valuesOf(values))).toEqual([]);
  });
});
