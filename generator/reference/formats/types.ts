// What every weight format of this folder offers: the sizes of its planes, and plain loops between bytes and float64.

/** The bytes of one matrix by what lies in them: `weight`, and where a format has them `scales`, `offsets` and `global`. */
export type Planes = Readonly<Record<string, Uint8Array>>;

/** One weight format as plain loops: bytes to float64 and back. Shares no code with plans, templates or kernels. */
export interface FormatReference {
  readonly name: string;
  /** A row of a matrix holds whole groups of so many terms; 1 where it may end anywhere. */
  readonly groupTerms: number;
  /**
   * Bytes of each plane of a matrix of `columns` rows of `terms` terms (out_in order), by plane suffix.
   * Throws `reference/partial-group` where a row would not hold whole groups.
   */
  planeBytes(columns: number, terms: number): Readonly<Record<string, number>>;
  /**
   * Float64 values [columns, terms], row-major: exact, or rounded once where a double cannot hold them.
   * Throws `reference/plane-size` where a plane is missing or has another size.
   */
  decode(planes: Planes, columns: number, terms: number): Float64Array;
  /**
   * Planes that hold `values` [columns, terms] by the rule that the format's module names.
   * Throws `reference/not-encodable` for what the format cannot hold, such as NaN under a scale.
   */
  encode(values: ArrayLike<number>, columns: number, terms: number): Record<string, Uint8Array>;
}
