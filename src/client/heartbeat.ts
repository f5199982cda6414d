import type { CancelTimer, Clock } from '../protocol/ports.ts';
import type { Silence } from './transport.ts';

export interface HeartbeatEvents {
  /** Nothing has arrived for `afterMs`: ask for something. */
  silent(): void;
  /** Nothing has arrived since, for `timeoutMs` either. */
  dead(): void;
}

/**
 * Tells a silent peer from a dead one. Only an answer that does not come counts against the peer, never a timer that was
 * late: a browser slows down the timers of a page in the background, and a machine may sleep.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #silence: Silence;
  readonly #events: HeartbeatEvents;
  #heardAt: number;
  #cancel: CancelTimer;

  constructor(clock: Clock, silence: Silence, events: HeartbeatEvents) {
    this.#clock = clock;
    this.#silence = silence;
    this.#events = events;
    this.#heardAt = clock.monotonic();
    this.#cancel = this.#listen(silence.afterMs);
  }

  /** Something has arrived. */
  heard(): void {
    this.#heardAt = this.#clock.monotonic();
  }

  stop(): void {
    this.#cancel();
  }

  #listen(delayMs: number): CancelTimer {
    return this.#clock.after(delayMs, () => {
      const left = this.#silence.afterMs - (this.#clock.monotonic() - this.#heardAt);
      this.#cancel = left > 0 ? this.#listen(left) : this.#ask();
    });
  }

  #ask(): CancelTimer {
    const { afterMs, timeoutMs } = this.#silence;
    const askedAfter = this.#heardAt;
    const cancel = this.#clock.after(timeoutMs, () => {
      if (this.#heardAt === askedAfter) this.#events.dead();
      else this.#cancel = this.#listen(afterMs);
    });
    this.#events.silent();
    return cancel;
  }
}
