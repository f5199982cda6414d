import { test } from 'node:test';
import { doorPlan } from './doors-commands.ts';
import { DoorsRun } from './doors-run.ts';
import { sample } from './sampling.ts';

/** A run opens sockets and every attempt starts a server: one in 20, and a failure is made smaller for so long only. */
const COST = { runs: 5, oneIn: 20, timePerRun: 20_000 } as const;

test('given devices on sockets through any doors, when they talk, break, restart and keep groups, then every promise of delivery holds', (t) =>
  sample(t, { plans: doorPlan, ...COST, run: (plan) => new DoorsRun(plan).run() }));
