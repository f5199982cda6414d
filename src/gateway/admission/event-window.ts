import type { Clock } from '../../ports/ports.ts';

/** What is counted of a peer's streams and frames is counted within so much time, in milliseconds. */
export const WINDOW_MS = 10_000;

/**
 * Counts events of one peer and says when more than `most` came within `windowMs`. The clock is looked at once in `most`
 * events, so that counting costs an addition; between once and twice `most` may pass before it is noticed.
 */
export class EventWindow {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #windowMs: number;
  #count = 0;
  #since: number;

  constructor(clock: Clock, most: number, windowMs: number) {
    this.#clock = clock;
    this.#most = most;
    this.#windowMs = windowMs;
    this.#since = clock.monotonic();
  }

  /** One more; true when it is one too many. */
  add(): boolean {
    this.#count += 1;
    if (this.#count <= this.#most) return false;
    const now = this.#clock.monotonic();
    if (now - this.#since < this.#windowMs) return true;
    this.#since = now;
    this.#count = 1;
    return false;
  }
}
