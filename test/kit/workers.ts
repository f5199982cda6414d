import type { Worker } from 'node:worker_threads';
import { whyNoWorkers } from '../../src/config/worker-support.ts';

const why = whyNoWorkers({ platform: process.platform, node: process.versions.node });

/** For tests of `server.workers`: why they cannot run here, or false. */
export const SKIPPED_WITHOUT_WORKERS = why === undefined ? false : `this is ${why}`;

/** The threads that this process starts from now on, newest last; those that have ended are not taken out. */
export function startedThreads(): readonly Worker[] {
  const threads: Worker[] = [];
  process.on('worker', (thread) => void threads.push(thread));
  return threads;
}
