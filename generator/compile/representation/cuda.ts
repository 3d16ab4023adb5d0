// Fits LLVM's intermediate representation of a Metal program to CUDA's memory model, as text.

/** Something in the program has no counterpart on NVIDIA GPUs. */
export class UnsupportedOnCuda extends Error {}

// Metal's constant buffers are ordinary buffers: on CUDA they lie in global memory, not in the 64 KiB of constant memory.
const CONSTANT_SPACE = /addrspace\(4\)/gu;
const CONSTANT_INTRINSIC = /(llvm\.\w[\w.]*)\.p4/gu;

const SHARED_VARIABLE =
  /call i64 @__msl_shared_variable\(ptr addrspace\(1\) [^@)]*(@(?:"[^"]+"|[\w.$]+)), i64 noundef (\d+), i64 noundef (\d+)\)(?: #\d+)?/gu;

/** With it, addresses in shared memory tell how wide they may be accessed. */
const SHARED_ALIGNMENT = 16;

const NARROW = '(?:half|bfloat|i16)';
const FLOATS = String.raw`<\d+ x float>`;
const NARROW_LOAD = String.raw`load (?:atomic )?(?:volatile )?(${NARROW}|<\d+ x ${NARROW}>|${FLOATS}),.*`;
const NARROW_CAST = String.raw`bitcast [^%\n]+ %\S+ to (<\d+ x ${NARROW}>).*`;
const NARROW_VALUE = new RegExp(
  String.raw`^(\s*)%("[^"\n]+"|[\w.$-]+) = (${NARROW_LOAD}|${NARROW_CAST})$`,
  'gmu',
);

/**
 * Keeps the back end from looking through loads of 16-bit elements and of vectors of floats: LLVM 21 fails where a loop
 * carries a vector of the former that comes straight from memory, and loses loads of the latter that another block uses.
 * Meant for the optimised representation; the instructions stay the same.
 */
export function freezeLoads(representation: string): string {
  return representation.replace(
    NARROW_VALUE,
    (_, indent: string, name: string, value: string, loaded?: string, cast?: string) => {
      const raw = name.startsWith('"') ? `"raw.${name.slice(1)}` : `raw.${name}`;
      return `${indent}%${raw} = ${value}\n${indent}%${name} = freeze ${loaded ?? cast ?? ''} %${raw}`;
    },
  );
}

/** A conversion that `CONSTANT_SPACE` leaves without effect. */
const SAME_SPACE = /addrspacecast \(ptr addrspace\(1\) (@(?:"[^"]+"|[\w.$]+)) to ptr addrspace\(1\)\)/gu;

export function fitToCuda(representation: string): string {
  const fitted = representation
    .replace(CONSTANT_SPACE, 'addrspace(1)')
    .replace(SAME_SPACE, '$1')
    .replace(CONSTANT_INTRINSIC, '$1.p1');
  return placeSharedVariables(withoutRepeatedDeclarations(fitted));
}

/** Functions for both spaces have one name now. */
function withoutRepeatedDeclarations(representation: string): string {
  const declared = new Set<string>();
  return representation.replace(/^declare [^@\n]*(@[\w.]+)\([^\n]*\n/gmu, (line, name: string) => {
    if (declared.has(name)) return '';
    declared.add(name);
    return line;
  });
}

/** Each threadgroup variable becomes a shared variable of its own, so that a launch needs not know its size. */
function placeSharedVariables(representation: string): string {
  const variables = new Map<string, string>();
  const text = representation.replace(SHARED_VARIABLE, (_, key: string, size: string, align: string) => {
    const name = key.startsWith('"', 1) ? `${key.slice(0, -1)}.shared"` : `${key}.shared`;
    const place = Math.max(Number(align), SHARED_ALIGNMENT);
    variables.set(name, `${name} = internal addrspace(3) global [${size} x i8] undef, align ${place}`);
    return `ptrtoint ptr addrspace(3) ${name} to i64`;
  });
  if (/call [^\n]*@__msl_shared_variable/u.test(text)) {
    throw new UnsupportedOnCuda(
      'a threadgroup variable has no size that is known when the program is compiled',
    );
  }
  const definitions = [...variables.values()].join('\n');
  // Definitions go behind the target lines, in front of the first function or variable.
  return text.replace(/^target triple[^\n]*\n/mu, (line) => `${line}\n${definitions}\n`);
}

/** Where float takes subnormals for zeros, LLVM makes half do so in some instructions too: PTX, without that. */
export function keepHalfSubnormals(ptx: string): string {
  return ptx.replace(/^(\s(?:@!?%\w+ )?(?!cvt)[\w.]+)\.ftz(?=(?:\.sat)?\.f16(?:x2)?\s)/gmu, '$1');
}
