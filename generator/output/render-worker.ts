// A thread that renders one share and answers with its files.

import { parentPort, workerData } from 'node:worker_threads';
import { renderShare, type RenderShare } from './render-share.js';

parentPort?.postMessage(await renderShare(workerData as RenderShare));
