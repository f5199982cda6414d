import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterDelay, type Timers } from './long-delay.ts';

/** Timers that do what Node.js and browsers do with delays that are too long: fire at once. */
function platform(): Timers & { readonly started: number[]; pass(ms: number): void } {
  const waiting = new Map<number, { readonly at: number; readonly run: () => void }>();
  const started: number[] = [];
  let now = 0;
  return {
    started,
    monotonic: () => now,
    start(delayMs, callback) {
      const id = started.push(delayMs);
      waiting.set(id, { at: now + (delayMs > 2 ** 31 - 1 ? 1 : delayMs), run: callback });
      return () => waiting.delete(id);
    },
    pass(ms) {
      const until = now + ms;
      for (;;) {
        const [next] = [...waiting].sort(([, a], [, b]) => a.at - b.at);
        if (next === undefined || next[1].at > until) break;
        now = next[1].at;
        waiting.delete(next[0]);
        next[1].run();
      }
      now = until;
    },
  };
}

const MONTH_MS = 2_592_000_000;

test('given a delay that the platform cannot keep, when its time has come and not before, then it fires once', () => {
  for (const delay of [2 ** 31 - 1, 2 ** 31, MONTH_MS, 10 * MONTH_MS]) {
    const timers = platform();
    let fired = 0;
    afterDelay(timers, delay, () => {
      fired += 1;
    });
    timers.pass(delay - 1);
    assert.equal(fired, 0, `${delay}`);
    timers.pass(1);
    timers.pass(delay);
    assert.equal(fired, 1, `${delay}`);
  }
});

test('given a long delay, when it is cancelled between two steps, then it never fires', () => {
  const timers = platform();
  const cancel = afterDelay(timers, 3 * 2 ** 31, () => assert.fail('fired'));
  timers.pass(2 ** 31 + 5);
  assert.equal(timers.started.length, 2);
  cancel();
  cancel();
  timers.pass(2 ** 33);
});

test('given a delay without end, when years pass, then it does not fire and every step is one that the platform keeps', () => {
  const timers = platform();
  afterDelay(timers, Number.POSITIVE_INFINITY, () => assert.fail('fired'));
  timers.pass(100 * MONTH_MS);
  assert.ok(timers.started.length > 100);
  assert.ok(timers.started.every((delay) => delay <= 2 ** 31 - 1));
});

test('given a delay that is no time, when it is started, then NaN is refused and what lies in the past is now', () => {
  const timers = platform();
  assert.throws(() => afterDelay(timers, Number.NaN, () => undefined), RangeError);
  let fired = false;
  afterDelay(timers, -5, () => {
    fired = true;
  });
  timers.pass(0);
  assert.deepEqual([fired, timers.started], [true, [0]]);
});
