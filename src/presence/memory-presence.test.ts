import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presenceContract } from '../../test/kit/presence.contract.ts';
import { Scheduler } from '../../test/kit/scheduler.ts';
import { MemoryPresence, PresenceRefresher } from './index.ts';

presenceContract('memory', async () => {
  const clock = new Scheduler();
  const presence = new MemoryPresence(clock, 30);
  return { presence, ttlMs: 30_000, now: () => clock.now(), pass: (ms) => clock.advance(ms) };
});

test('given a connected session with a refresher, when an hour passes, then its device is still online', async () => {
  const clock = new Scheduler();
  const presence = new MemoryPresence(clock, 30);
  using refresher = new PresenceRefresher(presence, clock, 30, (error) => assert.fail(String(error)));
  await presence.online('d-1', 1, null);
  await presence.online('d-2', 2, null);
  refresher.add(1, 'd-1');
  await clock.advance(3_600_000);
  assert.equal((await presence.get('d-1'))?.state, 'online');
  assert.equal(await presence.get('d-2'), undefined);
});

test('given the last session is removed, when time passes, then no timer is left and the device expires', async () => {
  const clock = new Scheduler();
  const presence = new MemoryPresence(clock, 30);
  const refresher = new PresenceRefresher(presence, clock, 30, (error) => assert.fail(String(error)));
  await presence.online('d-1', 1, null);
  refresher.add(1, 'd-1');
  refresher.remove(1);
  assert.equal(clock.timers, 0);
  await clock.advance(30_000);
  assert.equal(await presence.get('d-1'), undefined);
});
