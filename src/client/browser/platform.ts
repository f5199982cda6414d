import { afterDelay, type Timers } from '../../ports/long-delay.ts';
import type { Clock, Random } from '../../ports/ports.ts';
import type { CryptoBackend } from '../../protocol/crypto-backend.ts';
import { nobleBackend } from '../../protocol/noble-backend.ts';

/** `getRandomValues` gives so many bytes at a time. */
const MOST_RANDOM_BYTES = 65_536;

const timers: Timers = {
  monotonic: () => performance.now(),
  start(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The page's clock. In the background its timers are late; nothing here takes a late timer for a missing answer. */
export const browserClock: Clock = {
  now: () => Date.now(),
  monotonic: timers.monotonic,
  after: (delayMs, callback) => afterDelay(timers, delayMs, callback),
  soon: createSoon(),
};

/** The browser's CSPRNG. */
export const browserRandom: Random = {
  bytes(length) {
    const bytes = new Uint8Array(length);
    for (let start = 0; start < length; start += MOST_RANDOM_BYTES) {
      crypto.getRandomValues(bytes.subarray(start, start + MOST_RANDOM_BYTES));
    }
    return bytes;
  },
};

/** The cryptography of the SDK in a browser: `@noble`. */
export const browserBackend: CryptoBackend = nobleBackend;

/** What nobody listens to is an event `error` of the window, and a line in its console. */
export const browserReport = (error: Error): void => reportError(error);

/** A message to oneself: unlike `setTimeout` it is neither slowed down in the background nor delayed by 4 ms. */
function createSoon(): (callback: () => void) => void {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.addEventListener('message', () => waiting.shift()?.());
  port1.start();
  return (callback) => {
    waiting.push(callback);
    port2.postMessage(undefined);
  };
}
