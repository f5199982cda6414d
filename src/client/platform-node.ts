import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { clearTimeout, setImmediate as nextTurn, setTimeout as startTimer } from 'node:timers';
import { sodiumBackend } from '../crypto/index.ts';
import { afterDelay, type Timers } from '../ports/long-delay.ts';
import type { Clock, Random } from '../ports/ports.ts';
import type { CryptoBackend } from '../protocol/crypto-backend.ts';

const timers: Timers = {
  monotonic: () => performance.now(),
  start(delayMs, callback) {
    const timer = startTimer(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * Unlike the server's clock its timers keep the process alive: a client that waits for its next attempt has nothing else
 * that does. Every timer ends with the client.
 */
export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: timers.monotonic,
  after: (delayMs, callback) => afterDelay(timers, delayMs, callback),
  soon(callback) {
    nextTurn(callback);
  },
};

/** The operating system's CSPRNG. */
export const nodeRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };

/** The cryptography of the SDK on Node.js: libsodium. */
export const nodeBackend: CryptoBackend = sodiumBackend;

/** What nobody listens to becomes a warning of the process; it goes on. */
export function nodeReport(error: Error): void {
  process.emitWarning(error);
}
