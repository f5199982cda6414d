import { test } from 'node:test';
import { groupSteps } from './group-commands.ts';
import { GroupRun } from './group-run.ts';
import { sample } from './sampling.ts';

test('given any sequence of creations, invitations, joins, removals, role changes, messages and crashes, then every rule of groups holds', (t) =>
  sample(t, { plans: groupSteps, runs: 60, run: (steps) => new GroupRun(steps).run() }));
