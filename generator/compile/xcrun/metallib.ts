// Turns the bytes of a metallib into the names of its kernels. The file opens with a fixed header that says where the
// list of functions lies; each entry of the list is a run of tagged values.

const FUNCTION_LIST_OFFSET = 24;
const HEADER_BYTES = 88;
const KERNEL_TYPE = 2;

interface FunctionEntry {
  readonly name: string;
  readonly type: number;
}

/** Nothing where the file is laid out differently, as a later version may be. */
export function metallibKernels(bytes: Uint8Array): string[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < HEADER_BYTES || tagAt(view, 0) !== 'MTLB') return undefined;
  try {
    return readFunctions(view, Number(view.getBigUint64(FUNCTION_LIST_OFFSET, true)))
      .filter((entry) => entry.type === KERNEL_TYPE)
      .map((entry) => entry.name);
  } catch (error) {
    // A read beyond the end: not the layout that is known.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readFunctions(view: DataView, start: number): FunctionEntry[] {
  const count = view.getUint32(start, true);
  const entries: FunctionEntry[] = [];
  let position = start + 4;
  for (let i = 0; i < count; i += 1) {
    entries.push(readEntry(view, position + 4));
    // An entry's size counts the four bytes that hold it.
    position += view.getUint32(position, true);
  }
  return entries;
}

function readEntry(view: DataView, start: number): FunctionEntry {
  let name = '';
  let type = -1;
  let position = start;
  for (let tag = tagAt(view, position); tag !== 'ENDT'; tag = tagAt(view, position)) {
    const length = view.getUint16(position + 4, true);
    const value = position + 6;
    if (tag === 'NAME') name = textAt(view, value, length - 1);
    if (tag === 'TYPE') type = view.getUint8(value);
    position = value + length;
  }
  return { name, type };
}

function tagAt(view: DataView, position: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(position + i)));
}

function textAt(view: DataView, position: number, length: number): string {
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + position, length));
}
