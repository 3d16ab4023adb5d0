// Renders the files of a set, a large one on all cores: laying out text takes longer than everything else together.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { renderShare, type RenderedFile, type RenderShare } from './render-share.js';

/** Below that, starting a thread takes longer than it saves. */
const FILES_PER_THREAD = 40;

export async function renderFiles(whole: RenderShare): Promise<RenderedFile[]> {
  const shares = split(whole);
  const [own, ...others] = shares;
  if (own === undefined) return [];
  // What fails in a thread is done again here, where the error keeps its class.
  const elsewhere = others.map((share) => renderInThread(share).catch(() => renderShare(share)));
  const results = [await renderShare(own), ...(await Promise.all(elsewhere))];
  return results.flat();
}

/** Neighbours stay together: they have most passages in common, and each is laid out once. */
function split({ files, ...common }: RenderShare): RenderShare[] {
  const threads = canStartThreads() ? availableParallelism() : 1;
  const count = Math.max(1, Math.min(threads, Math.floor(files.length / FILES_PER_THREAD)));
  const size = Math.ceil(files.length / count);
  return Array.from({ length: count }, (_, share) => ({
    ...common,
    files: files.slice(share * size, (share + 1) * size),
  }));
}

/** Threads start from built files only. */
function canStartThreads(): boolean {
  return import.meta.url.endsWith('.js');
}

function renderInThread(share: RenderShare): Promise<RenderedFile[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./render-worker.js', import.meta.url), { workerData: share });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
