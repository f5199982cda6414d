import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Judge } from '../wire-fuzz/broken-promise.ts';
import { explain, fuzzSimulation } from '../wire-fuzz/simulation.ts';

/** `npm run fuzz:wire -- --seconds N` looks for longer, with seeds of its own and real processes. */
const SEED = Number(process.env.COMMUCAT_PROPERTY_SEED ?? 1);
const TIME_MS = 5_000;

test('given devices, a network and a disk in every kind of trouble at once, then every promise of the wire is kept', async (t) => {
  const { runs, steps, figures, finding } = await fuzzSimulation({
    judge: new Judge(),
    seed: SEED,
    time: TIME_MS,
  });
  t.diagnostic(`${runs} runs, ${steps} steps, ${JSON.stringify(figures)}`);
  if (finding !== undefined) {
    const again = `npm run fuzz:wire -- --seed ${finding.seed} --path ${finding.path}`;
    assert.fail(`${finding.broken.message}\n${explain(finding.plan)}\n${again}`);
  }
  assert.ok(figures.arrivals > 0);
});
