import type { CancelTimer, Clock } from '../../ports/ports.ts';
import type { Silence } from '../transports/transport.ts';

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
  #asking = false;
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
    if (!this.#asking) return;
    this.#asking = false;
    this.#cancel();
    this.#cancel = this.#listen(this.#silence.afterMs);
  }

  stop(): void {
    this.#cancel();
  }

  /** One timer for any number of arrivals: it looks, when it fires, how long ago the last one was. */
  #listen(delayMs: number): CancelTimer {
    return this.#clock.after(delayMs, () => {
      const left = this.#silence.afterMs - (this.#clock.monotonic() - this.#heardAt);
      if (left > 0) this.#cancel = this.#listen(left);
      else this.#ask();
    });
  }

  #ask(): void {
    this.#asking = true;
    this.#cancel = this.#clock.after(this.#silence.timeoutMs, () => this.#events.dead());
    this.#events.silent();
  }
}
