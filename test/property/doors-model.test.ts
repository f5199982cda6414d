import { test } from 'node:test';
import * as fc from 'fast-check';
import { doorPlan } from './doors-commands.ts';
import { DoorsRun } from './doors-run.ts';
import type { DoorFigures } from './doors-verdict.ts';

/** Longer: `npm run test:property`; one case again: `COMMUCAT_PROPERTY_SEED=<seed>`. A run opens sockets: one in 20. */
const RUNS = Math.ceil(Number(process.env.COMMUCAT_PROPERTY_RUNS ?? 100) / 20);
const SEED = process.env.COMMUCAT_PROPERTY_SEED;

test('given devices on sockets through any doors, when they talk, break, restart and keep groups, then every promise of delivery holds', async (t) => {
  const sums = new Map<string, number>();
  const property = fc.asyncProperty(doorPlan, async (plan) => {
    const figures = await new DoorsRun(plan).run();
    for (const [name, value] of Object.entries(figures) as [keyof DoorFigures, number][]) {
      sums.set(name, (sums.get(name) ?? 0) + value);
    }
  });
  await fc.assert(property, {
    numRuns: RUNS,
    includeErrorInReport: true,
    // A failure is made smaller for so long only: every attempt starts a server.
    interruptAfterTimeLimit: 20_000 * RUNS,
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    ...(process.env.COMMUCAT_PROPERTY_PATH === undefined ? {} : { path: process.env.COMMUCAT_PROPERTY_PATH }),
  });
  t.diagnostic([...sums].map(([name, value]) => `${name} ${value}`).join(', '));
});
