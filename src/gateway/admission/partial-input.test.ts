import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PartialInput } from './partial-input.ts';

const KIB = 1024;

function setUp(mostKib: number) {
  const lost: string[] = [];
  let reached = 0;
  const partials = new PartialInput(mostKib * KIB, () => {
    reached += 1;
  });
  const holder = (name: string) => {
    const made = {
      keep: (kib: number) => partials.keep(made, kib * KIB),
      outOfRoom: () => {
        lost.push(name);
        made.keep(0);
      },
    };
    return made;
  };
  return { partials, lost, holder, reached: () => reached };
}

test('given room for all, when partial input grows and is finished, then nobody gives up and nothing stays counted', () => {
  const { holder, lost, partials } = setUp(100);
  const [a, b] = [holder('a'), holder('b')];
  for (const kib of [10, 40, 60, 0]) a.keep(kib);
  for (const kib of [90, 0, 30]) b.keep(kib);
  assert.equal(partials.total, 30 * KIB);
  b.keep(0);
  assert.equal(partials.total, 0);
  assert.deepEqual(lost, []);
});

test('given one that keeps the most, when another one exceeds the total, then the first gives up', () => {
  const { holder, lost, partials, reached } = setUp(100);
  const [large, small] = [holder('large'), holder('small')];
  large.keep(70);
  small.keep(20);
  small.keep(40);
  assert.deepEqual(lost, ['large']);
  assert.equal(partials.total, 40 * KIB);
  assert.equal(reached(), 1);
});

test('given one alone above the total, then it gives up itself', () => {
  const { holder, lost, partials } = setUp(100);
  holder('alone').keep(101);
  assert.deepEqual(lost, ['alone']);
  assert.equal(partials.total, 0);
});

test('given little from many, then it is not counted: a session costs that anyway', () => {
  const { holder, partials } = setUp(8);
  for (let count = 0; count < 1000; count += 1) holder(String(count)).keep(3);
  assert.equal(partials.total, 0);
});
