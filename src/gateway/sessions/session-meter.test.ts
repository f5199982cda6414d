import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { EventWindow } from '../admission/event-window.ts';
import { SessionMeter } from './session-meter.ts';

function setUp(sessionFramesPerSecond: number, sessionBytesPerSecond: number) {
  const clock = new Scheduler();
  const changes: (string | undefined)[] = [];
  const limits = { sessionFramesPerSecond, sessionBytesPerSecond };
  return { clock, changes, meter: new SessionMeter(limits, clock, (limit) => changes.push(limit)) };
}

test('given a session within its rate, however long, then it is never held', async () => {
  const { clock, changes, meter } = setUp(100, 0);
  for (let second = 0; second < 60; second += 1) {
    meter.spend(100, 1_000_000);
    await clock.advance(1000);
  }
  assert.deepEqual(changes, []);
});

test('given a burst of two seconds, when more comes, then reading rests for exactly as long as it is too much', async () => {
  const { clock, changes, meter } = setUp(100, 0);
  meter.spend(200, 0);
  assert.equal(meter.exhausted, false);
  meter.spend(50, 0);
  assert.deepEqual(changes, ['sessionFramesPerSecond']);
  await clock.advance(499);
  assert.equal(meter.exhausted, true);
  await clock.advance(1);
  assert.equal(meter.exhausted, false);
  assert.deepEqual(changes, ['sessionFramesPerSecond', undefined]);
});

test('given chunks that arrive while reading rests, then they are paid for, too, and one rest is one event', async () => {
  const { clock, changes, meter } = setUp(0, 1000);
  meter.spend(1, 2500);
  meter.spend(1, 500);
  await clock.advance(999);
  assert.equal(meter.exhausted, true);
  await clock.advance(1);
  assert.equal(meter.exhausted, false);
  assert.deepEqual(changes, ['sessionBytesPerSecond', undefined]);
});

test('given a session that ends while reading rests, then nothing follows', async () => {
  const { clock, changes, meter } = setUp(10, 0);
  meter.spend(100, 0);
  meter.stop();
  await clock.advance(60_000);
  assert.deepEqual(changes, ['sessionFramesPerSecond']);
});

test('given events within the window, when there are too many, then that is said; spread out, it is not', async () => {
  const clock = new Scheduler();
  const window = new EventWindow(clock, 3, 1000);
  assert.deepEqual([window.add(), window.add(), window.add(), window.add()], [false, false, false, true]);
  const slow = new EventWindow(clock, 3, 1000);
  for (let event = 0; event < 50; event += 1) {
    assert.equal(slow.add(), false);
    await clock.advance(400);
  }
});
