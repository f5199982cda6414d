import { rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { FuzzTarget } from '../target.ts';
import { bundle, threadModule } from './bundle.ts';
import { readCorpus } from './corpus.ts';
import { BOUNDS, type Finding } from './finding.ts';
import { SharedState } from './shared-state.ts';
import type { WorkerReport, WorkerTask } from './worker.ts';

export interface Outcome {
  readonly executions: number;
  readonly seconds: number;
  /** Branches reached, and how many there are. */
  readonly edges: number;
  readonly counters: number;
  readonly features: number;
  readonly findings: readonly Finding[];
  /** The smallest inputs that reach all of that; undefined when the thread died. */
  readonly corpus: readonly Uint8Array[] | undefined;
}

export interface Progress {
  readonly executions: number;
  readonly edges: number;
  readonly inputs: number;
}

const LOOK_MS = 1_000;
const PROGRESS_EVERY = 10;

/**
 * Fuzzes one target in a thread of its own, for that many seconds. An input that hangs the thread or fills its memory
 * ends it and is a finding; others are collected while it runs on.
 */
export async function supervise(
  target: FuzzTarget,
  file: string,
  options: { readonly seconds: number; readonly seed: number },
  progress: (progress: Progress) => void,
): Promise<Outcome> {
  const built = await bundle(file, target.name);
  const state = SharedState.create(target.maxLength);
  const task: WorkerTask = {
    bundle: built,
    corpus: readCorpus(target.name),
    seed: options.seed,
    milliseconds: options.seconds * 1000,
    memory: state.memory,
  };
  const thread = await threadModule();
  const started = performance.now();
  const { findings, corpus } = await watch(thread, task, state, progress);
  await Promise.all([thread, new URL(built.url)].map((file) => rm(file, { force: true })));
  const seconds = (performance.now() - started) / 1000;
  const { executions, edges, features } = state;
  return { executions, seconds, edges, counters: built.counters, features, findings, corpus };
}

/** Runs the thread to its end, natural or not. */
function watch(
  thread: URL,
  task: WorkerTask,
  state: SharedState,
  progress: (progress: Progress) => void,
): Promise<Pick<Outcome, 'findings' | 'corpus'>> {
  const findings: Finding[] = [];
  let corpus: readonly Uint8Array[] | undefined;
  let isDone = false;
  const worker = new Worker(thread, {
    workerData: task,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: BOUNDS.HEAP_MIB },
  });
  let last = -1;
  let still = 0;
  let looks = 0;
  const timer = setInterval(() => {
    still = state.executions === last ? still + LOOK_MS : 0;
    last = state.executions;
    looks += 1;
    if (looks % PROGRESS_EVERY === 0) progress(state);
    if (still < BOUNDS.HANG_MS || isDone || last === 0) return;
    findings.push({ kind: 'hang', message: `no end within ${BOUNDS.HANG_MS} ms`, input: state.input });
    isDone = true;
    void worker.terminate();
  }, LOOK_MS);
  worker.on('message', (report: WorkerReport) => {
    if (report.kind === 'finding') findings.push(report.finding);
    else corpus = report.corpus;
    if (report.kind === 'done') isDone = true;
  });
  return new Promise((resolve, reject) => {
    worker.on('error', (error: NodeJS.ErrnoException) => {
      isDone = true;
      if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') reject(error);
      findings.push({ kind: 'memory', message: error.message, input: state.input });
    });
    worker.once('exit', () => {
      clearInterval(timer);
      resolve({ findings, corpus });
    });
  });
}
