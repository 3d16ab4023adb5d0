// Turns rendered kernels into laid-out ones. Kernels of a set share most of their passages, and clang-format costs more than
// all other stages together, so each passage is laid out once and remembered.

import { loadClangFormat, type TextFormatter } from './clang-format.js';
import { formatPassage, splitPassages, type Passage } from './passages.js';

/** A formatter that remembers passages, for the kernels of one set. */
export async function createMslFormatter(): Promise<TextFormatter> {
  const format = await loadClangFormat();
  const known = new Map<string, string>();
  const layOut = (passage: Passage): string => {
    const key = `${passage.depthBefore} ${passage.depthAfter} ${passage.text}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const formatted = formatPassage(passage, format);
    known.set(key, formatted);
    return formatted;
  };
  return (text) => splitPassages(text).map(layOut).join('\n');
}
