// Calls of the functions that stand for products of 8 x 8 elements on tensor cores, in LLVM's representation.

export type ProductKind = 'half' | 'bfloat';

/** `result = a * b + c`: two 16-bit elements for each lane in a and b, b turned, and two sums in c. */
export interface Product {
  readonly kind: ProductKind;
  readonly result: string;
  readonly a: string;
  readonly b: string;
  readonly c: string;
}

export const VALUE = String.raw`%(?:"[^"]*"|[-\w.$]+)|-?\d+|undef|poison`;

const CALL = new RegExp(
  String.raw`^ +(%(?:"[^"]*"|[-\w.$]+)) = (?:tail )?call [^@]*@__msl_product_(half|bfloat)\(` +
    String.raw`i32 (?:noundef )?(${VALUE}), i32 (?:noundef )?(${VALUE}), <2 x float> (?:noundef )?(.+)\)(?: #\d+)?$`,
  'u',
);

export function readProduct(line: string): Product | undefined {
  const [, result = '', kind, a = '', b = '', c = ''] = CALL.exec(line) ?? [];
  return kind === 'half' || kind === 'bfloat' ? { kind, result, a, b, c } : undefined;
}
