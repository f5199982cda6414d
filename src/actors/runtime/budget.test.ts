import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { Budget } from './budget.ts';

test('given a budget, when it is spent, then nothing more is until time brings it back, for each name by itself', async () => {
  const clock = new Scheduler();
  const budget = new Budget(clock, { burst: 10, perSecond: 2 });
  assert.equal(budget.take('a', 8), true);
  assert.equal(budget.allows('a', 3), false);
  assert.equal(budget.take('a', 3), false);
  assert.equal(budget.take('b', 10), true);
  await clock.advance(500);
  assert.equal(budget.take('a', 3), true);
  assert.equal(budget.take('a', 1), false);
});

test('given a full budget, when something costs more than a burst, then it takes all of it', async () => {
  const clock = new Scheduler();
  const budget = new Budget(clock, { burst: 10, perSecond: 1 });
  assert.equal(budget.take('a', 1000), true);
  assert.equal(budget.take('a', 1), false);
  await clock.advance(9_000);
  assert.equal(budget.take('a', 1000), false);
  await clock.advance(1_000);
  assert.equal(budget.take('a', 1000), true);
});

test('given many names, when their budgets are full again, then they are not remembered', async () => {
  const clock = new Scheduler();
  const budget = new Budget(clock, { burst: 10, perSecond: 1 });
  for (let number = 0; number < 2_000; number += 1) budget.take(`early ${number}`, 1);
  await clock.advance(60_000);
  for (let number = 0; number < 4_000; number += 1) budget.take(`late ${number}`, 1);
  assert.ok(budget.size <= 5_000, `${budget.size} names`);
});
