// Writes GGUF files byte by byte, right ones and wrong ones.

export class GgufWriter {
  readonly #parts: Buffer[] = [];

  u8(value: number): this {
    return this.#push(Buffer.of(value));
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return this.#push(bytes);
  }

  u64(value: number | bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return this.#push(bytes);
  }

  f32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    return this.#push(bytes);
  }

  f64(value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return this.#push(bytes);
  }

  text(value: string | Buffer): this {
    const bytes = Buffer.from(value);
    return this.u64(bytes.length).#push(bytes);
  }

  head(tensors: number | bigint, entries: number | bigint, version = 3): this {
    return this.#push(Buffer.from('GGUF')).u32(version).u64(tensors).u64(entries);
  }

  tensor(name: string, extents: readonly (number | bigint)[], type: number, offset: number | bigint): this {
    this.text(name).u32(extents.length);
    for (const extent of extents) this.u64(extent);
    return this.u32(type).u64(offset);
  }

  /** Zero bytes up to a multiple of the alignment, then so many of data. */
  data(bytes: number, alignment = 32): this {
    const length = this.bytes().length;
    const start = Math.ceil(length / alignment) * alignment;
    return this.#push(Buffer.alloc(start - length)).#push(
      Buffer.from(Array.from({ length: bytes }, (_, i) => i & 255)),
    );
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #push(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }
}
