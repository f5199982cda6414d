import { performance } from 'node:perf_hooks';
import { clearTimeout, setImmediate as nextTurn, setTimeout as startTimer } from 'node:timers';
import { afterDelay, type Timers } from '../ports/long-delay.ts';
import type { Clock } from '../ports/ports.ts';

const timers: Timers = {
  monotonic: () => performance.now(),
  start(delayMs, callback) {
    const timer = startTimer(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** The machine's clock. Timers do not keep the process alive; delays of any length work. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: timers.monotonic,
  after: (delayMs, callback) => afterDelay(timers, delayMs, callback),
  soon: (callback) => {
    nextTurn(callback);
  },
};
