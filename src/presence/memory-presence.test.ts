import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presenceContract } from '../../test/kit/presence.contract.ts';
import type { Clock } from '../ports/ports.ts';
import { MemoryPresence, PresenceRefresher } from './index.ts';

/** A clock that only moves when told to. */
function manualClock() {
  let time = 1_700_000_000_000;
  const timers = new Map<number, { readonly due: number; readonly callback: () => void }>();
  let ids = 0;
  const clock: Clock = {
    now: () => time,
    monotonic: () => time,
    after: (delayMs, callback) => {
      const id = ids;
      ids += 1;
      timers.set(id, { due: time + delayMs, callback });
      return () => void timers.delete(id);
    },
    soon: () => assert.fail('not needed'),
  };
  const pass = async (ms: number): Promise<void> => {
    const end = time + ms;
    for (;;) {
      const next = [...timers].sort(([, a], [, b]) => a.due - b.due)[0];
      if (next === undefined || next[1].due > end) break;
      time = next[1].due;
      timers.delete(next[0]);
      next[1].callback();
      await Promise.resolve();
    }
    time = end;
  };
  return { clock, pass, pending: () => timers.size };
}

presenceContract('memory', async () => {
  const { clock, pass } = manualClock();
  return { presence: new MemoryPresence(clock, 30), ttlMs: 30_000, now: clock.now, pass };
});

test('given a connected session with a refresher, when an hour passes, then its device is still online', async () => {
  const { clock, pass } = manualClock();
  const presence = new MemoryPresence(clock, 30);
  using refresher = new PresenceRefresher(presence, clock, 30, (error) => assert.fail(String(error)));
  await presence.online('d-1', 1, null);
  await presence.online('d-2', 2, null);
  refresher.add(1, 'd-1');
  await pass(3_600_000);
  assert.equal((await presence.get('d-1'))?.state, 'online');
  assert.equal(await presence.get('d-2'), undefined);
});

test('given the last session is removed, when time passes, then no timer is left and the device expires', async () => {
  const { clock, pass, pending } = manualClock();
  const presence = new MemoryPresence(clock, 30);
  const refresher = new PresenceRefresher(presence, clock, 30, (error) => assert.fail(String(error)));
  await presence.online('d-1', 1, null);
  refresher.add(1, 'd-1');
  refresher.remove(1);
  assert.equal(pending(), 0);
  await pass(30_000);
  assert.equal(await presence.get('d-1'), undefined);
});
