import { test } from 'node:test';
import * as fc from 'fast-check';
import { groupSteps } from './group-commands.ts';
import { type GroupFigures, GroupRun } from './group-run.ts';

/** Longer: `COMMUCAT_PROPERTY_RUNS=5000 npm run test:property`; one case again: `COMMUCAT_PROPERTY_SEED=<seed>`. */
const RUNS = Number(process.env.COMMUCAT_PROPERTY_RUNS ?? 60);
const SEED = process.env.COMMUCAT_PROPERTY_SEED;

test('given any sequence of creations, invitations, joins, removals, role changes, messages and crashes, then every rule of groups holds', async (t) => {
  const sums = new Map<string, number>();
  const property = fc.asyncProperty(groupSteps, async (steps) => {
    const figures = await new GroupRun(steps).run();
    for (const [name, value] of Object.entries(figures) as [keyof GroupFigures, number][]) {
      sums.set(name, (sums.get(name) ?? 0) + value);
    }
  });
  await fc.assert(property, {
    numRuns: RUNS,
    includeErrorInReport: true,
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    ...(process.env.COMMUCAT_PROPERTY_PATH === undefined ? {} : { path: process.env.COMMUCAT_PROPERTY_PATH }),
  });
  t.diagnostic([...sums].map(([name, value]) => `${name} ${value}`).join(', '));
});
