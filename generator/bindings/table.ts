// A list in which equal rows stand once.

export class Table<T> {
  readonly #rows: T[] = [];
  readonly #positions = new Map<string, number>();

  get rows(): readonly T[] {
    return this.#rows;
  }

  /** The position of the row, which is added if it is new. */
  add(row: T): number {
    const key = JSON.stringify(row);
    const known = this.#positions.get(key);
    if (known !== undefined) return known;
    this.#positions.set(key, this.#rows.length);
    return this.#rows.push(row) - 1;
  }
}
