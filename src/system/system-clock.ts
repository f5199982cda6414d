import { performance } from 'node:perf_hooks';
import { clearTimeout, setImmediate as nextTurn, setTimeout as startTimer } from 'node:timers';
import type { CancelTimer, Clock } from '../protocol/ports.ts';

/** Node fires a timer with a longer delay after 1 ms instead. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

function after(delayMs: number, callback: () => void): CancelTimer {
  if (Number.isNaN(delayMs)) throw new RangeError('delayMs must be a number of milliseconds');
  const end = performance.now() + delayMs;
  let timer: NodeJS.Timeout;
  const arm = (remainingMs: number): void => {
    const thisStep = Math.min(Math.max(remainingMs, 0), LONGEST_DELAY_MS);
    const step = remainingMs > LONGEST_DELAY_MS ? () => arm(end - performance.now()) : callback;
    timer = startTimer(step, thisStep);
    timer.unref();
  };
  arm(delayMs);
  return () => clearTimeout(timer);
}

/** The machine's clock. Timers do not keep the process alive; delays above 2^31-1 ms work. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after,
  soon: (callback) => {
    nextTurn(callback);
  },
};
