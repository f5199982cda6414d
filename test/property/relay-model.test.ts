import { test } from 'node:test';
import { plan } from './relay-commands.ts';
import { RelayRun } from './relay-run.ts';
import { sample } from './sampling.ts';

test('given any sequence of joins, sends, breaks, crashes and refusals, then every promise of delivery holds', (t) =>
  sample(t, { plans: plan, runs: 80, run: (planned) => new RelayRun(planned).run() }));
