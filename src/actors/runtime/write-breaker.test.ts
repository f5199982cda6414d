import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { WriteBreaker } from './write-breaker.ts';

test('given a write that failed, then one in a second may try, and the first that succeeds opens for all', async () => {
  const clock = new Scheduler();
  const breaker = new WriteBreaker(clock);
  const tries = (): number => Array.from({ length: 100 }, () => breaker.mayTry()).filter(Boolean).length;
  assert.equal(tries(), 100);
  breaker.failed();
  assert.equal(tries(), 0);
  await clock.advance(1000);
  assert.equal(tries(), 1);
  await clock.advance(1000);
  assert.equal(tries(), 1);
  breaker.succeeded();
  assert.equal(tries(), 100);
});
