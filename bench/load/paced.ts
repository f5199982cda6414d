import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `send` at a steady rate, first after `phaseMs`, for the given time. A late call is made at once, and the ones
 * after it keep to the plan.
 */
export async function paced(
  ratePerSecond: number,
  seconds: number,
  phaseMs: number,
  send: () => void,
): Promise<void> {
  const begin = performance.now() + phaseMs;
  const calls = Math.floor(ratePerSecond * seconds);
  for (let call = 0; call < calls; call += 1) {
    const wait = begin + (call * 1000) / ratePerSecond - performance.now();
    if (wait > 0) await sleep(wait);
    send();
  }
}
