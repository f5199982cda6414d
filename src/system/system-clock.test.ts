import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './index.ts';
import { systemRandom } from './system-random.ts';

/** The clock's own timers do not keep a process alive; the test must. */
function keepAlive(): () => void {
  const handle = setInterval(() => undefined, 1000);
  return () => clearInterval(handle);
}

test('given a timer, when its delay has passed, then it fires once and cancelling it afterwards is harmless', async () => {
  const release = keepAlive();
  let fired = 0;
  const cancel = await new Promise<() => void>((resolve) => {
    const cancelTimer = systemClock.after(1, () => {
      fired += 1;
      resolve(() => cancelTimer());
    });
  });
  cancel();
  cancel();
  release();
  assert.equal(fired, 1);
});

test('given a cancelled timer, when a later one fires, then the cancelled one has not', async () => {
  const release = keepAlive();
  let fired = false;
  systemClock.after(1, () => {
    fired = true;
  })();
  await new Promise<void>((resolve) => systemClock.after(5, resolve));
  release();
  assert.equal(fired, false);
});

test('given a delay beyond what Node can wait for in one timer, when it is started, then it does not fire at once', async () => {
  const release = keepAlive();
  let fired = false;
  const cancel = systemClock.after(2 ** 40, () => {
    fired = true;
  });
  await new Promise<void>((resolve) => systemClock.after(20, resolve));
  cancel();
  release();
  assert.equal(fired, false);
});

test('given soon, when the current turn ends, then the callback has run after its microtasks', async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    systemClock.soon(() => {
      order.push('soon');
      resolve();
    });
    void Promise.resolve().then(() => order.push('microtask'));
  });
  assert.deepEqual(order, ['microtask', 'soon']);
});

test('given the system random, when bytes are drawn twice, then they have the length asked for and differ', () => {
  const first = systemRandom.bytes(32);
  assert.equal(first.length, 32);
  assert.notDeepEqual(first, systemRandom.bytes(32));
});
