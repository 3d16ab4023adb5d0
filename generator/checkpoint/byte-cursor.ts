// A cursor that walks through the head of a file, in little-endian numbers, with one window of it in memory.

import { corrupt, type ByteSource } from './byte-source.js';

const WINDOW_BYTES = 1 << 20;

export class ByteCursor {
  readonly #source: ByteSource;
  readonly #format: string;
  #window: DataView = new DataView(new ArrayBuffer(0));
  #windowStart = 0;
  #position = 0;

  constructor(source: ByteSource, format: string) {
    this.#source = source;
    this.#format = format;
  }

  get position(): number {
    return this.#position;
  }

  get bytesLeft(): number {
    return this.#source.size - this.#position;
  }

  refuse(reason: string): Error {
    return corrupt(this.#format, reason, this.#source.where);
  }

  async u8(): Promise<number> {
    const at = await this.#take(1, 'a byte');
    return this.#window.getUint8(at);
  }

  async i8(): Promise<number> {
    const at = await this.#take(1, 'a byte');
    return this.#window.getInt8(at);
  }

  async u16(): Promise<number> {
    const at = await this.#take(2, 'a number');
    return this.#window.getUint16(at, true);
  }

  async i16(): Promise<number> {
    const at = await this.#take(2, 'a number');
    return this.#window.getInt16(at, true);
  }

  async u32(): Promise<number> {
    const at = await this.#take(4, 'a number');
    return this.#window.getUint32(at, true);
  }

  async i32(): Promise<number> {
    const at = await this.#take(4, 'a number');
    return this.#window.getInt32(at, true);
  }

  async f32(): Promise<number> {
    const at = await this.#take(4, 'a number');
    return this.#window.getFloat32(at, true);
  }

  async f64(): Promise<number> {
    const at = await this.#take(8, 'a number');
    return this.#window.getFloat64(at, true);
  }

  /** A number where it is an exact one. */
  async u64(): Promise<number | bigint> {
    const at = await this.#take(8, 'a number');
    return narrow(this.#window.getBigUint64(at, true));
  }

  async i64(): Promise<number | bigint> {
    const at = await this.#take(8, 'a number');
    return narrow(this.#window.getBigInt64(at, true));
  }

  /** A 64-bit count of things of which each takes at least `leastBytes` of what is left. */
  async count(what: string, leastBytes: number): Promise<number> {
    const count = await this.u64();
    if (typeof count === 'number' && count * leastBytes <= this.bytesLeft) return count;
    throw this.refuse(`it claims ${count.toString()} ${what} and ${this.bytesLeft} bytes are left`);
  }

  /** A 64-bit length and so many bytes of UTF-8. */
  async text(what: string, mostBytes: number): Promise<string> {
    const length = await this.count(`bytes of ${what}`, 1);
    if (length > mostBytes) throw this.refuse(`${what} has ${length} bytes, more than ${mostBytes}`);
    const at = await this.#take(length, what);
    const bytes = new Uint8Array(this.#window.buffer, at, length);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw this.refuse(`${what} at byte ${this.#position - length} is not UTF-8`);
    }
  }

  skip(length: number, what: string): void {
    if (length > this.bytesLeft) throw this.#ended(what);
    this.#position += length;
  }

  /** Where in the window the next `length` bytes start. */
  async #take(length: number, what: string): Promise<number> {
    if (length > this.bytesLeft) throw this.#ended(what);
    const windowEnd = this.#windowStart + this.#window.byteLength;
    if (this.#position < this.#windowStart || this.#position + length > windowEnd) {
      const bytes = await this.#source.read(
        this.#position,
        Math.min(Math.max(length, WINDOW_BYTES), this.bytesLeft),
      );
      this.#window = new DataView(bytes.buffer);
      this.#windowStart = this.#position;
    }
    const at = this.#position - this.#windowStart;
    this.#position += length;
    return at;
  }

  #ended(what: string): Error {
    return this.refuse(`it ends at byte ${this.#source.size}, within ${what} from byte ${this.#position} on`);
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
