import { test } from 'node:test';
import * as fc from 'fast-check';
import { plan } from './relay-commands.ts';
import { RelayRun, type RunFigures } from './relay-run.ts';

/** Longer: `COMMUCAT_PROPERTY_RUNS=5000 npm run test:property`; one case again: `COMMUCAT_PROPERTY_SEED=<seed>`. */
const RUNS = Number(process.env.COMMUCAT_PROPERTY_RUNS ?? 80);
const SEED = process.env.COMMUCAT_PROPERTY_SEED;

test('given any sequence of joins, sends, breaks, crashes and refusals, then every promise of delivery holds', async (t) => {
  const sums = new Map<string, number>();
  const property = fc.asyncProperty(plan, async (planned) => {
    const figures = await new RelayRun(planned).run();
    for (const [name, value] of Object.entries(figures) as [keyof RunFigures, number][]) {
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
