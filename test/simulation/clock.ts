import type { CancelTimer, Clock } from '../../src/ports/ports.ts';

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/** A clock that only moves when it is told to; `soon` and pending promises still run on the real event loop. */
export class SimulatedClock implements Clock {
  #now: number;
  /** How far the date has jumped. */
  #ahead = 0;
  #timers = new Set<Timer>();

  constructor(start = 1_700_000_000_000) {
    this.#now = start;
  }

  now(): number {
    return this.#now + this.#ahead;
  }

  /** Sets the date forward, or with a negative number back; no time passes. */
  jump(milliseconds: number): void {
    this.#ahead += milliseconds;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    const timer = { due: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  /** Moves time on; timers fire in the order in which they are due. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds;
    for (;;) {
      const next = [...this.#timers].filter(({ due }) => due <= until).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.callback();
      await settle();
    }
    this.#now = until;
    await settle();
  }
}

/** Lets everything that is ready run: promises, and the turns of the event loop that they ask for. */
export async function settle(turns = 12): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
