import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchOptions, SCENARIOS } from './options.ts';
import { RUN_SCENARIO } from './scenarios/index.ts';

/** Scenarios that a Node.js without shared ports leaves out, and says so. */
const MAY_BE_SKIPPED = ['workers'];

for (const name of SCENARIOS) {
  test(`the scenario ${name} runs against the built server and measures something`, async () => {
    const { scenario, title, rows, notes = [] } = await RUN_SCENARIO[name](benchOptions(['--quick']));
    assert.equal(scenario, name);
    assert.notEqual(title, '');
    if (rows.length === 0) {
      assert.ok(MAY_BE_SKIPPED.includes(name));
      assert.match(notes.join(), /skipped/);
    }
    if (name === 'doors') assert.doesNotMatch(notes.join('\n'), /skipped/, 'every door is open');
    for (const row of rows) assert.equal(row.rounds.length, 1, row.name);
    assert.deepEqual(
      rows.filter(({ unit, rounds }) => unit.endsWith('/s') && !Number.isFinite(rounds[0])),
      [],
    );
  });
}
