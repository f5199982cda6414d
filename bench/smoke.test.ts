import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { benchOptions, SCENARIOS } from './options.ts';
import { RUN_SCENARIO } from './scenarios/index.ts';

/** Scenarios that a Node.js without shared ports, or a machine without HAProxy, leaves out, and says so. */
const MAY_BE_SKIPPED = ['workers', 'proxy'];

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

const RUN = fileURLToPath(new URL('./run.ts', import.meta.url));

test('the command prints a table and writes the same as data', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'commucat-bench-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const json = join(folder, 'results.json');
  const args = ['--import', 'tsx', RUN, '--quick', '--only', 'latency', '--json', json];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  assert.match(stdout, /Latency: .*\n +echo p50 /);
  const { command, results } = JSON.parse(readFileSync(json, 'utf8'));
  assert.match(command, /npm run bench -- --quick --only latency/);
  assert.deepEqual(
    results.map(({ scenario }: { scenario: string }) => scenario),
    ['latency'],
  );
});

test('a wrong option ends the command with its usage', async () => {
  const args = ['--import', 'tsx', RUN, '--only', 'everything'];
  await assert.rejects(
    promisify(execFile)(process.execPath, args),
    /no scenario is called everything[\s\S]*--quick/,
  );
});
