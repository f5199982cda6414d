import * as fc from 'fast-check';
import { BrokenPromise, type Judge } from './broken-promise.ts';
import { ProcessRun } from './process-run.ts';
import { add, noFigures, type RunFigures } from './run-figures.ts';
import { plans } from './steps.ts';

const LEAST_STEPS = 200;
const MOST_STEPS = 500;

export interface ProcessesOptions {
  readonly judge: Judge;
  readonly seed: number;
  /** Milliseconds. */
  readonly time: number;
}

export interface ProcessesOutcome {
  readonly runs: number;
  readonly figures: RunFigures;
  /** What was broken, and the seed of the run: real processes do not repeat it for sure. */
  readonly finding: { readonly broken: BrokenPromise; readonly seed: number } | undefined;
}

/** Runs plans against real servers, one of each seed, until the time is over or a promise is broken. */
export async function fuzzProcesses({ judge, seed, time }: ProcessesOptions): Promise<ProcessesOutcome> {
  const end = performance.now() + time;
  const figures = noFigures();
  let runs = 0;
  for (let next = seed; performance.now() < end; next += 1) {
    const [plan] = fc.sample(plans(LEAST_STEPS, MOST_STEPS), { seed: next, numRuns: 1 });
    if (plan === undefined) throw new Error('no plan');
    try {
      add(figures, await ProcessRun.run(plan, judge));
      runs += 1;
    } catch (error) {
      if (!(error instanceof BrokenPromise)) throw error;
      return { runs, figures, finding: { broken: error, seed: next } };
    }
  }
  return { runs, figures, finding: undefined };
}
