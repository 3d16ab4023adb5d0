import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import * as prettier from 'prettier';
import { describe, expect, it } from 'vitest';
import { toContext } from '../../generator/emit/context.js';
import { createEnvironment } from '../../generator/emit/environment.js';
import { renderKernel } from '../../generator/emit/render.js';
import { loadClangFormat } from '../../generator/format/clang-format.js';
import { createMslFormatter } from '../../generator/format/format.js';
import { splitPassages } from '../../generator/format/passages.js';
import * as plugin from '../../generator/format/prettier-plugin.js';
import { samplePlan, templatesDir } from '../support/sample-plan.js';

const formatAll = await createMslFormatter();
const format = (text: string): string => formatAll([text])[0] ?? '';
const GENERATED = path.resolve(import.meta.dirname, '../../generated');

const SAMPLE = renderKernel(createEnvironment(templatesDir()), toContext(samplePlan()));

const AWKWARD = `#include <metal_stdlib>
#include "a.h"


using namespace metal;
#if defined(__HAVE_BFLOAT__)

using storage = bfloat;

#else
using storage=ushort;
#endif

struct Params{uint hidden_size;uint top_k;};
inline float   moe_square(float value){return value*value;}

/* a block comment {

   with blank lines */
[[kernel]] void very_long_kernel_name(device const float* first_input [[buffer(0)]], device float* output [[buffer(1)]], uint3 position [[thread_position_in_grid]]) {
threadgroup float tile[32*8];

  simdgroup_matrix<float,8,8> sum = simdgroup_matrix<float,8,8>(0.0f);
    if (position.x<4) output[position.x]=moe_square(first_input[position.x]);
  for (uint i=0;i<4;++i) { tile[i]=0.0f; }
}

void nested(uint n) {
  for (uint i=0;i<n;++i){  // why

   n *= 2;
    if(i>2){n+=1;

    } else {
   n -=  1;

  n += 3;}

  }
  // a comment

  auto twice = [&](uint x) {
    uint y=x;

    return y*2;
  };
  switch(n){
    case 0:n=1;break;

    default: n=twice(n);
  }
}
`;

describe('the MSL formatter', () => {
  it('leaves a kernel as the templates write it', () => {
    expect(format(SAMPLE)).toBe(SAMPLE);
  });

  it('lays out one parameter to a line, and breaks short bodies', () => {
    const text = format(AWKWARD);
    expect(text).toContain(
      'very_long_kernel_name(\n    device const float* first_input [[buffer(0)]],\n    device float*',
    );
    expect(text).toContain('inline float moe_square(float value) {\n  return value * value;\n}\n');
    expect(text).toContain('struct Params {\n  uint hidden_size;\n  uint top_k;\n};\n');
    expect(text).toContain('  if (position.x < 4)\n    output');
    expect(text.indexOf('metal_stdlib')).toBeLessThan(text.indexOf('a.h'));
  });

  it('keeps long comments and tables as they are', () => {
    const comment = `// ${'word '.repeat(30).trim()}\n//   a      bf16  [x]\n`;
    expect(format(comment)).toBe(comment);
  });

  it('gives the same result for passages as for the whole text, and changes nothing the second time', async () => {
    const whole = await loadClangFormat();
    for (const text of [SAMPLE, AWKWARD]) {
      expect(format(text)).toBe(whole(text));
      expect(format(format(text))).toBe(format(text));
    }
  });

  it('lays out many texts as each alone', async () => {
    const texts = [AWKWARD, SAMPLE, '// nothing else\n', SAMPLE, AWKWARD.replaceAll('tile', 'tiles')];
    const whole = await loadClangFormat();
    expect((await createMslFormatter())(texts)).toEqual(texts.map(whole));
  });

  it('loses no token, whatever the spacing', () => {
    const words = [
      'float',
      'a',
      '=',
      '1',
      ';',
      '{',
      '}',
      '\n',
      '\n\n',
      ' ',
      '//x\n',
      '#if 1\n',
      '\n#endif\n',
      '/*\n\n*/',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 40 }), (parts) => {
        const text = parts.join(' ');
        const pieces = splitPassages(text).map((passage) => passage.text);
        expect(pieces.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
      }),
    );
  });

  it('cuts outside brackets and conditionals only', () => {
    expect(splitPassages(AWKWARD).map(({ text }) => text.split('\n')[0])).toEqual([
      '#include <metal_stdlib>',
      'using namespace metal;',
      'struct Params{uint hidden_size;uint top_k;};',
      '/* a block comment {',
      '  simdgroup_matrix<float,8,8> sum = simdgroup_matrix<float,8,8>(0.0f);',
      'void nested(uint n) {',
      '  n += 3;}',
      '  auto twice = [&](uint x) {',
    ]);
  });
});

describe('the Prettier plugin', () => {
  const options = { filepath: 'kernel.metal', plugins: [plugin] };

  it('agrees with the formatter', async () => {
    expect(await prettier.format(AWKWARD, options)).toBe(format(AWKWARD));
    expect(await prettier.check(format(AWKWARD), options)).toBe(true);
    expect(await prettier.check(AWKWARD, options)).toBe(false);
  });

  it('finds every committed kernel well laid out', async () => {
    const files = existsSync(GENERATED)
      ? readdirSync(GENERATED, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.metal'))
      : [];
    const wrong: string[] = [];
    for (const file of files) {
      const text = readFileSync(path.join(GENERATED, file), 'utf8');
      if (!(await prettier.check(text, options))) wrong.push(file);
    }
    expect(wrong).toEqual([]);
  });
});
