import type { CancelTimer } from './ports.ts';

/** Node.js and browsers fire a timer with a longer delay at once instead. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** A platform's own timers. */
export interface Timers {
  /** Runs `callback` once after at most 2^31-1 ms. */
  start(delayMs: number, callback: () => void): CancelTimer;
  /** Milliseconds on a clock that never goes back. */
  monotonic(): number;
}

/**
 * Runs `callback` once after `delayMs`, however long that is: in steps that the platform can keep. A delay below 0 is 0,
 * one without end never comes.
 *
 * @throws RangeError for NaN, which a platform would take for 0
 */
export function afterDelay(timers: Timers, delayMs: number, callback: () => void): CancelTimer {
  if (Number.isNaN(delayMs)) throw new RangeError('delayMs must be a number of milliseconds');
  if (delayMs <= LONGEST_DELAY_MS) return timers.start(Math.max(delayMs, 0), callback);
  const end = timers.monotonic() + delayMs;
  let cancel: CancelTimer = () => undefined;
  const step = (): void => {
    const left = end - timers.monotonic();
    cancel =
      left > LONGEST_DELAY_MS
        ? timers.start(LONGEST_DELAY_MS, step)
        : timers.start(Math.max(left, 0), callback);
  };
  step();
  return () => cancel();
}
