import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { benchOptions, SCENARIOS } from './options.ts';
import { FULL, QUICK } from './sizes.ts';

test('without options everything is measured, three rounds of it', () => {
  const { only, rounds, sizes, quick, json, profile } = benchOptions([]);
  assert.deepEqual(only, SCENARIOS);
  assert.equal(rounds, 3);
  assert.equal(sizes, FULL);
  assert.equal(quick, false);
  assert.equal(json, undefined);
  assert.equal(profile, undefined);
});

test('--only picks scenarios in the order in which they are named', () => {
  assert.deepEqual(benchOptions(['--only', 'storm,relay']).only, ['storm', 'relay']);
});

test('--quick takes tiny sizes, one round and less than a second; other options go before it', () => {
  const quick = benchOptions(['--quick']);
  assert.equal(quick.sizes, QUICK);
  assert.equal(quick.rounds, 1);
  assert.ok(quick.seconds < 1);
  assert.equal(benchOptions(['--quick', '--rounds', '2', '--seconds', '1.5']).rounds, 2);
  assert.equal(benchOptions(['--quick', '--seconds', '1.5']).seconds, 1.5);
});

test('paths of results are absolute', () => {
  const { json, profile } = benchOptions(['--json', 'a/b.json', '--profile', 'c']);
  assert.equal(json, resolve('a/b.json'));
  assert.equal(profile, resolve('c'));
});

for (const [what, args] of [
  ['an unknown scenario', ['--only', 'relay,nothing']],
  ['an unknown option', ['--fast']],
  ['no round', ['--rounds', '0']],
  ['half a round', ['--rounds', '1.5']],
  ['no time', ['--seconds', '0']],
  ['a time that is no number', ['--seconds', 'long']],
  ['endless time', ['--seconds', 'Infinity']],
] as const) {
  test(`${what} is refused with the usage`, () => {
    assert.throws(() => benchOptions(args), {
      name: 'TypeError',
      message: /npm run bench -- \[--only relay,/,
    });
  });
}
