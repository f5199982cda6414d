// The fuzzing thread: imports the instrumented target and runs it until the time is over.
import { parentPort, workerData } from 'node:worker_threads';
import type { FuzzTarget } from '../target.ts';
import type { Bundle } from './bundle.ts';
import { Coverage } from './coverage.ts';
import { Dictionary } from './dictionary.ts';
import type { Finding } from './finding.ts';
import { Fuzzer } from './fuzzer.ts';
import { COMPARE, COUNTERS } from './instrument.ts';
import { Prng } from './prng.ts';
import { SharedState } from './shared-state.ts';
import { smallestSet } from './smallest-set.ts';

export interface WorkerTask {
  readonly bundle: Bundle;
  /** Inputs to start from, besides the seeds of the target. */
  readonly corpus: readonly Uint8Array[];
  readonly seed: number;
  readonly milliseconds: number;
  readonly memory: SharedArrayBuffer;
}

export type WorkerReport =
  | { readonly kind: 'finding'; readonly finding: Finding }
  | { readonly kind: 'done'; readonly corpus: readonly Uint8Array[] };

const ROUND = 64;
const MAX_CORPUS = 120;

const { bundle, corpus: stored, seed, milliseconds, memory } = workerData as WorkerTask;
const coverage = new Coverage(bundle.counters);
const dictionary = new Dictionary(bundle.literals);
Object.assign(globalThis, {
  [COUNTERS]: coverage.counters,
  [COMPARE]: (left: unknown, right: unknown) => dictionary.compare(left, right),
});
const { target } = (await import(bundle.url)) as { target: FuzzTarget };

const state = new SharedState(memory);
const fuzzer = new Fuzzer(target, { coverage, dictionary, prng: new Prng(seed), state }, (finding) =>
  parentPort?.postMessage({ kind: 'finding', finding } satisfies WorkerReport),
);
fuzzer.seed([...stored, ...target.seeds()]);
const end = performance.now() + milliseconds;
while (performance.now() < end) fuzzer.run(ROUND);

const fresh = new Coverage(bundle.counters);
Object.assign(globalThis, { [COUNTERS]: fresh.counters });
const inputs = fuzzer.entries.map(({ data }) => data);
const corpus = smallestSet(target, fresh, inputs, MAX_CORPUS);
parentPort?.postMessage({ kind: 'done', corpus } satisfies WorkerReport);
