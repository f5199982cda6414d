import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  holds,
  machineFacts,
  type Row,
  type Table,
  tableText,
  withoutTargets,
  writeResults,
} from './report.ts';

const ROW: Row = {
  name: 'relay',
  unit: 'msg/s',
  rounds: [300, 100, 200],
  compared: { to: 'echo', ratios: [0.4, 0.6, 0.5] },
  targets: [
    { of: 'value', bound: 'at least', value: 150 },
    { of: 'ratio', bound: 'at least', value: 0.55 },
  ],
};
const TABLE: Table = {
  scenario: 'relay',
  title: 'Relay',
  rows: [{ name: 'echo', unit: 'msg/s', rounds: [500, 500, 400] }, ROW],
  notes: ['something was skipped'],
};

test('a row shows median, spread, ratio and what became of its targets', () => {
  const line = tableText(TABLE)
    .split('\n')
    .find((text) => text.includes('relay'));
  assert.match(line ?? '', /200 msg\/s +100 - 300 +0\.5 of echo \(0\.4 - 0\.6\)/);
  assert.match(line ?? '', /target at least 150 msg\/s: holds; target at least 0\.55 of echo: MISSED/);
});

test('notes stand below the table, also when it has no rows', () => {
  assert.match(tableText(TABLE), /\n {2}! something was skipped\n$/);
  assert.equal(tableText({ ...TABLE, rows: [], notes: ['nothing'] }), 'Relay\n  ! nothing\n');
});

test('a target holds by the median, to either side', () => {
  assert.equal(holds(ROW, { of: 'value', bound: 'at least', value: 200 }), true);
  assert.equal(holds(ROW, { of: 'value', bound: 'at least', value: 201 }), false);
  assert.equal(holds(ROW, { of: 'value', bound: 'at most', value: 200 }), true);
  assert.equal(holds(ROW, { of: 'value', bound: 'at most', value: 199 }), false);
  assert.equal(holds(ROW, { of: 'ratio', bound: 'at least', value: 0.5 }), true);
});

test('a quick run judges nothing', () => {
  assert.doesNotMatch(tableText(withoutTargets(TABLE)), /target/);
});

test('results are data: the rounds, their median, and what became of the targets', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'commucat-bench-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'new', 'results.json');
  writeResults(file, machineFacts(), [TABLE]);
  const { node, cores, results } = JSON.parse(readFileSync(file, 'utf8'));
  assert.equal(node, process.version);
  assert.ok(cores >= 1);
  assert.equal(results[0].scenario, 'relay');
  assert.deepEqual(results[0].notes, ['something was skipped']);
  const [echo, relay] = results[0].rows;
  assert.deepEqual([echo.median, relay.median, relay.compared.median], [500, 200, 0.5]);
  assert.deepEqual(relay.rounds, [300, 100, 200]);
  assert.deepEqual(
    relay.targets.map(({ holds: held }: { holds: boolean }) => held),
    [true, false],
  );
});
