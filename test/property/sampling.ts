import type { TestContext } from 'node:test';
import * as fc from 'fast-check';

const {
  COMMUCAT_PROPERTY_RUNS: RUNS,
  COMMUCAT_PROPERTY_SEED: SEED,
  COMMUCAT_PROPERTY_PATH: PATH,
} = process.env;

export interface SamplingOptions<Plan, Figures extends Readonly<Record<keyof Figures, number>>> {
  readonly plans: fc.Arbitrary<Plan>;
  /** Runs one plan; throws when a promise was broken. Its figures are added up and printed. */
  readonly run: (plan: Plan) => Promise<Figures>;
  /** Plans that are run when nobody asks for a number. */
  readonly runs: number;
  /** Of the plans that are asked for, one in so many is run. @default 1 */
  readonly oneIn?: number;
  /** Time for all runs and for making a failure smaller, per run, in milliseconds. */
  readonly timePerRun?: number;
}

/**
 * Runs plans that fast-check makes up. Longer: `COMMUCAT_PROPERTY_RUNS=5000 npm run test:property`; one case again:
 * `COMMUCAT_PROPERTY_SEED` and `COMMUCAT_PROPERTY_PATH`, as a failure prints them.
 */
export async function sample<Plan, Figures extends Readonly<Record<keyof Figures, number>>>(
  t: TestContext,
  { plans, run, runs, oneIn = 1, timePerRun }: SamplingOptions<Plan, Figures>,
): Promise<void> {
  const sums = new Map<string, number>();
  const property = fc.asyncProperty(plans, async (plan) => {
    for (const [name, value] of Object.entries<number>(await run(plan))) {
      sums.set(name, (sums.get(name) ?? 0) + value);
    }
  });
  const numRuns = RUNS === undefined ? runs : Math.ceil(Number(RUNS) / oneIn);
  await fc.assert(property, {
    numRuns,
    includeErrorInReport: true,
    ...(timePerRun === undefined ? {} : { interruptAfterTimeLimit: timePerRun * numRuns }),
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    ...(PATH === undefined ? {} : { path: PATH }),
  });
  t.diagnostic([...sums].map(([name, value]) => `${name} ${value}`).join(', '));
}
