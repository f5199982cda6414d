import type { Clock } from '../../ports/ports.ts';

/** After a refused write, nothing is written for so long, in milliseconds; then one may try. */
const REST_MS = 1000;

/**
 * Keeps handshakes from writing to a disk that has just refused one: clients come back at once and often, and each round
 * would cost an append that fails. One handshake in a second tries; the first that succeeds lets all others in.
 */
export class WriteBreaker {
  readonly #clock: Clock;
  /** Of the last failure, or of the last try behind it; undefined while writes succeed. Monotonic milliseconds. */
  #restSince: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a write may be tried now. Asked only for peers that have proved their keys: strangers must not use up the try. */
  mayTry(): boolean {
    const now = this.#clock.monotonic();
    if (this.#restSince === undefined) return true;
    if (now - this.#restSince < REST_MS) return false;
    this.#restSince = now;
    return true;
  }

  succeeded(): void {
    this.#restSince = undefined;
  }

  failed(): void {
    this.#restSince = this.#clock.monotonic();
  }
}
