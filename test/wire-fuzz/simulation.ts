import * as fc from 'fast-check';
import { BrokenPromise, type Judge } from './broken-promise.ts';
import { add, noFigures, type RunFigures } from './run-figures.ts';
import { SimulatedRun } from './simulated-run.ts';
import { type Action, type Plan, plans } from './steps.ts';

/** Plans of one seed. A finding is named by the seed and its path. */
const RUNS_OF_A_SEED = 100;
const MOST_STEPS = 150;
/** Time for making a finding smaller. */
const SHRINKING_MS = 30_000;

export interface SimulationOptions {
  readonly judge: Judge;
  readonly seed: number;
  /** Milliseconds. */
  readonly time: number;
  /** Only this one, as a finding names it. */
  readonly path?: string | undefined;
  readonly steps?: number;
}

export interface SimulationFinding {
  readonly broken: BrokenPromise;
  readonly plan: Plan;
  readonly seed: number;
  readonly path: string;
  /** Milliseconds from the beginning to the first run that failed. */
  readonly foundAfter: number;
}

export interface SimulationOutcome {
  readonly runs: number;
  readonly steps: number;
  readonly figures: RunFigures;
  readonly finding: SimulationFinding | undefined;
}

/** Runs plans of one seed after the other until the time is over, or one of them shows a broken promise. */
export async function fuzzSimulation(options: SimulationOptions): Promise<SimulationOutcome> {
  const begun = performance.now();
  const end = begun + options.time;
  const figures = noFigures();
  let runs = 0;
  let steps = 0;
  for (let seed = options.seed; ; seed += 1) {
    let foundAt: number | undefined;
    const property = fc.asyncProperty(plans(1, options.steps ?? MOST_STEPS), async (plan) => {
      const now = performance.now();
      // The rest of the seed, or of the attempts to make a finding smaller.
      if (foundAt === undefined ? now > end : now > foundAt + SHRINKING_MS) {
        return;
      }
      try {
        add(figures, await new SimulatedRun(plan, options.judge).run());
        runs += 1;
        steps += plan.steps.length;
      } catch (error) {
        foundAt ??= now;
        throw error;
      }
    });
    const { path } = options;
    const details = await fc.check(property, {
      seed,
      numRuns: path === undefined ? RUNS_OF_A_SEED : 1,
      ...(path === undefined ? {} : { path, endOnFailure: true }),
    });
    if (details.failed) {
      const { errorInstance: broken } = details;
      const [plan] = details.counterexample ?? [];
      if (!(broken instanceof BrokenPromise) || plan === undefined) throw broken;
      const foundAfter = (foundAt ?? begun) - begun;
      const finding = { broken, plan, seed, path: details.counterexamplePath ?? '', foundAfter };
      return { runs, steps, figures, finding };
    }
    if (path !== undefined || performance.now() > end) return { runs, steps, figures, finding: undefined };
  }
}

/** A plan for people: one line a step. */
export function explain({ steps, ...setting }: Plan): string {
  const lines = steps.map(({ action, after, pick }) => `  ${words(action)}; then ${after} (${pick})`);
  return [JSON.stringify(setting), ...lines].join('\n');
}

function words({ do: what, ...rest }: Action): string {
  return [what, ...Object.entries(rest).map(([name, value]) => `${name} ${value}`)].join(', ');
}
