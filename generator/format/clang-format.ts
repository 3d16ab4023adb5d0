// Lays out Metal with clang-format, which runs as WebAssembly and gives the same bytes on every system. It is loaded on first
// use, because most commands format nothing.

import { MSL_STYLE } from './style.js';

/** Lays out one text; keeps what it means, and changes nothing the second time. */
export type TextFormatter = (text: string) => string;

let loading: Promise<TextFormatter> | undefined;

export function loadClangFormat(): Promise<TextFormatter> {
  loading ??= load();
  return loading;
}

async function load(): Promise<TextFormatter> {
  const { ClangFormat } = await import('@wasm-fmt/clang-format');
  const formatter = new ClangFormat().with_style(MSL_STYLE);
  // The file name only says that the language is C++.
  return (text) => `${formatter.format(text, 'kernel.cc').trim()}\n`;
}
