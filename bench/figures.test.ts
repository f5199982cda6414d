import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generatorNotes, throughputRows } from './figures.ts';
import type { Interval } from './timing.ts';

const interval = (changes: Partial<Interval>): Interval => ({
  begin: 0,
  end: 2_000,
  seconds: 2,
  operations: 1_000,
  serverCpu: 0.5,
  postgresCpu: 0,
  clientCpu: 0.2,
  threads: [],
  ...changes,
});

test('throughput is shown by the clock, by the core, and as the cost of one operation on both sides', () => {
  const rows = throughputRows('relay', [interval({})], { unit: 'msg' });
  const figures = rows.map(({ name, unit, rounds }) => `${name.trim()}: ${rounds[0]} ${unit}`);
  assert.deepEqual(figures, [
    'relay: 500 msg/s',
    'per server core: 2000 msg/core-s',
    'server CPU: 500 us/msg',
    'generator CPU: 200 us/msg',
    'server uses: 25 % of a core',
    'generator uses: 10 % of a core',
  ]);
});

test('each round is compared with the same round of the peer', () => {
  const peer = { name: 'echo', intervals: [interval({}), interval({ operations: 4_000 })] };
  const [wall, perCore, cost] = throughputRows('relay', [interval({}), interval({})], { unit: 'msg', peer });
  assert.deepEqual(wall?.compared, { to: 'echo', ratios: [1, 0.25] });
  assert.deepEqual(perCore?.compared?.ratios, [1, 0.25]);
  assert.deepEqual(cost?.compared?.ratios, [1, 4]);
});

test('a generator that uses a whole core is named, one that does not is not', () => {
  assert.match(
    generatorNotes('relay', [interval({ clientCpu: 1.9 })])[0] ?? '',
    /relay: the generator used 95 %/,
  );
  assert.deepEqual(generatorNotes('relay', [interval({ clientCpu: 1.7 })]), []);
});
