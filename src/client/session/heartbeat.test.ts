import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { Heartbeat } from './heartbeat.ts';

function listen() {
  const clock = new Scheduler({ start: 0 });
  const told: string[] = [];
  const heartbeat = new Heartbeat(
    clock,
    { afterMs: 30, timeoutMs: 10 },
    { silent: () => told.push(`silent ${clock.now()}`), dead: () => told.push(`dead ${clock.now()}`) },
  );
  return { clock, told, heartbeat };
}

test('given a peer that says nothing, when the time has passed, then it is asked once and then given up', async () => {
  const { clock, told } = listen();
  await clock.advance(200);
  assert.deepEqual(told, ['silent 30', 'dead 40']);
});

test('given a peer that answers each question, when time passes, then it is never given up', async () => {
  const { clock, told, heartbeat } = listen();
  for (let second = 0; second < 200; second += 1) {
    await clock.advance(1);
    if (told.at(-1) === `silent ${clock.now() - 5}`) heartbeat.heard();
  }
  // Every 30 after an answer that takes 5.
  assert.deepEqual(told, ['silent 30', 'silent 65', 'silent 100', 'silent 135', 'silent 170']);
});

test('given a peer that talks by itself, when time passes, then it is not asked', async () => {
  const { clock, told, heartbeat } = listen();
  for (let step = 0; step < 50; step += 1) {
    await clock.advance(20);
    heartbeat.heard();
  }
  assert.deepEqual(told, []);
});

test('given a machine that slept, when it wakes up, then the peer is asked before it is given up', async () => {
  const { clock, told, heartbeat } = listen();
  clock.sleep(100_000);
  assert.deepEqual(told, ['silent 100000']);
  await clock.advance(3);
  heartbeat.heard();
  await clock.advance(20);
  assert.deepEqual(told, ['silent 100000']);
});

test('given a heartbeat that is stopped, when time passes, then no timer is left', async () => {
  const { clock, told, heartbeat } = listen();
  await clock.advance(35);
  heartbeat.stop();
  assert.equal(clock.timers, 0);
  assert.deepEqual(told, ['silent 30']);
});
