import { setImmediate } from 'node:timers';
import type { Clock } from '../../src/ports/ports.ts';

/** A clock for tests of the log: time stands still until it is advanced, timers fire only then, `soon` is real. */
export function testClock(start = 1_800_000_000_000): Clock & { readonly advance: (ms: number) => void } {
  let now = start;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  return {
    now: () => now,
    monotonic: () => now - start,
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    soon: (callback) => void setImmediate(callback),
    advance(ms) {
      now += ms;
      for (const timer of Array.from(timers)) {
        if (timer.at > now || !timers.delete(timer)) continue;
        timer.callback();
      }
    },
  };
}
