import type { Clock } from '../../ports/ports.ts';

/** Reads the time that stored mail lives by. */
export type MailTime = Pick<MailClock, 'now'>;

/**
 * The time that stored mail lives by: milliseconds that have passed, on no date's word alone. While the server runs it is
 * the monotonic clock. What passed between two events of an earlier run, and since the last one, only dates tell, and a
 * date may jump: such a step counts for a quarter of a letter's life at most, and backwards for nothing.
 */
export class MailClock {
  readonly #clock: Clock;
  readonly #longestStep: number;
  /** As of the last date that was observed, or of the start. */
  #passed = 0;
  #date: number | undefined;
  /** Monotonic time of the start; undefined: the log is still being read. */
  #started: number | undefined;

  /** @param lifetime of a letter, milliseconds */
  constructor(clock: Clock, lifetime: number) {
    this.#clock = clock;
    this.#longestStep = lifetime / 4;
  }

  /** An event of the log that was recorded at this date; in the log's order. */
  observe(recordedAt: number): void {
    const step = recordedAt - (this.#date ?? recordedAt);
    this.#passed += Math.min(Math.max(step, 0), this.#longestStep);
    this.#date = recordedAt;
  }

  /** The log is read: from now on time passes by itself. */
  start(): void {
    if (this.#date !== undefined) this.observe(this.#clock.now());
    this.#started = this.#clock.monotonic();
  }

  now(): number {
    return this.#started === undefined
      ? this.#passed
      : this.#passed + (this.#clock.monotonic() - this.#started);
  }
}
